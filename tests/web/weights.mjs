// Weights of the visitor's own: dropped onto the page, named in the address, or handed to the library.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { status } from './server.mjs';
import { quick, shades } from './visit.mjs';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/**
 * What somebody else might have exported: `{ name: bytes }` of these networks and their manifest. They are the site's own
 * with a few numbers changed, so that they draw something else. `change` may spoil the manifest, or the files.
 */
async function exported(t, networks, change = () => {}) {
  const { version, models } = JSON.parse(await readFile(path.join(t.weights, 'manifest.json'), 'utf8'));
  const manifest = { version, models: Object.fromEntries(networks.map((name) => [name, models[name]])) };
  const files = {};
  for (const model of Object.values(manifest.models)) {
    const bytes = await readFile(path.join(t.weights, model.file));
    const header = 8 + Number(bytes.readBigUInt64LE(0));
    const tensors = Object.values(JSON.parse(bytes.subarray(8, header)));
    const [from, to] = tensors.find(({ dtype }) => dtype === 'I8').data_offsets;
    bytes.subarray(header + from, header + to).reverse();
    model.sha256 = sha256(bytes);
    files[model.file] = bytes;
  }
  change(manifest, files);
  return { ...files, 'manifest.json': Buffer.from(JSON.stringify(manifest)) };
}

/** A network that was asked for one of ten digits, or none, made to know the first three alone. */
function withThreeClasses(bytes) {
  const from = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, from));
  const parts = [];
  let at = 0;
  for (const [name, tensor] of Object.entries(header)) {
    const [begin, end] = tensor.data_offsets;
    let data = bytes.subarray(from + begin, from + end);
    if (/^class\.weight/.test(name)) {
      const row = data.length / 11;
      data = Buffer.concat([data.subarray(0, 3 * row), data.subarray(10 * row)]);
      tensor.shape[0] *= 4 / 11;
    }
    tensor.data_offsets = [at, (at += data.length)];
    parts.push(data);
  }
  const json = Buffer.from(JSON.stringify(header).padEnd(from, ' '));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...parts]);
}

const base64 = (files) => Object.entries(files).map(([name, bytes]) => [name, bytes.toString('base64')]);

/** Drops files onto the page. */
const drop = (visit, files) => visit.page.evaluate((files) => {
  const dataTransfer = new DataTransfer();
  for (const [name, text] of files) dataTransfer.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name));
  for (const type of ['dragover', 'drop']) document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
}, base64(files));

/** Waits until weights can be taken. */
const ready = (visit) => visit.page.waitForSelector('#weights-open:enabled');

/** Waits until the generator shows what a run by these settings ends in. */
const shows = (visit, settings) => visit.page.waitForFunction(async (settings) => {
  if (document.getElementById('player').dataset.state !== 'done') return false;
  let x;
  for await (const frame of window.unnoise.generate(settings)) ({ x } = frame);
  const { data } = document.getElementById('x').getContext('2d').getImageData(0, 0, 28, 28);
  return x.every((value, i) => Math.abs(data[4 * i] - Math.min(255, Math.max(0, (value + 1) * 127.5))) <= 1);
}, { polling: 300 }, settings);

const SETTINGS = { digit: 3, seed: 7, steps: 1 };
/** The last step of DPM-Solver++(2M) is the estimate: what the canvas shows. */
const last = async (visit) => shades((await visit.frames(SETTINGS)).at(-1).x);

/** As many as there are digits: the network is the site's own. */
const SHAPES = ['circle', 'cross', 'triangle', 'square', 'star', 'heart', 'arrow', 'wave', 'spiral', 'a rather long name'];

const REFUSED = [
  ['weights without their manifest', (manifest, files) => (files.forget = true), /manifest\.json is not among the files/],
  ['a manifest without its weights', (manifest, files) => delete files['unet.safetensors'], /No weights are there: manifest\.json names unet\.safetensors/],
  ['weights that were altered', (manifest, files) => (files['unet.safetensors'][5000] ^= 1), /unet\.safetensors was altered/],
  ['weights cut short', (manifest, files) => (files['unet.safetensors'] = files['unet.safetensors'].subarray(0, 5000)), /is incomplete: 5000 bytes/],
  ['a manifest of another version', (manifest) => (manifest.version = 99), /has version 99/],
  ['a manifest that leads elsewhere', (manifest) => (manifest.models.unet.file = '../unet.safetensors'), /is not one that `unnoise export` has written/],
  ['a manifest of another network', (manifest) => (manifest.models.unet.config.embedding *= 2), /does not fit its model/],
  ['pictures of another size', (manifest) => (manifest.models.unet.config.size = 32), /unet has learned pictures of 32×32 pixels, and those that are shown here have 28×28/],
  ['names for other classes than the network has', (manifest) => (manifest.models.unet.classes = ['circle', 'cross']), /2 names stand there for its 10 classes/],
  ['networks that are not known', (manifest, files) => ([manifest.models, files['magic.safetensors']] = [{ magic: { ...manifest.models.unet, file: 'magic.safetensors' } }, files['unet.safetensors']]), /has none of the networks that are used here: it has magic/],
];

export const ownWeights = {
  async 'weights that are dropped draw at once: the page says whose they are and how good, and goes back to the site’s own'(t) {
    const visit = await quick(t);
    await ready(visit);
    const before = await last(visit);
    const files = await exported(t, ['unet']);
    await drop(visit, files);
    await visit.shows('foreign', /^Not the site’s own weights: unet/);
    await shows(visit, SETTINGS);
    assert.notDeepEqual(await last(visit), before);
    assert.match(await visit.text('weights-note'), /from your files, until the page is closed: unet\. The site’s own go on for clip, noise-level, scorer/);
    const said = await visit.text('weights-list');
    assert.match(said, /622,305 parameters; trained with [\d,]+ samples; validation loss 0\.\d+; 9\d\.\d % of 10,000 digits are read as asked for/);
    assert.ok(said.includes(`fingerprint ${sha256(files['unet.safetensors']).slice(0, 8)}`));
    // A chapter whose network is the site's own works as before.
    await visit.goTo('scorer-climb');
    await visit.until('scorer-transport', 'done');
    await visit.page.$eval('#foreign button', (button) => button.click());
    await visit.page.waitForFunction(() => document.getElementById('foreign').hidden);
    await shows(visit, SETTINGS);
    assert.deepEqual(await last(visit), before);
    assert.match(await visit.text('weights-note'), /^All that is shown comes of the site’s own/);
    assert.equal(await visit.alert(), '');
  },

  async 'classes of one’s own are named where the digits stand'(t) {
    const visit = await quick(t);
    await ready(visit);
    await visit.goTo('guidance-studio');
    await visit.answered('guidance-stage');
    const labels = (selector) => visit.page.$$eval(selector, (all) => all.map((element) => element.textContent));
    const digits = await labels('#digit button');
    await drop(visit, await exported(t, ['unet'], (manifest) => (manifest.models.unet.classes = SHAPES)));
    await visit.shows('foreign', /^Not the site’s own weights: unet/);
    assert.deepEqual(await labels('#digit button'), [...SHAPES, 'any']);
    assert.deepEqual(await labels('#guidance-digit button b'), [...SHAPES, 'any']);
    assert.deepEqual(await labels('#guidance-wish, #guidance-avoid'), ['“square”', 'Not “wave”']);
    await visit.page.$eval('#digit [data-digit="1"]', (button) => button.click());
    await visit.page.waitForFunction(() => document.getElementById('x').getAttribute('aria-label').includes('“cross”'));
    await visit.state('done');
    await shows(visit, { ...SETTINGS, digit: 1 });
    assert.match(await visit.failure(`await window.unnoise.generate({ digit: 10 }).next()`), /digit/);
    // What f knows is the site's own still.
    assert.match((await labels('#scorer-digit button')).join(), /^(0,1,2,3,4,5,6,7,8,9,any)?$/);
    await visit.page.$eval('#foreign button', (button) => button.click());
    await visit.page.waitForFunction(() => document.getElementById('foreign').hidden);
    assert.deepEqual(await labels('#digit button'), digits);
    assert.equal(await visit.alert(), '');
  },

  async 'where weights know three classes, every chapter asks for no other'(t) {
    const visit = await quick(t);
    await ready(visit);
    await drop(visit, await exported(t, ['unet'], ({ models: { unet } }, files) => {
      const bytes = withThreeClasses(files[unet.file]);
      files[unet.file] = bytes;
      unet.config.classes = 3;
      unet.classes = SHAPES.slice(0, 3);
      unet.bytes = bytes.length;
      unet.sha256 = sha256(bytes);
    }));
    await visit.shows('foreign', /^Not the site’s own weights: unet/);
    await visit.state('done');
    await visit.page.waitForFunction(() => new URLSearchParams(location.hash.slice(1)).get('digit') === '2');
    for (const id of ['guidance-stage', 'noise', 'schedule', 'vae', 'clip-ask']) {
      await visit.goTo(id);
      await visit.answered(id);
      assert.equal(await visit.alert(), '', id);
    }
    await visit.goTo('samplers-race');
    await visit.until('samplers-race', 'done');
    assert.equal(await visit.page.$eval('#samplers-digit', (select) => select.value), '2');
    assert.deepEqual(await visit.page.$$eval('#schedule-digit option', (all) => all.map(({ text }) => text)), ['circle', 'cross', 'triangle', 'any']);
    await visit.page.$eval('#schedule-form button.primary', (button) => button.click());
    await visit.until('schedule-runs', 'done');
    assert.equal(await visit.alert(), '');
  },

  async 'weights are chosen by a button, too, for whoever has no mouse'(t) {
    const visit = await quick(t);
    await ready(visit);
    const input = await visit.page.$('#weights-files');
    await input.uploadFile(...['manifest.json', 'unet-blind.safetensors', 'vae.safetensors'].map((name) => path.resolve(t.weights, name)));
    await visit.shows('foreign', /^Not the site’s own weights: unet-blind, vae/);
    assert.match(await visit.text('weights-note'), /with a stranger among them it may draw nonsense/);
    assert.match(await visit.text('weights-list'), /vae .*in 9\d\.\d % of 10,000 pictures the same digit is seen as before/);
  },

  async 'weights that do not fit are refused with a sentence each, and nothing is lost'(t) {
    const visit = await quick(t);
    await ready(visit);
    const before = await visit.pixels('x');
    await visit.page.evaluate(() => (window.first = window.unnoise.info.models.unet.sha256));
    for (const [title, spoil, sentence] of REFUSED) {
      const { forget, ...files } = await exported(t, ['unet'], spoil);
      if (forget) delete files['manifest.json'];
      await drop(visit, files);
      await visit.page.waitForSelector('#alert.shown');
      const said = await visit.alert();
      assert.match(said, sentence, title);
      assert.match(said, /The site’s own stay in use\.$/, title);
      await visit.page.$eval('#alert button', (button) => button.click());
      await ready(visit);
    }
    await drop(visit, { 'manifest.json': Buffer.from('<!doctype html>') });
    assert.match(await visit.sentence(), /manifest\.json cannot be read/);
    assert.equal(await visit.page.evaluate(() => window.unnoise.weights === null && window.first === window.unnoise.info.models.unet.sha256), true);
    assert.deepEqual(await visit.pixels('x'), before);
    await visit.page.$eval('#player [data-do=back]', (button) => button.click());
    await visit.step(0);
  },

  async 'a folder of the same site that the address names is used; what it lacks, and another site, get a sentence'(t) {
    const files = await exported(t, ['unet']);
    for (const [name, bytes] of Object.entries(files)) t.server.beside.set(`mine/${name}`, bytes);
    const visit = await quick(t, '', { query: 'weights=mine/' });
    await ready(visit);
    assert.match(await visit.text('foreign'), /: unet/);
    assert.ok((await visit.text('weights-note')).includes(`from ${t.server.url}mine/: unet.`));
    await shows(visit, SETTINGS);
    // Whoever goes back leaves the folder out of the link, too.
    await visit.page.$eval('#weights-back', (button) => button.click());
    await visit.page.waitForFunction(() => document.getElementById('foreign').hidden && !location.search.includes('weights'));
    await shows(visit, SETTINGS);

    t.server.faults.set('mine/unet.safetensors', status(404));
    for (const [query, sentence] of [
      ['weights=mine', /unet\.safetensors is missing/],
      ['weights=nowhere/', /nowhere\/manifest\.json is missing/],
      ['weights=https://example.org/mine/', /from https:\/\/example\.org, and this page fetches nothing from another site/],
    ]) {
      const other = await quick(t, '', { query });
      assert.match(await other.sentence(), sentence);
      assert.match(await other.alert(), /The site’s own weights are used instead\.$/);
      assert.equal(await other.page.evaluate(() => window.unnoise.weights), null);
    }
  },

  async 'a training that is under way goes on beside other weights'(t) {
    const visit = await quick(t);
    await ready(visit);
    await visit.goTo('training-work');
    await visit.page.waitForSelector('#training[data-sampled="0"]');
    await visit.page.$eval('#training-step', (button) => button.click());
    await visit.shows('training-count', '1');
    await drop(visit, await exported(t, ['unet']));
    await visit.shows('foreign', /unet/);
    await visit.page.$eval('#training-step', (button) => button.click());
    await visit.shows('training-count', '2');
  },

  async 'the library takes weights when it is loaded and later, and a run under way goes on'(t) {
    const visit = await quick(t);
    const files = base64(await exported(t, ['unet', 'scorer']));
    const seen = await visit.page.evaluate(async (files) => {
      const { Unnoise } = await import(new URL('unnoise/unnoise.js', document.baseURI).href);
      const blobs = Object.fromEntries(files.map(([name, text]) => [name, new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))])]));
      const whole = async (u) => {
        let last;
        for await (const { x } of u.generate({ seed: 1, steps: 2 })) last = x;
        return [...last];
      };
      const loaded = await Unnoise.load({ backend: 'cpu', weights: blobs });
      const changed = await Unnoise.load({ backend: 'cpu' });
      const shipped = await whole(changed);
      const run = await changed.start({ seed: 1, steps: 3 });
      await run.step();
      const first = run.frame.x;
      let events = 0;
      changed.addEventListener('weights', () => events++);
      await changed.useWeights(blobs);
      const frame = await run.step();
      return {
        weights: [loaded.weights, changed.weights], alike: [await whole(loaded), await whole(changed)], shipped, events,
        step: frame.step, kept: run.back().x === first, grid: (await changed.quality('digits')).grid,
        refused: await changed.useWeights(7).then(() => null, (error) => error.message),
        back: (await changed.useWeights(null), [changed.weights, await whole(changed)]),
      };
    }, files);
    assert.deepEqual(seen.weights, Array(2).fill({ from: null, networks: ['unet', 'scorer'] }));
    assert.deepEqual(seen.alike[0], seen.alike[1]);
    assert.notDeepEqual(seen.alike[0], seen.shipped);
    assert.deepEqual([seen.events, seen.step, seen.kept], [1, 2, true]);
    assert.equal(seen.grid, null, 'its grid did not come along');
    assert.match(seen.refused, /^weights must be the address of a folder, or files/);
    assert.deepEqual(seen.back, [null, seen.shipped]);
  },
};
