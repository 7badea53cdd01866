// WebGPU: where there is one, where there is none, and where it goes away.

import assert from 'node:assert/strict';

import { engines } from './gpu.mjs';
import { status } from './server.mjs';
import { difference } from './visit.mjs';

const FORCED = 'backend=webgpu';

/** In a browser without WebGPU. */
export const withoutWebgpu = {
  async 'WebGPU that is not there: a sentence, and the CPU goes on'(t) {
    const visit = await t.visit({ query: FORCED, hash: 'steps=4&speed=max' });
    assert.match(await visit.sentence(), /WebGPU.*The CPU is used instead\./);
    await visit.state('done');
    assert.equal(await visit.text('backend'), 'CPU');
  },

  async 'a backend that does not exist: a sentence, and the CPU goes on'(t) {
    const visit = await t.visit({ query: 'backend=abacus', hash: 'steps=2&speed=max' });
    assert.match(await visit.sentence(), /"abacus", which does not exist/);
    await visit.state('done');
  },

  async 'with no wish, the CPU draws and says why'(t) {
    const visit = await t.visit({ hash: 'steps=2&speed=max' });
    await visit.state('done');
    await visit.page.waitForFunction(() => window.unnoise.measured.state === 'done');
    assert.match(await visit.text('backend-note'), /the CPU is used/i);
    assert.ok(!t.server.requests.some(({ file }) => file.startsWith('wasm/gpu/')), 'the GPU bundle was loaded in vain');
  },
};

/** In a browser with WebGPU on SwiftShader. */
export const webgpu = {
  async 'a digit forms, steps back, and is read off the canvas'(t) {
    const visit = await t.visit({ query: FORCED, hash: 'steps=4&sampler=euler&guidance=1&speed=max' });
    await visit.state('done');
    assert.equal(await visit.text('backend'), 'WebGPU');
    assert.equal(await visit.alert(), '');
    assert.equal(await visit.page.evaluate(() => window.unnoise.backend), 'webgpu');
    const last = await visit.pixels('x');
    await visit.click('back');
    await visit.step(3);
    assert.notDeepEqual(await visit.pixels('x'), last);
    await visit.click('step');
    await visit.step(4);
    assert.deepEqual(await visit.pixels('x'), last);
  },

  async 'WebGPU and CPU agree on the same seed, with guidance'(t) {
    const visit = await t.visit({ query: FORCED, hash: 'steps=1&speed=max' });
    await visit.state('done');
    const settings = { digit: 8, seed: 21, steps: 4 };
    const gpu = await visit.frames(settings);
    await visit.page.evaluate(() => window.unnoise.use('cpu'));
    const cpu = await visit.frames(settings);
    assert.ok(difference(gpu.at(-1).x, cpu.at(-1).x) <= t.tolerance);
    assert.notDeepEqual(gpu.at(-1).x, cpu.at(-1).x, 'both were computed in the same place');
  },

  async 'two steps of the binding at once: a sentence, and the first goes on'(t) {
    const visit = await t.visit({ query: FORCED, hash: 'steps=1&speed=max' });
    await visit.state('done');
    await engines(visit);
    const answers = await visit.page.evaluate(async () => {
      const run = (await window.engineOf('gpu', ['unet'])).start({ digit: 1, seed: 1, steps: 2, sampler: 'euler', guidance: 1 });
      const settled = await Promise.allSettled([run.step(), run.step()]);
      return settled.map(({ value, reason }) => value?.step ?? reason.message);
    });
    assert.deepEqual(answers, [1, 'the last step is still under way: await it first']);
  },

  async 'a device lost in mid-run: a sentence, and the CPU draws the same digit'(t) {
    const hash = 'digit=3&seed=7&steps=8&guidance=1&speed=max';
    const visit = await t.visit({ query: FORCED, hash });
    await visit.page.waitForFunction(() => Number(document.getElementById('step-now').textContent) >= 2);
    await visit.page.evaluate(() => window.unnoise.loseDevice());
    assert.match(await visit.sentence(), /WebGPU stopped: the graphics device was lost.*The CPU goes on/);
    await visit.state('done');
    assert.equal(await visit.text('backend'), 'CPU');
    const mended = await visit.pixels('x');
    const whole = await t.visit({ query: 'backend=cpu', hash });
    await whole.state('done');
    assert.ok(difference(mended, await whole.pixels('x')) <= t.greys);
  },

  async 'a WebGPU engine that is missing: a sentence, and the CPU goes on'(t) {
    t.server.faults.set('wasm/gpu/unnoise_bg.wasm', status(404));
    const visit = await t.visit({ query: FORCED, hash: 'steps=2&speed=max' });
    assert.match(await visit.sentence(), /could not be loaded \(HTTP 404\).*The CPU is used instead\./);
    await visit.state('done');
    assert.equal(await visit.text('backend'), 'CPU');
  },

  async 'weights that were altered: a sentence on WebGPU too'(t) {
    t.server.faults.set('weights/unet.safetensors', (response, body) => {
      const altered = Buffer.from(body);
      altered[altered.length - 1] ^= 1;
      response.end(altered);
    });
    const visit = await t.visit({ query: FORCED });
    assert.match(await visit.sentence(), /was altered/);
  },

  async 'with no wish, a GPU in software is not preferred'(t) {
    const visit = await t.visit({ hash: 'steps=2&speed=max' });
    await visit.state('done');
    await visit.page.waitForFunction(() => window.unnoise.measured.state === 'done');
    assert.equal(await visit.page.evaluate(() => window.unnoise.backend), 'cpu');
  },
};
