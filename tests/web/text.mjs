// Chapter 7: a sentence becomes a picture.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { status } from './server.mjs';
import { come, difference, quick, range, shades } from './visit.mjs';

const FAST = 'text.speed=max';
const BAR = 'text-transport';
const WEIGHTS = ['text', 'clip', 'vae'].map((name) => `weights/${name}.safetensors`);
/** What the chapter opens with. */
const PROMPT = 'a bold red three on white paper';
const SEED = 6;
/** What the generator at the top need not do on a GPU in software. */
const LIGHT = 'guidance=1&sampler=euler';
/** A latent that is off by as little as backends may be is decoded to pixels that are off by more. */
const DECODED_GREYS = 6;

/** Waits until the chapter has drawn all of a picture, and CLIP has judged it. */
async function drawn(visit) {
  await visit.until(BAR, 'done');
  await stepIs(visit, await visit.text('text-step-all'));
}

async function stepIs(visit, step) {
  await visit.step(step, 'text-step-now');
  await visit.answered('text-verdict', step);
}

async function open(t, hash = '', where) {
  const visit = await come(t, 'text-stage', `${FAST}&${hash}`, where);
  await drawn(visit);
  return visit;
}

const part = (visit, name) => visit.page.click(`#${BAR} [data-do=${name}]`);

/** Types a text in the place of the one at hand, and returns what the page says of it. */
async function write(visit, text) {
  await visit.slide('#text-prompt', text);
  await visit.answered('text-notes', text.length);
  return visit.text('text-notes');
}

/** Draws what stands in the field, and waits for it. */
async function wish(visit) {
  const before = await visit.text('text-own-text');
  await visit.page.$eval('#text-form button.primary', (button) => button.click());
  await visit.page.waitForFunction((before) => document.getElementById('text-own-text').textContent !== before, {}, before);
  await drawn(visit);
}

/** The last frame of a run through the library: `{ x, nfe, picture }`. */
const last = (visit, settings) => visit.page.evaluate(async (settings) => {
  const run = await window.unnoise.start({ model: 'text', ...settings });
  while (await run.step());
  const { x, nfe, picture } = run.frame;
  return { x: [...x], nfe, picture: [...picture.x] };
}, settings);

/** The coloured picture that the command line draws, without its margin of 2 pixels: red, green and blue values. */
async function native(t, visit, { prompt, ...settings }) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'unnoise-'));
  try {
    const out = path.join(folder, 'picture.png');
    const options = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    await promisify(execFile)(t.native, ['sample', '--prompt', prompt, ...options, '--weights', t.weights, '--device', 'cpu', '--out', out]);
    const bytes = await readFile(out);
    return await visit.page.evaluate(async (base64) => {
      const blob = new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], { type: 'image/png' });
      const bitmap = await createImageBitmap(blob);
      const context = new OffscreenCanvas(64, 64).getContext('2d');
      context.drawImage(bitmap, (64 - bitmap.width) / 2, (64 - bitmap.height) / 2);
      return [...context.getImageData(0, 0, 64, 64).data].filter((_, i) => i % 4 !== 3);
    }, bytes.toString('base64'));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const agrees = (backend, { settings, hash }) => async (t) => {
  const visit = await come(t, 'text-stage', `${FAST}&${hash}&${LIGHT}`, { query: `backend=${backend}` });
  await drawn(visit);
  assert.equal(await visit.page.evaluate(() => window.unnoise.backend), backend);
  const off = difference(await visit.colours('text-picture'), await native(t, visit, settings));
  assert.ok(off <= DECODED_GREYS, `a value differs by ${off} of 255`);
};

const USUAL = { settings: { prompt: PROMPT, seed: SEED, steps: 6 }, hash: 'text.steps=6' };
/** For a GPU in software. */
const FEW = { settings: { prompt: PROMPT, seed: SEED, steps: 2 }, hash: 'text.steps=2' };
const OTHER = {
  settings: { prompt: 'thin green 8, leaning left, on black', seed: 3, steps: 8, sampler: 'euler', guidance: 3 },
  hash: 'text.prompt=thin+green+8,+leaning+left,+on+black&text.seed=3&text.steps=8&text.sampler=euler&text.guidance=3',
};

export const text = {
  async 'chapter 7 costs nothing before it is near, and its weights are fetched once'(t) {
    const fetched = (file) => t.server.requests.filter((entry) => entry.file === file).length;
    const visit = await quick(t, FAST);
    assert.equal(fetched('chapters/text/text.js'), 0);
    for (const file of WEIGHTS) assert.equal(fetched(file), 0, file);
    await visit.goTo('text-stage');
    await drawn(visit);
    for (const file of WEIGHTS) assert.equal(fetched(file), 1, file);
    assert.equal(await visit.alert(), '');
  },

  async 'a sentence becomes the picture that it asks for'(t) {
    const visit = await open(t);
    const steps = Number(await visit.text('text-step-all'));
    assert.equal(await visit.text('text-nfe'), String(2 * steps), 'guidance asks twice a step');
    assert.equal(await visit.text('text-sigma'), '0');
    assert.equal(await visit.text('text-backend'), 'CPU');
    const { picture, x } = await last(visit, { prompt: PROMPT, seed: SEED });
    assert.ok(difference(await visit.colours('text-picture'), shades(picture)) <= 1);
    // The four channels show the latent's signs: orange above 0, blue below.
    for (const channel of range(0, 3)) {
      const shown = await visit.page.$eval(`#text-x canvas:nth-child(${channel + 1})`, (canvas) => [...canvas.getContext('2d').getImageData(0, 0, 8, 8).data]);
      for (const place of range(0, 63)) {
        const value = x[4 * place + channel];
        if (Math.abs(value) > 0.1) assert.equal(shown[4 * place] > shown[4 * place + 2], value > 0);
      }
    }
    // What is measured, and what CLIP takes it for.
    for (const [name, value] of [['ink', 'red'], ['paper', 'white'], ['thickness', 'bold']]) assert.equal(await visit.text(`text-${name}-measured`), value);
    for (const [name, value] of [['digit', 'three'], ['ink', 'red'], ['paper', 'white']]) assert.equal(await visit.text(`text-${name}-fits`), value);
    assert.match(await visit.text('text-best-text'), /^“a .*red three on white paper”$/);
    const [own, best] = await Promise.all(['own', 'best'].map(async (name) => Number(await visit.text(`text-${name}`))));
    assert.ok(best >= own - 0.1, `the best sentence has ${best}, this one ${own}`);
    const cosine = (text) => visit.page.evaluate(async (picture, text) => {
      const [a, b] = await Promise.all([window.unnoise.embedPicture({ picture }), window.unnoise.embedText({ text })]);
      return a.embedding.reduce((sum, value, i) => sum + value * b.embedding[i], 0);
    }, picture, text);
    assert.ok(Math.abs(own - await cosine(PROMPT)) < 0.01);
    const other = await cosine('a thin blue eight on black paper');
    assert.ok(own > other + 0.3, `its cosine is ${own}, that of a sentence of which nothing is true ${other}`);
  },

  async 'the picture steps back, forward, and scrubs by buttons and keys'(t) {
    const visit = await open(t, 'text.steps=6');
    const end = await visit.colours('text-picture');
    await part(visit, 'back');
    await stepIs(visit, 5);
    await part(visit, 'step');
    await stepIs(visit, 6);
    assert.deepEqual(await visit.colours('text-picture'), end);
    await visit.page.focus('#text-studio');
    await visit.press('Home');
    await stepIs(visit, 0);
    assert.equal(await visit.page.$eval('#text-undecoded', (note) => note.hidden), false);
    await visit.press('ArrowRight');
    await stepIs(visit, 1);
    assert.equal(await visit.page.$eval('#text-undecoded', (note) => note.hidden), true);
    await visit.press('End');
    await stepIs(visit, 6);
    assert.deepEqual(await visit.colours('text-picture'), end);
    await visit.page.click('#text-film [data-step="3"]');
    await stepIs(visit, 3);
    await visit.page.waitForFunction(() => document.querySelectorAll('#text-film .drawn').length === 7);
    // The generator above is none of these keys' business, nor is what is typed a key.
    assert.equal(await visit.text('step-now'), '1');
    const seed = await visit.page.$eval('#text-seed', (field) => field.value);
    await visit.page.focus('#text-prompt');
    await visit.press('r');
    assert.equal(await visit.page.$eval('#text-seed', (field) => field.value), seed);
  },

  async 'another sentence is another picture of the same noise'(t) {
    const visit = await open(t, 'text.steps=8');
    const red = await visit.colours('text-picture');
    assert.equal(await write(visit, 'A THIN green eight, on black!'), 'It knows all of these words.');
    assert.deepEqual(await visit.page.$$eval('#text-words span', (chips) => chips.map((chip) => chip.textContent)), ['a', 'thin', 'green', 'eight', 'on', 'black']);
    await visit.page.focus('#text-prompt');
    await visit.press('Enter');
    await visit.shows('text-own-text', /THIN green/);
    await drawn(visit);
    assert.ok(difference(await visit.colours('text-picture'), red) > 50);
    assert.equal(await visit.text('text-ink-measured'), 'green');
    assert.equal(await visit.text('text-paper-measured'), 'black');
    await visit.page.waitForFunction(() => location.hash.includes('text.prompt=A+THIN+green+eight'));

    await visit.page.click('#text-examples button:nth-child(5)');
    await visit.shows('text-own-text', '“a pink digit”');
    await drawn(visit);
    assert.equal(await visit.text('text-ink-measured'), 'pink');
    await visit.click('text-surprise');
    await visit.page.waitForFunction(() => !document.getElementById('text-own-text').textContent.includes('a pink digit'));
    await drawn(visit);
    // Not every sentence names its digit.
    assert.match(await visit.text('text-notes'), /^It knows all of these words\.( No digit is named: the seed chooses one\.)?$/);
    assert.equal(await visit.text('text-own-text'), `“${await visit.page.$eval('#text-prompt', (field) => field.value)}”`);
  },

  async 'unknown words are named, and nothing that is typed breaks the page'(t) {
    const visit = await open(t, 'text.steps=2');
    assert.equal(await write(visit, 'a red Elephant 🐘 and an elephant'), 'Left out, as not known: elephant, 🐘. No digit is named: the seed chooses one.');
    assert.match(await write(visit, 'eine rote Drei'), /eine, rote, drei.*digits 0 to 9.*No word is left: the seed chooses\./);
    const markup = '<img src=x onerror="document.title=1"> <b>red</b> three';
    assert.match(await write(visit, markup), /not known: img/);
    await wish(visit);
    assert.equal(await visit.text('text-own-text'), `“${markup}”`);
    assert.equal(await visit.page.$('#text img'), null);
    assert.notEqual(await visit.page.title(), '1');

    const long = 'a bold red three '.repeat(1000);
    assert.match(await write(visit, long), /Only the first 10,000 characters are read\..*as a text may have 23 words/);
    await wish(visit);
    const kept = await visit.colours('text-picture');
    // The address stays short, and leads to the same picture.
    await visit.page.waitForFunction(() => /text\.prompt=a\+bold\+red\+three\+a/.test(location.hash));
    const hash = await visit.hash();
    assert.ok(hash.length < 1000, `an address of ${hash.length} characters`);
    const copy = await open(t, hash);
    assert.deepEqual(await copy.colours('text-picture'), kept);

    const notes = await write(visit, '🐘'.repeat(6000));
    assert.ok(notes.length < 500, `a remark of ${notes.length} characters`);
    await wish(visit);
    assert.equal(await visit.alert(), '');
    assert.equal(await visit.page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), true);
  },

  async 'what a sentence cannot do is said: deny, count further than nine, be misspelt, hide its ink'(t) {
    const visit = await open(t, 'text.steps=2');
    for (const [sentence, remark] of [
      ['not a red three', /denied.*not/],
      ['a red 10 on white', /only the digits 0 to 9: 10/],
      ['a red thre', /thre \(three is\)/],
      ['a red three on red paper', /both red/],
      ['a pink digit', /No digit is named: the seed chooses one\./],
    ]) assert.match(await write(visit, sentence), remark, sentence);
  },

  async 'f reads the digit, whatever CLIP says'(t) {
    const visit = await open(t);
    assert.equal(await visit.text('text-digit-measured'), 'three');
  },

  async 'no words: the seed chooses the digit'(t) {
    const visit = await open(t, 'text.steps=6&text.prompt=');
    assert.equal(await visit.text('text-notes'), 'No words: the seed chooses the digit, and the rest.');
    const read = await visit.text('text-digit-measured');
    assert.notEqual(read, 'none');
    assert.notEqual(read, '–');
    assert.match(await visit.text('text-own-text'), /anything fits/);
    assert.equal(await visit.text('text-own'), '–');
    assert.match(await visit.text('text-best-text'), /^“a /);
    const empty = await visit.colours('text-picture');
    // Words that are not known leave nothing either.
    await write(visit, 'ein Elefant');
    await visit.page.click('#text-form button.primary');
    await visit.page.waitForFunction(() => location.hash.includes('text.prompt=ein'));
    await drawn(visit);
    assert.deepEqual(await visit.colours('text-picture'), empty);
  },

  async 'guidance, steps, sampler and seed: each makes another run'(t) {
    const visit = await open(t, 'text.steps=4');
    const first = await visit.colours('text-picture');
    const calls = () => visit.page.evaluate(() => {
      const state = new URLSearchParams(location.hash.slice(1));
      const steps = Number(state.get('text.steps'));
      return (state.get('text.guidance') === '1' ? 1 : 2) * (state.get('text.sampler') === 'heun' ? 2 * steps - 1 : steps);
    });
    /** Changes a setting, and waits until the page has judged the picture that it makes, not the one before. */
    const changed = async (hash, change) => {
      await visit.page.$eval('#text-verdict', (verdict) => (verdict.dataset.answered = 'the picture before'));
      await change();
      await visit.page.waitForFunction((hash) => location.hash.includes(hash), {}, hash);
      // What was overtaken is given a moment to show something.
      await new Promise((resolve) => setTimeout(resolve, 400));
      await drawn(visit);
      assert.equal(await visit.text('text-nfe'), String(await calls()), hash);
    };
    await changed('text.guidance=6', () => visit.drag('#text-guidance', range(2, 6)));
    assert.ok(difference(await visit.colours('text-picture'), first) > 2);
    await changed('text.guidance=1', () => visit.slide('#text-guidance', 1));
    assert.match(await visit.text('text-guidance-hint'), /^Off/);
    await changed('text.steps=9', () => visit.drag('#text-steps', range(5, 9)));
    await changed('text.sampler=heun', () => visit.page.select('#text-sampler', 'heun'));
    await changed('text.sampler=ddim', () => visit.page.select('#text-sampler', 'ddim'));
    assert.equal(await visit.page.$eval('#text-eta-field', (field) => field.hidden), false);
    const before = await visit.colours('text-picture');
    await changed('text.seed=', () => visit.click('text-reroll'));
    assert.ok(difference(await visit.colours('text-picture'), before) > 50);
  },

  async 'what the picture should not show, and a link that keeps it'(t) {
    const visit = await open(t);
    await visit.page.$eval('#text-examples [data-not]', (button) => button.click());
    await visit.shows('text-not-notes', /It is led away from: bold\./);
    await visit.shows('text-away', 'what it should not show');
    await drawn(visit);
    const settings = { prompt: 'a three', seed: SEED };
    const [plain, without] = [await last(visit, settings), await last(visit, { ...settings, negative: 'bold' })];
    assert.ok(difference(await visit.colours('text-picture'), shades(without.picture)) <= 1);
    const thickness = (picture) => visit.page.evaluate(async (picture) => (await window.unnoise.measure({ picture })).thickness, picture);
    assert.deepEqual([await thickness(plain.picture), await thickness(without.picture)], ['bold', 'thin']);
    await visit.page.waitForFunction(() => location.hash.includes('text.not=bold'));
    const copy = await open(t, await visit.hash());
    assert.equal(await copy.page.$eval('#text-not', (field) => field.value), 'bold');
    assert.ok(difference(await copy.colours('text-picture'), shades(without.picture)) <= 1);

    // By keys: another one, and none of it is known.
    await visit.page.$eval('#text-not', (field) => (field.value = ''));
    await visit.page.focus('#text-not');
    await visit.page.keyboard.type('elephants');
    await visit.shows('text-not-notes', /elephants/);
    await visit.press('Enter');
    await visit.shows('text-away', 'the empty one');
    await drawn(visit);
    assert.ok(difference(await visit.colours('text-picture'), shades(plain.picture)) <= 1);
    // Guidance that is off leads away from nothing.
    await visit.page.$eval('#text-not', (field) => (field.value = 'bold'));
    await visit.press('Enter');
    await visit.shows('text-away', 'what it should not show');
    await visit.slide('#text-guidance', 1);
    await visit.shows('text-guidance-hint', /^Above 1/);
    await visit.shows('text-away', 'the empty one');
    assert.equal(await visit.alert(), '');
    // Whoever denies something in the sentence is shown the way.
    await visit.page.$eval('#text-prompt', (field) => (field.value = ''));
    await visit.page.focus('#text-prompt');
    await visit.page.keyboard.type('a three, not bold');
    await visit.shows('text-notes', /has a field of its own/);
  },

  async 'a link restores the sentence, the settings and the step'(t) {
    const visit = await open(t, OTHER.hash);
    await part(visit, 'back');
    await part(visit, 'back');
    await stepIs(visit, 6);
    await visit.page.waitForFunction(() => location.hash.includes('text.step=6'));
    const copy = await come(t, 'text-stage', await visit.hash());
    await stepIs(copy, 6);
    assert.deepEqual(await copy.colours('text-picture'), await visit.colours('text-picture'));
    assert.equal(await copy.page.$eval('#text-prompt', (field) => field.value), OTHER.settings.prompt);
    for (const [id, value] of [['guidance', '3'], ['steps', '8'], ['sampler', 'euler'], ['seed', '3']]) {
      assert.equal(await copy.page.$eval(`#text-${id}`, (field) => field.value), value);
    }
    // Another link in the same tab.
    await copy.page.evaluate(() => (location.hash = 'text.prompt=a+pink+digit&text.steps=3'));
    await copy.shows('text-own-text', '“a pink digit”');
    await drawn(copy);
    await copy.shows('text-step-all', '3');
  },

  async 'a sentence that fits better than all that are tried is said to'(t) {
    const visit = await quick(t);
    const titles = await visit.page.evaluate(async (judge) => {
      const { Verdict } = await import(judge);
      const [fits, table] = [document.createElement('div'), document.createElement('tbody')];
      const verdict = new Verdict(fits, table, { id: 'tried', info: window.unnoise.info });
      return [0.36, 0.38, null].map((cosine) => {
        verdict.showOwn('a red three', cosine);
        verdict.showFindings({ sentence: 'a large red three', cosine: 0.37, attributes: {} }, null);
        return fits.querySelector('#tried-best-title').textContent;
      });
    }, await visit.module('chapters/text/text-judge.js'));
    assert.match(titles[0], /fits best/);
    assert.match(titles[1], /^Yours fits better/);
    assert.match(titles[2], /fits best/);
  },

  async 'the picture is saved as PNG'(t) {
    const visit = await open(t, 'text.steps=2');
    const saved = visit.page.evaluate(() => new Promise((resolve, reject) => {
      // What the page would have the browser save.
      const { createObjectURL } = URL;
      let blob;
      URL.createObjectURL = (of) => createObjectURL.call(URL, (blob = of));
      HTMLAnchorElement.prototype.click = function () {
        createImageBitmap(blob).then(({ width, height }) => resolve({ name: this.download, size: [width, height] }), reject);
      };
      document.getElementById('text-save').click();
    }));
    assert.deepEqual(await saved, { name: 'unnoise-a-bold-red-three-on-white-paper-seed-6-step-2.png', size: [512, 512] });
  },

  async 'what cannot be had gets a sentence'(t) {
    const visit = await open(t, 'text.seed=x&text.steps=0&text.sampler=magic&text.guidance=99');
    assert.match(await visit.sentence(), /text\.seed = x, text\.steps = 0, text\.sampler = magic, text\.guidance = 99/);
    assert.equal(await visit.page.$eval('#text-prompt', (field) => field.value), PROMPT);
  },

  async 'chapter 7 without its weights: a sentence, and trying again'(t) {
    t.server.faults.set(WEIGHTS[0], status(404));
    const visit = await come(t, 'text-stage', `${FAST}&text.steps=2`);
    assert.match(await visit.sentence(), /text\.safetensors is missing/);
    t.server.faults.clear();
    await visit.click('alert button');
    await drawn(visit);
    assert.equal(await visit.alert(), '');
  },

  'the picture of the command line, as it is by default': agrees('cpu', USUAL),
  'the picture of the command line, Euler with guidance': agrees('cpu', OTHER),
};

/** Where the driver can ask for it: not in Firefox. */
export const textCalm = {
  async 'who wants less motion sees the finished picture'(t) {
    const visit = await come(t, 'text-stage', 'text.speed=1&text.steps=30', { calm: true });
    const began = Date.now();
    await drawn(visit);
    assert.ok(Date.now() - began < 25_000, 'it was played at a step a second');
    await visit.page.waitForFunction(() => document.querySelectorAll('#text-film .drawn').length === 31);
  },
};

/** In a browser with WebGPU on SwiftShader. */
export const textWebgpu = {
  'the picture of the command line': agrees('webgpu', FEW),

  async 'a device lost in mid-run: the CPU draws the same picture'(t) {
    const visit = await come(t, 'text-stage', `text.speed=1&text.steps=3&${LIGHT}`, { query: 'backend=webgpu' });
    await visit.page.waitForFunction(() => Number(document.getElementById('text-step-now').textContent) >= 1);
    assert.equal(await visit.text('text-backend'), 'WebGPU');
    await visit.page.evaluate(() => window.unnoise.loseDevice());
    assert.match(await visit.sentence(), /The CPU goes on/);
    await drawn(visit);
    assert.equal(await visit.text('text-backend'), 'CPU');
    const { picture } = await last(visit, { prompt: PROMPT, seed: SEED, steps: 3 });
    assert.ok(difference(await visit.colours('text-picture'), shades(picture)) <= DECODED_GREYS);
  },
};
