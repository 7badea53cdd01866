// Chapter 1: the gradient of f draws, and answers the visitor's own pictures.

import assert from 'node:assert/strict';

import { status } from './server.mjs';
import { come, difference, quick } from './visit.mjs';

/** The climb as fast as it goes. */
const FAST = 'scorer.speed=max';
const WEIGHTS = 'weights/scorer.safetensors';
const BAR = 'scorer-transport';
const ink = (pixels) => pixels.filter((grey) => grey > 200).length;

const part = (visit, name) => visit.page.click(`#${BAR} [data-do=${name}]`);

/** Waits until the climb is at a step, and what f says of that step is shown: f may still be busy with others. */
async function stepIs(visit, step) {
  await visit.step(step, 'scorer-step-now');
  await visit.answered('scorer-stage', step);
}

/** The chapter, with its climb done, and f's answer to where it ends. */
async function open(t, hash = '', where) {
  const visit = await come(t, 'scorer-climb', `${FAST}&${hash}`, where);
  await visit.until(BAR, 'done');
  await stepIs(visit, await visit.text('scorer-step-all'));
  return visit;
}

const percent = (text) => Number(text.replace(/[<>%\s]/g, ''));

/** An asymmetric stroke, like a 7. */
const SEVEN = [[8, 7], [19, 7], [12, 22]];

export const scorer = {
  async 'chapter 1 costs nothing before it is near, and its weights are fetched once'(t) {
    const visit = await quick(t, FAST);
    const fetched = (file) => t.server.requests.filter((entry) => entry.file === file).length;
    assert.equal(fetched(WEIGHTS), 0);
    assert.equal(fetched('chapters/scorer/scorer.js'), 0);
    await visit.goTo('scorer-climb');
    await visit.until(BAR, 'done');
    await visit.page.evaluate(() => window.unnoise.ready('scorer-plain'));
    assert.equal(fetched(WEIGHTS), 1);
    assert.equal(fetched('weights/unet.safetensors'), 1);
    assert.equal(fetched('weights/manifest.json'), 1);
  },

  async 'the list of chapters leads there, and leaves what is set as it is'(t) {
    const visit = await quick(t, `${FAST}&seed=9`);
    await visit.page.waitForFunction(() => location.hash.includes('step=1'));
    const state = async () => (await visit.hash()).split('&').filter((part) => !part.startsWith('at=')).sort().join('&');
    const before = await state();
    await visit.page.click('.contents a[href="#at=scorer"]');
    await visit.until(BAR, 'done');
    await visit.page.waitForFunction(() => Math.abs(document.getElementById('scorer').getBoundingClientRect().top) < 5);
    assert.equal(await visit.page.evaluate(() => document.activeElement.id), 'scorer');
    assert.equal(await state(), before);
  },

  async 'the gradient of f draws a digit, and the probability rises'(t) {
    const visit = await open(t, 'scorer.digit=0');
    const pixels = await visit.pixels('scorer-x');
    assert.ok(ink(pixels) > 20 && ink(pixels) < 350, `${ink(pixels)} pixels of ink`);
    assert.equal(await visit.text('scorer-asked'), 'A 0?');
    const end = percent(await visit.text('scorer-p'));
    await visit.slide(`#${BAR} [data-do=scrub]`, 0);
    await stepIs(visit, 0);
    await visit.page.waitForFunction((end) => Number(document.getElementById('scorer-p').textContent.replace(/[<>%\s]/g, '')) < end, {}, end);
    assert.ok(end > 90, `f gives the finished picture ${end} %`);
    assert.equal(await visit.text('scorer-nfe'), '0');
    const shares = await visit.page.$$eval('#scorer-bars .value', (values) => values.map(({ textContent }) => textContent));
    assert.equal(shares.length, 11);
    const sum = shares.reduce((sum, text) => sum + percent(text), 0);
    assert.ok(Math.abs(sum - 100) < 2, `the shares add up to ${sum} %`);
    assert.equal(await visit.alert(), '');
  },

  async 'the climb steps back, forward, and scrubs by buttons and keys'(t) {
    const visit = await open(t, 'scorer.steps=12');
    const last = await visit.pixels('scorer-x');
    await part(visit, 'back');
    await stepIs(visit, 11);
    await part(visit, 'step');
    await stepIs(visit, 12);
    assert.deepEqual(await visit.pixels('scorer-x'), last);
    await visit.page.focus('#scorer-climb');
    await visit.press('Home');
    await stepIs(visit, 0);
    const noise = await visit.pixels('scorer-x');
    assert.notDeepEqual(noise, last);
    await visit.press('ArrowRight');
    await stepIs(visit, 1);
    await visit.press('End');
    await stepIs(visit, 12);
    assert.deepEqual(await visit.pixels('scorer-x'), last);
    await visit.press('8');
    await visit.shows('scorer-asked', 'An 8?');
    // The generator above is none of these keys' business.
    assert.equal(await visit.text('step-now'), '1');
    assert.equal(await visit.page.$eval('#digit [data-digit="3"]', (button) => button.getAttribute('aria-pressed')), 'true');
  },

  async 'where the gradient leads is a picture of its own'(t) {
    const visit = await open(t, 'scorer.steps=12');
    const gradient = await visit.pixels('scorer-gradient');
    await visit.page.click('[data-slope=lead]');
    const lead = await visit.pixels('scorer-gradient');
    assert.notDeepEqual(lead, gradient);
    assert.ok(ink(lead) > 20 && ink(lead) < 350, `${ink(lead)} pixels of ink`);
    await visit.page.click('[data-slope=gradient]');
    assert.deepEqual(await visit.pixels('scorer-gradient'), gradient);
  },

  async 'annealed, f is told what noise is left; plain, always the same'(t) {
    const visit = await open(t, 'scorer.steps=10');
    const told = async () => {
      const amounts = [];
      for (const step of [0, 4, 8]) {
        await visit.slide(`#${BAR} [data-do=scrub]`, step);
        await stepIs(visit, step);
        amounts.push(await visit.text('scorer-told-sigma'));
      }
      return new Set(amounts).size;
    };
    const annealed = await visit.pixels('scorer-x');
    assert.equal(await told(), 3);
    await visit.slide(`#${BAR} [data-do=scrub]`, 10);
    await stepIs(visit, 10);
    await visit.page.click('[name=scorer-told][value=plain] + span');
    await visit.page.waitForFunction(() => location.hash.includes('scorer.told=plain'));
    await visit.page.waitForFunction((before) => {
      const canvas = document.getElementById('scorer-x');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return before.some((grey, i) => grey !== data[4 * i]) && document.getElementById('scorer-transport').dataset.state === 'done';
    }, {}, annealed);
    assert.equal(await told(), 1);
    // What comes of it is no digit, f itself says.
    await visit.slide(`#${BAR} [data-do=scrub]`, 10);
    await visit.page.waitForFunction(() => document.querySelector('#scorer-bars li:last-child .value').textContent === '> 99.9 %');
  },

  async 'f answers every stroke of a drawing'(t) {
    const visit = await open(t);
    const answer = () => visit.page.$$eval('#scorer-ask-bars .value', (values) => values.map(({ textContent }) => textContent).join());
    const changes = async (act) => {
      const before = await answer();
      await act();
      await visit.page.waitForFunction((before) => {
        const values = [...document.querySelectorAll('#scorer-ask-bars .value')];
        return values.map(({ textContent }) => textContent).join() !== before;
      }, {}, before);
    };
    await visit.goTo('scorer-ask');
    await visit.shows('scorer-ask-p', /%/);
    await changes(() => visit.page.click('#scorer-tools [data-tool=clear]'));
    assert.equal(ink(await visit.pixels('scorer-sketch')), 0);
    const share = (row) => visit.page.$eval(`#scorer-ask-bars li:nth-child(${row})`, (item) => item.querySelector('.value').textContent);
    assert.ok(percent(await share(11)) > 90, 'blank paper is taken for a digit');
    const blank = await visit.pixels('scorer-poke');
    await changes(() => visit.stroke('scorer-sketch', SEVEN));
    assert.ok(ink(await visit.pixels('scorer-sketch')) > 20);
    assert.notDeepEqual(await visit.pixels('scorer-poke'), blank);
    await visit.page.select('#scorer-towards', '7');
    await visit.shows('scorer-ask-asked', 'A 7?');
    assert.ok(percent(await visit.text('scorer-ask-p')) > 90, 'a plain 7 is not taken for one');
    await visit.page.waitForFunction(() => location.hash.includes('scorer.drawing=') && location.hash.includes('scorer.towards=7'));
  },

  async 'a single pixel moves log f by as much as the gradient says'(t) {
    const visit = await open(t, 'scorer.amount=0.05');
    await visit.goTo('scorer-ask');
    await visit.shows('scorer-ask-p', /%/);
    const numbers = async () => {
      await visit.page.waitForSelector('#scorer-poked dl');
      const texts = await visit.page.$$eval('#scorer-poked dd', (values) => values.map(({ textContent }) => textContent));
      return texts.map((text) => Number(text.split(' ')[0].replace('−', '-')));
    };
    const agree = async () => {
      const [moved, promised, measured] = await numbers();
      assert.ok(Math.abs(promised) > 0, 'the gradient is 0 there');
      assert.ok(Math.abs(promised - measured) <= 0.02 + 0.4 * Math.abs(promised), `moved by ${moved}: ${promised} was promised, ${measured} came`);
      return moved;
    };
    // The pixel that f wants brighter most of all, unless it is white already.
    const slope = await visit.pixels('scorer-poke');
    const grey = await visit.pixels('scorer-sketch');
    const orange = slope.map((red, i) => (red > 64 && grey[i] < 200 ? red : 0));
    const best = orange.indexOf(Math.max(...orange));
    await visit.pick('scorer-poke', best % 28, Math.floor(best / 28));
    assert.ok((await agree()) > 0);
    const brighter = await visit.pixels('scorer-sketch');
    assert.deepEqual(brighter.map((value, i) => (value === grey[i] ? -1 : i)).filter((i) => i >= 0), [best]);

    await visit.page.focus('#scorer-poke');
    await visit.press('-');
    await visit.page.waitForFunction(() => /darker/.test(document.getElementById('scorer-poked').textContent));
    assert.ok((await agree()) < 0);
    assert.deepEqual(await visit.pixels('scorer-sketch'), grey);
    await visit.press('ArrowDown');
    await visit.page.waitForFunction((row) => document.getElementById('scorer-poked').textContent.startsWith(`Row ${row}, `), {}, Math.floor(best / 28) + 2);
  },

  async 'the gradient improves a drawing, which can be taken over'(t) {
    const visit = await open(t);
    await visit.goTo('scorer-ask');
    await visit.page.select('#scorer-ask-transport [data-do=speed]', 'max');
    const before = await visit.pixels('scorer-sketch');
    await visit.click('scorer-improve');
    await visit.until('scorer-improved', 'done');
    await visit.shows('scorer-ask-status', /It was .* %, and is .* %\./);
    const [from, to] = (await visit.text('scorer-ask-status')).match(/[\d.]+(?= %)/g).map(Number);
    assert.ok(from < 50 && to > 50, `the probability of a 9 went from ${from} % to ${to} %`);
    assert.ok(ink(await visit.pixels('scorer-result')) > 20);
    await visit.click('scorer-take');
    const taken = await visit.pixels('scorer-sketch');
    assert.notDeepEqual(taken, before);
    assert.ok(difference(taken, await visit.pixels('scorer-result')) <= 4, 'another picture was taken over');
  },

  async 'a link restores the chapter, to the pixel'(t) {
    const visit = await open(t, 'scorer.digit=5&scorer.seed=11&scorer.steps=10');
    await visit.goTo('scorer-ask');
    await visit.page.click('#scorer-tools [data-tool=clear]');
    await visit.stroke('scorer-sketch', SEVEN);
    await visit.page.select('#scorer-towards', '7');
    await visit.goTo('scorer-climb');
    for (const step of [9, 8, 7]) {
      await part(visit, 'back');
      await stepIs(visit, step);
    }
    await visit.page.waitForFunction(() => /scorer\.step=7/.test(location.hash) && /scorer\.drawing=/.test(location.hash) && /scorer\.towards=7/.test(location.hash));
    const link = await visit.hash();
    assert.match(link, /(^|&)steps=1&/, 'the generator lost its part of the address');
    const copy = await t.visit({ hash: `${link}&at=scorer` });
    await copy.state('done');
    await copy.until(BAR, 'paused');
    await stepIs(copy, 7);
    assert.ok(await copy.page.evaluate(() => window.scrollY > 300), 'the link did not lead to the chapter');
    assert.deepEqual(await copy.pixels('scorer-x'), await visit.pixels('scorer-x'));
    assert.ok(difference(await copy.pixels('scorer-sketch'), await visit.pixels('scorer-sketch')) <= 2);
    assert.equal(await copy.page.$eval('#scorer-towards', (select) => select.value), '7');
    assert.equal(await copy.page.$eval('#scorer-seed', (input) => input.value), '11');
  },

  async 'nonsense in the chapter\'s part of the address gets a sentence, and a climb'(t) {
    const visit = await come(t, 'scorer-climb', `${FAST}&scorer.digit=12&scorer.drawing=zzz`);
    assert.match(await visit.sentence(), /scorer\.digit = 12, scorer\.drawing = zzz/);
    await visit.until(BAR, 'done');
  },

  async 'the gradient that the library gives is the slope of log f'(t) {
    const visit = await quick(t);
    const result = await visit.page.evaluate(async () => {
      const u = window.unnoise;
      const [seed, noise] = [await u.noise({ seed: 1 }), await u.noise({ seed: 2 })];
      const frames = [];
      for await (const frame of u.generate({ digit: 4, seed: 1, steps: 6 })) frames.push(frame);
      const sigma = 0.5;
      const x = frames.at(-1).x.map((value, i) => value + sigma * seed[i]);
      const { probabilities, gradient } = await u.score({ x, sigma, digit: 4 });
      // Along its own gradient, where rounding matters least.
      const size = Math.hypot(...gradient);
      const along = gradient.map((value) => value / size);
      const h = 0.05;
      const at = async (h) => (await u.score({ x: x.map((value, i) => value + h * along[i]), sigma, digit: 4 })).logF;
      const slope = ((await at(h)) - (await at(-h))) / (2 * h);
      const mean = noise.reduce((sum, value) => sum + value, 0) / noise.length;
      const again = await u.noise({ seed: 2 });
      return { slope, size, sum: probabilities.reduce((sum, p) => sum + p, 0), classes: probabilities.length, mean, same: noise.every((value, i) => value === again[i]) };
    });
    assert.ok(Math.abs(result.slope - result.size) <= 0.05 * result.size, `the slope is ${result.slope}, the gradient ${result.size} long`);
    assert.ok(Math.abs(result.sum - 1) < 1e-4);
    assert.equal(result.classes, 11);
    assert.ok(Math.abs(result.mean) < 0.15 && result.same);
  },

  async 'the library refuses questions that make no sense'(t) {
    const visit = await quick(t);
    const x = 'new Float32Array(784)';
    for (const [script, sentence] of [
      ['unnoise.score({ x: [1, 2] })', /x has 2 values/],
      ['unnoise.score({})', /x is undefined/],
      [`unnoise.score({ x: ${x}.fill(NaN) })`, /x has NaN at place 0/],
      [`unnoise.score({ x: ${x}, sigma: -1 })`, /sigma is -1/],
      [`unnoise.score({ x: ${x}, sigma: 1, digit: 10 })`, /digit is 10/],
      ['unnoise.noiseLevel({ x: 3 })', /x is 3/],
      [`unnoise.denoise({ model: "cats", x: ${x} })`, /no model "cats"/],
      ['unnoise.noise({ seed: 0.5 })', /seed is 0.5/],
      ['unnoise.scheduleTable("quadratic")', /no schedule "quadratic"/],
      ['unnoise.ready("cats")', /no model "cats"/],
      [`unnoise.start({ model: "scorer", x: ${x}, sigma: "much" })`, /sigma is "much"/],
    ]) {
      assert.match(await visit.failure(`await ${script}`), sentence, script);
    }
    const aborted = `await unnoise.score({ x: ${x}, sigma: 1, signal: AbortSignal.abort(new Error('enough')) })`;
    assert.equal(await visit.failure(aborted), 'enough');
  },

  async 'nothing of chapter 1 is wider than a phone'(t) {
    const visit = await open(t, 'scorer.steps=4', { width: 320, height: 640 });
    await visit.goTo('scorer-ask');
    await visit.click('scorer-improve');
    await visit.page.waitForSelector('#scorer-improved[data-state]');
    const [content, screen] = await visit.page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    assert.ok(content <= screen, `the page is ${content} wide on a screen of ${screen}`);
  },
};

/** In one browser: weights that are not there, and a visitor who wants less motion. */
export const scorerFaults = {
  async 'who wants less motion sees the finished climb'(t) {
    const visit = await t.visit({ calm: true, hash: 'steps=1&speed=max&scorer.steps=20&scorer.speed=1' });
    await visit.state('done');
    const began = Date.now();
    await visit.goTo('scorer-climb');
    await visit.until(BAR, 'done');
    assert.ok(Date.now() - began < 15_000, 'it was played at a step a second');
    await stepIs(visit, 20);
    await visit.shows('scorer-p', /%/);
  },

  async 'chapter 1 without its weights: a sentence, and trying again'(t) {
    t.server.faults.set(WEIGHTS, status(404));
    const visit = await come(t, 'scorer-climb', FAST);
    assert.match(await visit.sentence(), /scorer\.safetensors is missing/);
    t.server.faults.clear();
    await visit.click('alert button');
    await visit.until(BAR, 'done');
    assert.equal(await visit.alert(), '');
  },
};

/** In a browser with WebGPU on SwiftShader. */
export const scorerWebgpu = {
  async 'chapter 1 on WebGPU, and on the CPU once the device is lost'(t) {
    const visit = await t.visit({ query: 'backend=webgpu', hash: 'steps=1&guidance=1&sampler=euler&speed=max' });
    await visit.state('done');
    const ask = () => visit.page.evaluate(async () => {
      const x = (await window.unnoise.noise({ seed: 3 })).map((value) => 2 * value);
      const { probabilities, gradient } = await window.unnoise.score({ x, sigma: 2, digit: 3 });
      return { probabilities: [...probabilities], gradient: [...gradient] };
    });
    const gpu = await ask();
    await visit.page.evaluate(() => window.unnoise.loseDevice());
    const cpu = await ask();
    assert.equal(await visit.page.evaluate(() => window.unnoise.backend), 'cpu');
    assert.ok(difference(gpu.probabilities, cpu.probabilities) <= 0.02);
    const scale = Math.max(...cpu.gradient.map(Math.abs));
    assert.ok(difference(gpu.gradient, cpu.gradient) <= 0.02 * scale);
  },
};
