// What the page says of the samplers, measured on the network.

import assert from 'node:assert/strict';

import { quick } from './visit.mjs';

const SEEDS = 4;

/** Mean distance from the exact digits, and the mean spread of their pixels beside the exact one. */
const measure = (visit, sampler, steps) => visit.page.evaluate(async (sampler, steps, seeds) => {
  const last = async (settings) => {
    let x;
    for await (const frame of window.unnoise.generate(settings)) x = frame.x;
    return x;
  };
  const spread = (x) => {
    const mean = x.reduce((a, b) => a + b) / x.length;
    return Math.sqrt(x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length);
  };
  window.exact ??= new Map();
  let [distance, ratio] = [0, 0];
  for (let seed = 0; seed < seeds; seed++) {
    if (!window.exact.has(seed)) window.exact.set(seed, await last({ digit: seed, seed, sampler: 'heun', steps: 40 }));
    const exact = window.exact.get(seed);
    const x = await last({ digit: seed, seed, sampler, steps });
    distance += Math.sqrt(x.reduce((sum, value, i) => sum + (value - exact[i]) ** 2, 0) / x.length) / seeds;
    ratio += spread(x) / spread(exact) / seeds;
  }
  return { distance, ratio };
}, sampler, steps, SEEDS);

export const samplers = {
  async 'what the hints say of the samplers holds on the network'(t) {
    const visit = await quick(t);
    const of = async (sampler, steps) => (await measure(visit, sampler, steps)).distance;
    // Two calls a step for guidance, and Heun takes twice as many.
    const best = await of('dpmpp-2m', 10);
    const euler = new Map();
    for (const steps of [5, 10, 20]) euler.set(steps, await of('euler', steps));
    assert.ok(best < euler.get(10) / 2, 'dpmpp-2m beside euler');
    const unipc = await of('unipc', 10);
    for (const [sampler, steps] of [['heun', 6], ['dpmpp-2m', 10], ['dpmpp-3m', 10], ['lms', 10], ['ddim', 10], ['flow', 10], ['euler', 10]]) {
      assert.ok(unipc < (await of(sampler, steps)), `unipc beside ${sampler}`);
    }
    assert.ok((await of('dpmpp-3m', 20)) < (await of('dpmpp-2m', 20)), 'dpmpp-3m beside dpmpp-2m');
    assert.ok((await of('dpmpp-3m', 5)) > euler.get(5), 'dpmpp-3m with 5 steps');
    assert.ok((await of('lms', 20)) < euler.get(20) / 4, 'lms beside euler');
    assert.ok((await of('heun', 8)) < (await of('euler', 16)), 'heun beside euler');
    assert.ok((await measure(visit, 'heun', 3)).ratio > 1.4, 'heun with 3 steps');
    const halved = (await of('euler', 40)) / euler.get(20);
    assert.ok(halved > 0.35 && halved < 0.75, `twice the steps of Euler, ${halved.toFixed(2)} of the error`);
    for (const sampler of ['ddpm', 'euler-ancestral', 'dpmpp-2m-sde', 'gradient-descent', 'momentum']) assert.ok((await of(sampler, 20)) > 0.2, `${sampler} comes to another digit`);
    for (const sampler of ['gradient-descent', 'adam']) assert.ok((await measure(visit, sampler, 5)).ratio > 1.15, `${sampler} with 5 steps`);
  },
};
