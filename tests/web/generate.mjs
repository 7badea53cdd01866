// What every browser must do on the CPU.

import assert from 'node:assert/strict';

import { difference, quick } from './visit.mjs';

const FAST = 'speed=max';
/** Ink: pixels of the finished digit that are nearly white. */
const ink = (pixels) => pixels.filter((grey) => grey > 200).length;

export const generate = {
  async 'the first digit forms by itself'(t) {
    const visit = await t.visit();
    await visit.state('done');
    assert.equal(await visit.text('backend'), 'CPU');
    assert.equal(await visit.text('step-now'), await visit.text('step-all'));
    assert.equal(await visit.text('sigma'), '0');
    assert.equal(await visit.alert(), '');
    for (const canvas of ['x', 'denoised']) {
      const pixels = await visit.pixels(canvas);
      assert.ok(ink(pixels) > 20 && ink(pixels) < 300, `${ink(pixels)} pixels of ink in ${canvas}`);
      assert.ok(pixels.filter((grey) => grey < 30).length > 300, `${canvas} has no black paper`);
    }
  },

  async 'stepping back and forward, and scrubbing, show the kept frames again'(t) {
    const visit = await t.visit({ hash: `${FAST}&steps=8` });
    await visit.state('done');
    const last = await visit.pixels('x');
    await visit.click('back');
    await visit.step(7);
    const earlier = await visit.pixels('x');
    assert.notDeepEqual(earlier, last);
    await visit.page.waitForFunction(() => document.getElementById('status').textContent.includes('step 7 of 8'));
    await visit.click('step');
    await visit.step(8);
    assert.deepEqual(await visit.pixels('x'), last);

    await visit.scrub(0);
    await visit.step(0);
    assert.equal(await visit.text('nfe'), '0');
    assert.equal(await visit.page.$eval('#unasked', (element) => element.hidden), false);
    const noise = await visit.pixels('x');
    assert.ok(noise.filter((grey) => grey > 30 && grey < 225).length > 300, 'frame 0 is no noise');
    await visit.scrub(7);
    await visit.step(7);
    assert.deepEqual(await visit.pixels('x'), earlier);
    assert.equal(await visit.text('nfe'), '14');

    await visit.click('restart');
    await visit.state('done');
    assert.deepEqual(await visit.pixels('x'), last);
  },

  async 'what is asked of a run while another takes its place is done by that one'(t) {
    const visit = await t.visit({ hash: `${FAST}&steps=6` });
    await visit.state('done');
    await visit.scrub(3);
    await visit.state('paused');
    await visit.page.evaluate(() => {
      for (const [id, value] of [['strength', 1], ['scrub', 6]]) {
        const slider = document.getElementById(id);
        slider.value = value;
        slider.dispatchEvent(new Event('input', { bubbles: true }));
      }
    });
    // Without guidance, a call a step: no older run.
    await visit.shows('status', /^Finished: 6 steps, 6 network calls/);
    await visit.step(6);
  },

  async 'frames that are kept cost no network call'(t) {
    const visit = await quick(t);
    const result = await visit.page.evaluate(async () => {
      const run = await window.unnoise.start({ digit: 4, seed: 3, steps: 6 });
      while (await run.step());
      const kept = run.frames.map((frame) => frame);
      run.seek(2);
      const back = run.back() === kept[1];
      const again = [];
      while (await run.step()) again.push(run.frame === kept[run.index]);
      return { back, again, nfe: run.frame.nfe, done: run.done };
    });
    assert.deepEqual(result, { back: true, again: [true, true, true, true, true], nfe: 12, done: true });
  },

  async 'the same seed gives the same picture, another one another'(t) {
    const visit = await quick(t);
    const settings = { digit: 5, seed: 11, steps: 5 };
    const [first, again, other] = [await visit.frames(settings), await visit.frames(settings), await visit.frames({ ...settings, seed: 12 })];
    assert.deepEqual(again.map(({ x }) => x), first.map(({ x }) => x));
    assert.ok(difference(first.at(-1).x, other.at(-1).x) > 0.5);
  },

  async 'every sampler ends in a picture and counts its network calls'(t) {
    const visit = await quick(t);
    const samplers = await visit.page.evaluate(() => window.unnoise.info.samplers.map(({ name }) => name));
    assert.ok(samplers.length >= 5);
    for (const sampler of samplers) {
      const frames = await visit.frames({ digit: 1, seed: 2, steps: 10, sampler, guidance: 1 });
      assert.equal(frames.length, 11);
      assert.equal(frames.at(-1).sigma, 0);
      assert.equal(frames.at(-1).nfe, sampler === 'heun' ? 19 : 10, sampler);
      assert.ok(frames.every((frame, i) => i === 0 || frame.sigma < frames[i - 1].sigma), `${sampler}: sigma does not fall`);
      assert.ok(frames.at(-1).x.every((value) => Math.abs(value) < 3), `${sampler}: far outside black and white`);
    }
  },

  async 'noise levels can be chosen, those that were fitted too, and stand in the address'(t) {
    const visit = await t.visit({ hash: `${FAST}&steps=4` });
    await visit.state('done');
    const [offered, schedules, fit] = await visit.page.evaluate(() => [
      [...document.getElementById('levels').options].map(({ value }) => value),
      window.unnoise.info.schedules,
      window.unnoise.info.models.unet.fit,
    ]);
    assert.deepEqual(offered, ['own', ...schedules]);
    assert.match(await visit.text('levels-hint'), /^Karras\./);
    const own = await visit.pixels('x');
    await visit.page.select('#levels', 'fitted');
    await visit.page.waitForFunction(() => location.hash.includes('schedule=fitted'));
    await visit.page.waitForFunction((sigma) => document.getElementById('levels-hint').textContent.includes(sigma), {}, fit.tables[4].fitted.heldOut.toFixed(2));
    await visit.state('done');
    const hash = await visit.page.evaluate(() => location.hash.slice(1));
    const fitted = await visit.pixels('x');
    assert.notDeepEqual(fitted, own);
    const { sigma } = (await visit.frames({ digit: 3, steps: 4, schedule: 'fitted' }))[1];
    assert.ok(Math.abs(sigma - fit.tables[4].sigmas[1]) < 1e-9);
    const copy = await t.visit({ hash });
    await copy.state('done');
    assert.deepEqual(await copy.pixels('x'), fitted);
    // What only DDIM has is not sent with another sampler.
    for (const sampler of ['ddim', 'euler']) {
      await copy.page.select('#sampler', sampler);
      await copy.page.waitForFunction((sampler) => location.hash.includes(`sampler=${sampler}`), {}, sampler);
    }
    assert.equal(await copy.alert(), '');
  },

  async 'the keyboard plays, steps and picks digits'(t) {
    const visit = await t.visit({ hash: `${FAST}&steps=6` });
    await visit.state('done');
    await visit.press('ArrowLeft');
    await visit.step(5);
    await visit.press('Home');
    await visit.step(0);
    await visit.press('ArrowRight');
    await visit.step(1);
    await visit.press('End');
    await visit.step(6);
    const three = await visit.pixels('x');
    await visit.press('8');
    await visit.page.waitForSelector('[data-digit="8"][aria-pressed=true]');
    await visit.page.waitForFunction(() => document.getElementById('x').getAttribute('aria-label').includes('an 8 at step 6'));
    assert.notDeepEqual(await visit.pixels('x'), three);
    const seed = await visit.page.$eval('#seed', (input) => input.value);
    await visit.press('r');
    await visit.page.waitForFunction((seed) => document.getElementById('seed').value !== seed, {}, seed);
  },

  async 'a link restores its state, to the pixel'(t) {
    const state = { digit: '5', seed: '11', steps: '8', sampler: 'euler', guidance: '2', speed: '3', step: '5' };
    const visit = await t.visit({ hash: new URLSearchParams(state).toString() });
    await visit.state('paused');
    await visit.step(5);
    for (const [id, name] of [['seed', 'seed'], ['steps', 'steps'], ['sampler', 'sampler'], ['strength', 'guidance'], ['speed', 'speed']]) {
      assert.equal(await visit.page.$eval(`#${id}`, (input) => input.value), state[name], name);
    }
    const frames = await visit.frames({ digit: 5, seed: 11, steps: 8, sampler: 'euler', guidance: 2 });
    const { x, sigma } = frames[5];
    const shown = x.map((value) => Math.min(255, Math.max(0, (value / Math.hypot(1, sigma) + 1) * 127.5)));
    assert.ok(difference(await visit.pixels('x'), shown) <= 1);

    await visit.click('step');
    await visit.step(6);
    await visit.page.waitForFunction(() => location.hash.includes('step=6'));
    const link = await visit.hash();
    const pixels = await visit.pixels('x');
    const copy = await t.visit({ hash: link });
    await copy.step(6);
    assert.deepEqual(await copy.pixels('x'), pixels);
  },

  async 'an address with nonsense in it gets a sentence, and a digit'(t) {
    const visit = await t.visit({ query: 'backend=cpu', hash: 'digit=12&steps=many&speed=max' });
    assert.match(await visit.sentence(), /digit = 12, steps = many/);
    await visit.state('done');
  },

  async 'the library refuses what cannot be had, and stops when told to'(t) {
    const visit = await quick(t);
    for (const [settings, sentence] of [
      ['{ digit: 10 }', /digit is 10/],
      ['{ steps: 0 }', /steps is 0/],
      ['{ steps: 1001 }', /steps is 1001/],
      ['{ seed: -1 }', /seed is -1/],
      ['{ guidance: NaN }', /guidance is NaN/],
      ['{ eta: 2 }', /eta is 2/],
      ['{ sampler: "magic" }', /no sampler "magic"/],
      ['{ model: "cats" }', /no model "cats"/],
      ['{ colour: "red" }', /no setting "colour"/],
    ]) {
      assert.match(await visit.failure(`await unnoise.start(${settings})`), sentence);
    }
    assert.match(await visit.failure('(await unnoise.start({ steps: 3 })).seek(2)'), /Frame 2 has not been computed/);
    const aborted = 'const c = new AbortController(); let n = 0; for await (const f of unnoise.generate({ steps: 50, signal: c.signal })) if (++n === 3) c.abort(new Error("enough"));';
    assert.equal(await visit.failure(aborted), 'enough');
  },
};
