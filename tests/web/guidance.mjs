// Chapter 4: the answers with the digit and without, and what is made of them.

import assert from 'node:assert/strict';

import { status } from './server.mjs';
import { come, difference, quick, range, shades } from './visit.mjs';

/** The chapter, with the answers to the frame on show. */
async function open(t, hash, where) {
  const visit = await come(t, 'guidance', hash, where);
  await visit.answered('guidance-stage');
  return visit;
}

const answered = (visit, step) => visit.answered('guidance-stage', step);

/** The one place of a one-hot row that holds a 1. */
const hot = async (visit, row) => {
  const places = await visit.page.$$eval(`#guidance-${row} .places button`, (all) => all.map((button) => [button.dataset.digit, button.getAttribute('aria-pressed'), button.lastChild.textContent]));
  assert.equal(places.length, 11);
  const [[digit, pressed], ...others] = places.filter(([, , number]) => number === '1');
  assert.equal(others.length, 0);
  assert.equal(pressed, 'true');
  return digit;
};

const pick = (visit, row, digit) => visit.page.click(`#guidance-${row} [data-digit="${digit}"]`);
const set = (visit, key) => visit.page.waitForFunction((key) => location.hash.includes(key), {}, key);
const not = (visit, key) => visit.page.waitForFunction((key) => !location.hash.includes(key), {}, key);

/** A step of a run as the page shows it, by the library: its frame, both answers, and what the next step made of them. */
const truth = (visit, settings, step) => visit.page.evaluate(async (settings, step) => {
  const run = await window.unnoise.start({ model: 'digits', ...settings });
  for (let i = 0; i <= step; i++) await run.step();
  const { x, sigma } = run.frames[step];
  const ask = async (digit) => [...(await window.unnoise.denoise({ x, sigma, digit })).denoised];
  return { sigma, cond: await ask(settings.digit), uncond: await ask(settings.negative ?? null), next: [...run.frames[step + 1].denoised] };
}, settings, step);

/** Holds the pictures of the chapter to the library's. */
async function agrees(visit, settings, step, g, tolerance = 1) {
  const { cond, uncond, next } = await truth(visit, settings, step);
  assert.ok(difference(await visit.pixels('guidance-with'), shades(cond)) <= tolerance, 'with');
  assert.ok(difference(await visit.pixels('guidance-without'), shades(uncond)) <= tolerance, 'without');
  const guided = uncond.map((value, i) => value + g * (cond[i] - value));
  // It is what the sampler gets.
  assert.ok(difference(guided, next) < 1e-3 * tolerance, `the guided answer is off by ${difference(guided, next)}`);
  assert.ok(difference(await visit.pixels('guidance-guided'), shades(guided)) <= tolerance, 'guided');
  // Orange where the digit makes it brighter, blue where darker.
  const colours = await visit.colours('guidance-difference');
  for (const [i, value] of cond.map((value, i) => value - uncond[i]).entries()) {
    if (Math.abs(value) > 0.1) assert.equal(colours[3 * i] > colours[3 * i + 2], value > 0);
  }
  const size = Math.sqrt(cond.reduce((sum, value, i) => sum + (value - uncond[i]) ** 2, 0) / cond.length);
  assert.ok(Math.abs(Number(await visit.text('guidance-size')) - size) < 0.002 * tolerance);
}

/** A grid as `quality` has it; cells of another sampler are not the curve's. */
const GRID = {
  count: 100,
  recommended: { sampler: 'dpmpp-2m', schedule: 'karras', steps: 10, guidance: 1.5 },
  real: { lenet: { accuracy: 0.99, precision: 0.9, recall: 0.9, frechet: 1 } },
  cells: [['euler', 1, 0.2], ...[0, 1, 2, 6].map((g) => ['dpmpp-2m', g, 0.95 + g / 200])].map(([sampler, guidance, accuracy]) => (
    { sampler, schedule: 'karras', steps: 10, guidance, lenet: { accuracy, precision: 0.8, recall: 0.9 - guidance / 10, frechet: 3 + guidance } }
  )),
};

async function measured(visit, grid) {
  await visit.page.evaluate((grid) => (window.unnoise.quality = async () => ({ grid })), grid);
  await visit.goTo('guidance-cost-text');
}

const figures = (visit) => visit.page.$$eval('#guidance-cost + .beside > .hint + .readout dd', (all) => all.map(({ textContent }) => textContent));

export const guidance = {
  async 'chapter 4 costs nothing before it is near'(t) {
    const visit = await quick(t);
    const fetched = () => t.server.requests.filter(({ file }) => file.startsWith('chapters/guidance/') && file.endsWith('.js')).length;
    assert.equal(fetched(), 0);
    await visit.goTo('guidance');
    await answered(visit, 3);
    assert.ok(fetched() > 0);
    assert.equal(await visit.alert(), '');
  },

  async 'two answers, their difference, and the guided answer that the sampler gets'(t) {
    const visit = await open(t);
    await agrees(visit, { digit: 3, seed: 7, guidance: 3 }, 3, 3);
    await visit.page.focus('#guidance-studio');
    await visit.press('ArrowRight');
    await answered(visit, 4);
    await agrees(visit, { digit: 3, seed: 7, guidance: 3 }, 4, 3);
    // At the end no noise is left, and nothing is asked.
    await visit.press('End');
    await answered(visit, 10);
    assert.equal(await visit.text('guidance-size'), '0');
    assert.ok((await visit.colours('guidance-difference')).every((value) => value === 0));
    assert.deepEqual(await visit.pixels('guidance-guided'), await visit.pixels('guidance-with'));
    await visit.page.waitForFunction(() => document.querySelectorAll('#guidance-film .drawn').length === 11);
    await visit.press('Home');
    await answered(visit, 0);
    await visit.page.click('#guidance-film [data-step="2"]');
    await answered(visit, 2);
  },

  async 'the digit is eleven numbers, and the 1 moves by mouse and by keys'(t) {
    const visit = await open(t);
    assert.deepEqual([await hot(visit, 'digit'), await hot(visit, 'not')], ['3', 'any']);
    await pick(visit, 'digit', 5);
    assert.equal(await hot(visit, 'digit'), '5');
    await set(visit, 'guidance.digit=5');
    await answered(visit, 3);
    await agrees(visit, { digit: 5, seed: 7, guidance: 3 }, 3, 3);
    await visit.page.focus('#guidance-digit [data-digit="9"]');
    await visit.press('Enter');
    assert.equal(await hot(visit, 'digit'), '9');
    await visit.page.focus('#guidance-studio');
    await visit.press('a');
    assert.equal(await hot(visit, 'digit'), 'any');
    assert.match(await visit.text('guidance-hint'), /no difference/);
    await set(visit, 'guidance.digit=any');
    await visit.shows('guidance-nfe', '3'); // both questions are one
  },

  async 'a negative: away from a 7'(t) {
    const visit = await open(t);
    await visit.page.$eval('#guidance-avoid', (button) => button.click());
    assert.deepEqual([await hot(visit, 'digit'), await hot(visit, 'not')], ['any', '7']);
    await set(visit, 'guidance.not=7');
    await visit.shows('guidance-nfe', '6');
    await answered(visit, 3);
    await agrees(visit, { digit: null, negative: 7, seed: 47, guidance: 3 }, 3, 3);
    // Both cannot be had; and without guidance there is nothing to lead away with.
    await pick(visit, 'digit', 7);
    assert.deepEqual([await hot(visit, 'digit'), await hot(visit, 'not')], ['7', 'any']);
    await pick(visit, 'not', 7);
    assert.deepEqual([await hot(visit, 'digit'), await hot(visit, 'not')], ['any', '7']);
    await visit.slide('#guidance-g', 0.5);
    assert.equal(await hot(visit, 'not'), 'any');
    await pick(visit, 'not', 4);
    assert.equal(await visit.text('guidance-g-value'), '2');
    assert.equal(await visit.alert(), '');
  },

  async 'g is answered at once, and the run follows'(t) {
    const visit = await open(t);
    const before = await visit.pixels('guidance-guided');
    await visit.drag('#guidance-g', range(4, 6));
    assert.equal(await visit.text('guidance-formula'), 'without + 6 × difference');
    assert.notDeepEqual(await visit.pixels('guidance-guided'), before);
    await set(visit, 'guidance.g=6');
    await answered(visit, 3);
    await agrees(visit, { digit: 3, seed: 7, guidance: 6 }, 3, 6);
    for (const [g, calls] of [[1, 3], [0, 3], [0.5, 6]]) {
      await visit.slide('#guidance-g', g);
      await visit.shows('guidance-nfe', String(calls));
      await answered(visit, 3);
      await agrees(visit, { digit: 3, seed: 7, guidance: g }, 3, g);
    }
  },

  async 'guidance only in the middle: two handles, and what a step is paid with'(t) {
    const visit = await open(t);
    await visit.page.click('#guidance input[value="middle"] + span');
    await visit.shows('guidance-nfe', '3'); // σ is above the middle so far
    await answered(visit, 3);
    await agrees(visit, { digit: 3, seed: 7, guidance: 3, guidanceInterval: [0.5, 5] }, 3, 3);
    await visit.page.focus('#guidance-high');
    await visit.press('Home');
    const ends = () => visit.page.$eval('#guidance-interval output', (output) => output.textContent.match(/[\d.]+/g).map(Number));
    let [low, high] = await ends();
    assert.ok(low < high && high < 1.1 * low, `the handles meet at ${low} and ${high}`);
    await visit.press('End');
    await visit.page.focus('#guidance-low');
    await visit.press('Home');
    assert.deepEqual(await ends(), [0.02, 20]);
    await visit.press('ArrowRight');
    [low, high] = await ends();
    assert.ok(low > 0.02 && low < 0.022);
    await set(visit, 'guidance.high=20');
    // The track between them: the nearer handle comes.
    await visit.page.$eval('#guidance-interval', (element) => element.scrollIntoView({ block: 'center', behavior: 'instant' }));
    const { left, top, width } = await visit.page.$eval('#guidance-interval .rule', (rule) => rule.getBoundingClientRect().toJSON());
    await visit.page.mouse.click(left + 0.8 * width, top + 16);
    [low, high] = await ends();
    assert.ok(high > 3 && high < 8, `the upper end is ${high}`);
    assert.ok(low < 0.022);
  },

  async 'ten digits from one and the same noise, in three ways'(t) {
    const visit = await open(t, 'guidance.seed=5');
    await visit.goTo('guidance-ten');
    await visit.answered('guidance-ten');
    const calls = await visit.page.$$eval('#guidance-ten p span', (all) => all.map(({ textContent }) => Number.parseInt(textContent, 10)));
    assert.equal(calls[0], 10);
    assert.equal(calls[1], 20);
    assert.ok(calls[2] > 10 && calls[2] < 20, `${calls[2]} calls in the middle`);
    const x = await visit.page.evaluate(async () => {
      const run = await window.unnoise.start({ digit: 8, seed: 5, guidance: 3 });
      while (await run.step());
      return [...run.frame.x];
    });
    const shown = await visit.page.$eval('#guidance-ten [data-row=all] button:nth-child(9) canvas', (canvas) => [...canvas.getContext('2d').getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0));
    assert.ok(difference(shown, shades(x)) <= 1);
    await visit.page.click('#guidance-ten [data-row=middle] button:nth-child(9)');
    assert.equal(await hot(visit, 'digit'), '8');
    assert.equal(await visit.page.$eval('#guidance input[value="middle"]', (radio) => radio.checked), true);
  },

  async 'what guidance costs: the curve as measured, with the place of the slider on it'(t) {
    const visit = await open(t);
    await measured(visit, GRID);
    await visit.answered('guidance-cost');
    assert.deepEqual(await figures(visit), ['2', '96.0 %', '80.0 %', '70.0 %', '5.00']);
    const handle = '#guidance-cost [role=slider]';
    await visit.page.focus(handle);
    for (const [key, g] of [['ArrowLeft', 2.75], ['PageDown', 1.75], ['Home', 0], ['ArrowRight', 0.25], ['End', 6]]) {
      await visit.press(key);
      await visit.shows('guidance-g-value', String(g));
      assert.equal(await visit.page.$eval(handle, (element) => element.getAttribute('aria-valuenow')), String(g));
    }
    assert.deepEqual(await figures(visit), ['6', '98.0 %', '80.0 %', '30.0 %', '9.00']);
    await visit.slide('#guidance-g', 0.5);
    assert.match(await visit.page.$eval(handle, (element) => element.getAttribute('aria-valuetext')), /^g 0\.5: measured at 0, accuracy 95\.0 %/);
    assert.equal(await visit.page.$$eval('#guidance-cost .dots', (all) => all.every((dots) => dots.getAttribute('d').match(/M/g).length === 4)), true);
  },

  async 'what guidance costs, where it was not measured: a sentence in its place'(t) {
    const visit = await open(t);
    await measured(visit, null);
    await visit.shows('guidance-cost-text', /was not measured/);
    assert.equal(await visit.alert(), '');
  },

  async 'measured figures that are missing: a sentence, and trying again'(t) {
    const file = 'weights/grid-digits.json';
    t.server.faults.set(file, status(404));
    const visit = await open(t);
    assert.ok(!t.server.requests.some((request) => request.file === file), 'fetched before it is near');
    await visit.goTo('guidance-cost-text');
    assert.match(await visit.sentence(), /grid-digits\.json/);
    t.server.faults.clear();
    await visit.click('alert button');
    await visit.answered('guidance-cost');
    assert.equal(await visit.alert(), '');
    // The figures are those of the manifest, at the g that is nearest.
    const [g, accuracy] = await visit.page.evaluate(async () => {
      const { grid: { cells, recommended } } = await window.unnoise.quality('digits');
      const alike = cells.filter((cell) => ['sampler', 'schedule', 'steps'].every((name) => cell[name] === recommended[name]));
      const { guidance, lenet } = alike.find(({ guidance }) => guidance === recommended.guidance);
      return [guidance, `${(100 * lenet.accuracy).toFixed(1)} %`];
    });
    await visit.slide('#guidance-g', g);
    assert.deepEqual((await figures(visit)).slice(0, 2), [String(g), accuracy]);
  },

  async 'a link restores chapter 4, and what cannot be had gets a sentence'(t) {
    const visit = await open(t, 'guidance.digit=any&guidance.not=4&guidance.g=2.5&guidance.seed=11&guidance.where=middle&guidance.low=0.2&guidance.high=9&guidance.step=5');
    await answered(visit, 5);
    assert.deepEqual([await hot(visit, 'digit'), await hot(visit, 'not'), await visit.text('guidance-g-value')], ['any', '4', '2.5']);
    await agrees(visit, { digit: null, negative: 4, seed: 11, guidance: 2.5, guidanceInterval: [0.2, 9] }, 5, 2.5);
    await visit.page.click('#guidance-transport [data-do="step"]');
    await answered(visit, 6);
    await set(visit, 'guidance.step=6');
    const copy = await open(t, await visit.hash());
    await answered(copy, 6);
    assert.deepEqual(await copy.pixels('guidance-guided'), await visit.pixels('guidance-guided'));
    // Another link in the same tab.
    await copy.page.evaluate(() => (location.hash = 'guidance.digit=2&guidance.step=1'));
    await answered(copy, 1);
    assert.equal(await hot(copy, 'digit'), '2');
    const wrong = await open(t, 'guidance.digit=12&guidance.g=9&guidance.not=3&guidance.step=40');
    assert.match(await wrong.sentence(), /guidance\.digit = 12, guidance\.g = 9, guidance\.not, a digit cannot be both asked for and avoided, guidance\.step = 40/);
    await not(wrong, 'guidance.not');
  },
};

/** Where the driver can ask for it: not in Firefox. */
export const guidanceCalm = {
  async 'who wants less motion sees where chapter 4 ends, not the way'(t) {
    const visit = await open(t, '', { calm: true });
    await visit.page.evaluate(() => {
      window.steps = new Set();
      new MutationObserver(() => window.steps.add(document.getElementById('guidance-step-now').textContent)).observe(document.getElementById('guidance-step-now'), { childList: true, characterData: true, subtree: true });
    });
    await visit.page.focus('#guidance-studio');
    await visit.press('End');
    await answered(visit, 10);
    assert.deepEqual(await visit.page.evaluate(() => [...window.steps]), ['10']);
    await visit.page.waitForFunction(() => document.querySelectorAll('#guidance-film .drawn').length === 11);
  },
};

/** In a browser with WebGPU on SwiftShader. */
export const guidanceWebgpu = {
  async 'chapter 4: the guided answer is what the sampler gets'(t) {
    const visit = await open(t, 'guidance=1&sampler=euler&guidance.step=1&guidance.where=middle&guidance.low=0.02&guidance.high=19', { query: 'backend=webgpu' });
    assert.equal(await visit.text('guidance-backend'), 'WebGPU');
    await agrees(visit, { digit: 3, seed: 7, guidance: 3, guidanceInterval: [0.02, 19] }, 1, 3, 3);
    assert.equal(await visit.alert(), '');
  },
};
