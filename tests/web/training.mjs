// Chapter 9: a network learns to draw, in the page and through the library.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

import { status } from './server.mjs';
import { come, quick, range } from './visit.mjs';

/** The native test holds the same losses to its own: `tests/training.rs`. */
const GOLDEN = JSON.parse(await readFile(new URL('../golden/training.json', import.meta.url), 'utf8'));
const TOLERANCE = 1e-3;
/** A light training, for what needs no more. */
const LIGHT = 'training.batch=8';
/** Strokes of a cross and of a bar. */
const CROSS = [[6, 6], [21, 21]];
const BAR = [[14, 4], [14, 23]];

/** The chapter, after its network has drawn what it cannot yet. */
async function open(t, hash = '', where = {}) {
  const visit = await come(t, 'training-work', hash, where);
  await visit.page.waitForSelector('#training[data-sampled]');
  return visit;
}

/** Waits until at least so many steps are shown. */
const trained = (visit, steps) => visit.page.waitForFunction((steps) => Number(document.getElementById('training').dataset.step ?? 0) >= steps, {}, steps);

const steps = async (visit) => Number(await visit.text('training-count'));

const samples = (visit) => visit.page.$$eval('#training-samples canvas', (canvases) => canvases.map((canvas) => canvas.toDataURL()));

export const training = {
  async 'a step shows a mini-batch, its noise, the answer and the error'(t) {
    const visit = await open(t, LIGHT);
    await visit.click('training-step');
    await trained(visit, 1);
    const shown = await visit.page.evaluate(() => ['clean', 'noise', 'noisy', 'answer', 'predicted', 'error'].map((name) => {
      const canvas = document.getElementById(`training-${name}`);
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return new Set(data).size;
    }));
    assert.ok(shown.every((values) => values > 2), `${shown}`);
    assert.equal((await visit.page.$$('#training-sigmas span')).length, 8);
    assert.ok(Number(await visit.text('training-mse')) > 0.1);
    assert.equal(await visit.text('training-seen'), '8');
    // Again by the keyboard: one step with an arrow, on and off with the space bar.
    await visit.page.focus('#training-work');
    await visit.press('ArrowRight');
    await trained(visit, 2);
    await visit.press(' ');
    await trained(visit, 5);
    await visit.press(' ');
    await visit.until('training', 'paused');
    // The settings stand in the address; what makes it another training starts over.
    await visit.slide('#training-rate', '-3');
    await visit.page.click('input[name="training-told"][value="no"] + span');
    await visit.page.waitForFunction(() => document.getElementById('training-count').textContent === '0');
    await visit.page.waitForFunction(() => location.hash.includes('training.told=no') && location.hash.includes('training.rate=-3'));
    const again = await open(t, await visit.hash());
    assert.equal(await again.text('training-rate-is'), '0.001');
    assert.equal(await again.page.$eval('input[name="training-told"][value="no"]', (radio) => radio.checked), true);
  },

  async 'it pauses when nobody looks, and starts over'(t) {
    const visit = await open(t, LIGHT);
    await visit.click('training-play');
    await trained(visit, 3);
    assert.equal(await visit.text('training-play'), 'Pause');
    await visit.goTo('player');
    await visit.until('training', 'paused');
    const before = await steps(visit);
    await visit.goTo('training-work');
    assert.equal(await visit.text('training-play'), 'Train');
    await visit.click('training-step');
    await trained(visit, before + 1);
    await visit.click('training-reset');
    await visit.shows('training-count', '0');
    await visit.page.waitForSelector('#training[data-sampled="0"]');
  },

  async 'a few drawings of one’s own are learnt from'(t) {
    const visit = await open(t, LIGHT);
    await visit.page.click('input[name="training-from"][value="drawings"] + span');
    await visit.page.waitForSelector('#training-own:not([hidden])');
    await visit.click('training-play');
    await visit.shows('training-status', /Draw something/);
    for (const line of [CROSS, BAR]) {
      await visit.stroke('training-sketch', line);
      await visit.click('training-keep');
    }
    assert.equal((await visit.page.$$('#training-kept button')).length, 2);
    await visit.page.waitForSelector('#training[data-sampled="0"]');
    await visit.click('training-step');
    await trained(visit, 1);
    await visit.page.waitForFunction(() => location.hash.includes('training.drawings='));
    const again = await open(t, await visit.hash());
    assert.equal((await again.page.$$('#training-kept button')).length, 2);
    await again.page.click('#training-kept button');
    await again.page.waitForFunction(() => document.querySelectorAll('#training-kept button').length === 1);
  },

  async 'the library trains as natively'(t) {
    const visit = await quick(t);
    const losses = await visit.page.evaluate(async (count) => {
      const training = await window.unnoise.train();
      const losses = [];
      for (let i = 0; i < count; i++) losses.push((await training.step()).loss);
      training.close();
      return losses;
    }, GOLDEN.length);
    for (const [i, loss] of losses.entries()) assert.ok(Math.abs(loss - GOLDEN[i]) < TOLERANCE, `step ${i + 1}: ${loss}, natively ${GOLDEN[i]}`);
  },

  async 'a network is saved and opened again, and files that are none are refused'(t) {
    const visit = await quick(t);
    const found = await visit.page.evaluate(async () => {
      const first = await window.unnoise.train({ batch: 4, tellSigma: false });
      for (let i = 0; i < 3; i++) await first.step();
      const bytes = await first.save();
      const seeds = [1, 2];
      const drawn = await first.sample({ seeds, digits: [3, null] });
      const other = await window.unnoise.train({ seed: 5 });
      const refused = [];
      for (const bad of [new Uint8Array(0), bytes.slice(0, 1000), new TextEncoder().encode('no network')]) refused.push(await other.open(bad).then(() => null, ({ message }) => message));
      const untouched = other.steps;
      await other.open(bytes);
      const again = await other.sample({ seeds, digits: [3, null] });
      const wrong = [{ learningRate: 0 }, { batch: 0.5 }, { seed: -1 }, { tellSigma: 'yes' }, { stepz: 1 }, { drawings: [] }, { drawings: [[1, 2]] }];
      const sentences = [];
      for (const settings of wrong) sentences.push(await window.unnoise.train(settings).then(() => null, ({ message }) => message));
      sentences.push(await other.sample({ seeds: [] }).then(() => null, ({ message }) => message));
      first.close();
      const closed = await first.step().then(() => null, ({ message }) => message);
      other.close();
      return { refused, untouched, steps: other.steps, told: other.settings.tellSigma, same: drawn.every((picture, i) => picture.every((value, j) => value === again[i][j])), sentences, closed };
    });
    assert.ok(found.refused.every((message) => message?.startsWith('This is no network')), `${found.refused}`);
    assert.deepEqual([found.untouched, found.steps, found.told, found.same], [0, 3, false, true]);
    assert.ok(found.sentences.every(Boolean), `${found.sentences}`);
    assert.match(found.closed, /closed/);
  },
};

/** Once is enough: it takes what a visitor waits. */
export const trainingRun = {
  async 'the default run learns to draw digits that f reads'(t) {
    const visit = await open(t);
    const before = await samples(visit);
    await visit.click('training-play');
    for (const steps of range(60, 600, 60)) await trained(visit, steps);
    await visit.until('training', 'paused');
    await visit.page.waitForSelector('#training[data-read="600"]');
    assert.ok(Number(await visit.text('training-loss')) < 0.2, `the error is ${await visit.text('training-loss')}`);
    const [right] = (await visit.text('training-right')).split(' ');
    assert.ok(Number(right) >= 12, `${right} of 20 are read right`);
    assert.notDeepEqual(await samples(visit), before);
    assert.equal(await visit.alert(), '');
  },

  async 'digits that are missing get a sentence and another try'(t) {
    const visit = await quick(t);
    t.server.faults.set('weights/digits.safetensors', status(404));
    await visit.goTo('training-work');
    assert.match(await visit.sentence(), /digits\.safetensors is missing/);
    t.server.faults.clear();
    await visit.page.click('#alert .primary');
    await visit.page.waitForSelector('#training[data-sampled]');
  },
};

export const trainingWebgpu = {
  async 'where WebGPU draws, a network is still trained, on the CPU'(t) {
    const visit = await open(t, LIGHT, { query: 'backend=webgpu' });
    assert.match(await visit.text('backend'), /^WebGPU/);
    const before = await samples(visit);
    await visit.click('training-play');
    await trained(visit, 20);
    await visit.click('training-play');
    await visit.until('training', 'paused');
    assert.ok(Number(await visit.text('training-loss')) > 0);
    await visit.page.waitForFunction((before) => [...document.querySelectorAll('#training-samples canvas')].some((canvas, i) => canvas.toDataURL() !== before[i]), {}, before);
    assert.equal(await visit.alert(), '');
  },
};
