// What can be taken along of a run: the files are read again, pixel by pixel where their format allows it.

import assert from 'node:assert/strict';
import { inflateSync } from 'node:zlib';

import { come, quick } from './visit.mjs';

/** Clicks a button, and returns the file that it leaves: `{ name, type, bytes }`. */
async function take(visit, chapter, kind) {
  const saved = await visit.page.evaluate(async (chapter, kind) => {
    const { click } = HTMLAnchorElement.prototype;
    const create = URL.createObjectURL;
    const file = new Promise((resolve) => {
      let blob;
      URL.createObjectURL = (given) => create.call(URL, (blob = given));
      HTMLAnchorElement.prototype.click = function () {
        resolve({ name: this.download, blob });
      };
    });
    document.querySelector(`#${chapter} [data-take=${kind}]`).click();
    const failed = new Promise((resolve) => {
      new MutationObserver(() => resolve(null)).observe(document.getElementById('alert'), { childList: true });
    });
    const taken = await Promise.race([file, failed]);
    Object.assign(URL, { createObjectURL: create });
    HTMLAnchorElement.prototype.click = click;
    if (!taken) return null;
    window.taken = taken.blob;
    const bytes = new Uint8Array(await taken.blob.arrayBuffer());
    return { name: taken.name, type: taken.blob.type, base64: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')) };
  }, chapter, kind);
  return saved && { ...saved, bytes: Buffer.from(saved.base64, 'base64') };
}

/** The chunks of a PNG, `[type, data]` each. */
function chunks(bytes) {
  assert.equal(bytes.subarray(0, 8).toString('latin1'), '\x89PNG\r\n\x1a\n');
  const all = [];
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    all.push([bytes.toString('latin1', at + 4, at + 8), bytes.subarray(at + 8, at + 8 + length)]);
    at += length + 12;
  }
  return all;
}

const commentOf = (all) => all.filter(([type]) => type === 'iTXt').map(([, data]) => data.toString().split('\0')).find(([keyword]) => keyword === 'Comment').at(-1);

/** The steps of what was taken, as the browser decodes it: how long each is shown, and the pixels of its two pictures. */
const decoded = (visit, side = 28) => visit.page.evaluate(async (side) => {
  const decoder = new ImageDecoder({ data: await window.taken.arrayBuffer(), type: window.taken.type });
  await decoder.tracks.ready;
  const steps = [];
  for (let i = 0; i < decoder.tracks.selectedTrack.frameCount; i++) {
    const { image } = await decoder.decode({ frameIndex: i });
    const { displayWidth: width, displayHeight: height } = image;
    const zoom = height / side;
    const context = new OffscreenCanvas(width, height).getContext('2d');
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    const picture = (from) => Array.from({ length: 3 * side * side }, (_, i) => {
      const [pixel, channel] = [Math.floor(i / 3), i % 3];
      return data[4 * (zoom * Math.floor(pixel / side) * width + from + zoom * (pixel % side)) + channel];
    });
    steps.push({ ms: image.duration / 1000, left: picture(0), right: picture(width - zoom * side) });
    image.close();
  }
  return steps;
}, side);

const threefold = (greys) => greys.flatMap((grey) => [grey, grey, grey]);

const HASH = 'digit=5&seed=2&steps=4&speed=8';

/** A link opens the state that it was made of. */
async function opens(t, link, step) {
  assert.match(link, new RegExp(`step=${step}`));
  const visit = await t.visit({ hash: link.split('#')[1] });
  await visit.step(step);
  return visit;
}

export const takeAlong = {
  async 'all steps as a PNG, with the link in it'(t) {
    const visit = await t.visit({ hash: `${HASH}&step=2` });
    await visit.step(2);
    const { name, type, bytes } = await take(visit, 'player', 'strip');
    assert.equal(name, 'unnoise-5-seed-2.png');
    assert.equal(type, 'image/png');
    const all = chunks(bytes);
    const [width, height] = [all[0][1].readUInt32BE(0), all[0][1].readUInt32BE(4)];
    assert.deepEqual([width, height], [5 * (4 * 28 + 6) + 6, 2 * (4 * 28 + 6) + 6]);
    // The last step's estimate, as it is drawn on the page.
    const lines = inflateSync(Buffer.concat(all.filter(([type]) => type === 'IDAT').map(([, data]) => data)));
    await visit.step(2); // where it was
    const other = await opens(t, commentOf(all), 2);
    await other.press('End');
    await other.state('done');
    const shown = await other.pixels('denoised');
    const grey = shown.map((_, i) => lines[(124 + 4 * Math.floor(i / 28)) * (3 * width + 1) + 1 + 3 * (6 + 4 * 118 + 4 * (i % 28))]);
    assert.deepEqual(grey, shown);
  },

  async 'a GIF and an animated PNG: every step, exact greys, and how long each is shown'(t) {
    const visit = await t.visit({ hash: `${HASH}&step=0` });
    await visit.step(0);
    const noise = await visit.pixels('x');
    for (const kind of ['gif', 'apng']) {
      const { bytes } = await take(visit, 'player', kind);
      const frames = await decoded(visit);
      assert.deepEqual(frames.map(({ ms }) => Math.round(ms)), kind === 'gif' ? [130, 120, 130, 120, 2000] : [125, 125, 125, 125, 2000]);
      assert.deepEqual(frames[0].left, threefold(noise), `${kind}: the noise`);
      await visit.press('End');
      await visit.state('done');
      const digit = await visit.pixels('x');
      assert.deepEqual(frames.at(-1).left, threefold(digit), `${kind}: the digit`);
      assert.ok(bytes.includes(Buffer.from('digit=5')), 'the link is not in it');
      await visit.press('Home');
      await visit.step(0);
    }
  },

  async 'at no limit no browser plays it slower than it says'(t) {
    const visit = await quick(t, 'steps=3');
    await take(visit, 'player', 'gif');
    assert.deepEqual((await decoded(visit)).map(({ ms }) => ms).slice(0, -1), [50, 50, 50]);
  },

  async 'a video, where the browser encodes one: its length, its last picture too, and the link in it'(t) {
    const visit = await t.visit({ hash: `${HASH}&step=1` });
    await visit.step(1);
    for (const kind of ['webm', 'mp4']) {
      const file = await take(visit, 'player', kind);
      if (!file) {
        assert.match(await visit.sentence(), /encodes no (MP4|WebM) video: take the GIF/);
        await visit.click('alert button');
        continue;
      }
      assert.equal(file.type, `video/${kind}`);
      const module = await visit.module('vendor/mediabunny.js');
      const { seconds, comment, wide } = await visit.page.evaluate(async (module) => {
        const { ALL_FORMATS, BlobSource, Input } = await import(module);
        const input = new Input({ formats: ALL_FORMATS, source: new BlobSource(window.taken) });
        const track = await input.getPrimaryVideoTrack();
        return { seconds: await input.computeDuration(), comment: (await input.getMetadataTags()).comment, wide: track.displayWidth };
      }, module);
      assert.ok(Math.abs(seconds - 2.5) < 0.01, `${kind} is ${seconds} s long`);
      assert.equal(wide, 516);
      assert.match(comment, /digit=5.*step=1/);
    }
  },

  async 'the pictures at hand go to the clipboard, and a picture that is saved has the link in it'(t) {
    const visit = await t.visit({ hash: `${HASH}&step=3` });
    await visit.step(3);
    await visit.page.evaluate(() => {
      const write = async ([item]) => (window.taken = await item.getType('image/png'));
      Object.defineProperty(navigator, 'clipboard', { value: { write } });
    });
    await visit.page.$eval('#player .take-along', (details) => (details.open = true));
    await visit.page.focus('#player [data-take=copy]');
    await visit.press('Enter');
    await visit.page.waitForFunction(() => window.taken);
    // Its button, which cannot be pressed meanwhile, has the focus again.
    await visit.page.waitForFunction(() => document.activeElement.dataset.take === 'copy' && !document.activeElement.disabled);
    const [frame] = await decoded(visit);
    assert.deepEqual(frame.left, threefold(await visit.pixels('x')));
    await visit.page.$eval('#save-x', (button) => (button.dataset.take = 'x'));
    const { bytes, name } = await take(visit, 'player', 'x');
    assert.equal(name, 'unnoise-5-seed-2-step-3-x.png');
    await opens(t, commentOf(chunks(bytes)), 3);
  },

  async 'chapters 1, 4 and 7 can be taken along, too'(t) {
    for (const [chapter, place, hash, pictures, side] of [
      ['scorer', 'scorer-climb', 'scorer.steps=4&scorer.speed=max', 5, 28],
      ['guidance', 'guidance-studio', '', 11, 28],
      ['text', 'text-stage', 'text.steps=3&text.speed=max', 4, 64],
    ]) {
      const visit = await come(t, place, hash);
      if (chapter === 'guidance') await visit.answered('guidance-stage');
      else await visit.until(`${chapter}-transport`, 'done');
      const { bytes } = await take(visit, chapter, 'gif');
      const frames = await decoded(visit, side);
      assert.equal(frames.length, pictures);
      assert.ok(bytes.includes(Buffer.from(`at=${chapter}`)));
      // Both pictures of a step on the way are there: at the end guidance has no difference left.
      const { left, right } = frames[2];
      for (const picture of [left, right]) assert.ok(new Set(picture).size > 8, `${chapter}: ${new Set(picture).size} values`);
    }
  },
};
