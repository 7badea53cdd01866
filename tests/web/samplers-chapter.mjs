// The chapter on samplers: side by side, as optimisers, as solvers of a differential equation, and in a table.

import assert from 'node:assert/strict';

import { come, difference, shades } from './visit.mjs';

const QUICK = 'samplers.speed=max&samplers.steps=4&samplers.rounds=4';
/** Without guidance the converged path takes half the time. */
const PLAIN = 'samplers.guidance=1';

/** The chapter, with its runs done and the converged path walked. */
async function open(t, hash = '', where = {}) {
  const visit = await come(t, 'samplers', `${QUICK}&${hash}`, where);
  await visit.page.waitForSelector('#samplers-which button');
  await visit.goTo('samplers-racers');
  await visit.until('samplers-race', 'done');
  return visit;
}

const converged = (visit) => visit.page.waitForSelector('#samplers-charts[data-converged=yes]');

/** What stands below a sampler's picture. */
const figure = (visit, name) => visit.page.$eval(`#samplers-racers [data-sampler="${name}"]`, (element) => ({
  calls: element.querySelector('.calls').textContent,
  away: Number(element.dataset.away),
  shown: element.querySelector('.away').textContent,
}));

const racers = (visit) => visit.page.$$eval('#samplers-racers [data-sampler]', (all) => all.map((element) => element.dataset.sampler));
const chip = (visit, name) => visit.page.click(`#samplers-which [data-sampler="${name}"]`);

/** The last picture of a run. */
const last = (visit, settings) => visit.page.evaluate(async (settings) => {
  let x;
  for await (const frame of window.unnoise.generate(settings)) ({ x } = frame);
  return [...x];
}, settings);

const apart = (a, b) => Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.length);

export const samplersChapter = {
  async 'samplers side by side: their calls, and how far they end from the converged picture'(t) {
    const visit = await open(t, 'samplers.which=euler.heun.ddpm&samplers.digit=5&samplers.seed=11');
    await converged(visit);
    const exact = await last(visit, { digit: 5, seed: 11, sampler: 'lms', schedule: 'karras', steps: 60 });
    assert.ok(difference(await visit.pixels('samplers-converged'), shades(exact)) <= t.greys);
    for (const [sampler, calls] of [['euler', 8], ['heun', 14], ['ddpm', 8]]) {
      const shown = await figure(visit, sampler);
      assert.equal(shown.calls, `${calls} network calls`);
      const away = apart(await last(visit, { digit: 5, seed: 11, sampler, steps: 4 }), exact);
      assert.ok(Math.abs(shown.away - away) < 0.005, `${sampler}: ${shown.away} is shown, ${away} it is`);
      assert.equal(shown.shown, `${shown.away.toFixed(3)} away`);
    }
    assert.match(await visit.page.$eval('#samplers-far', (chart) => chart.getAttribute('aria-label')), /Euler 0\.\d+ after 8, Heun/);
    assert.equal(await visit.page.$$eval('#samplers-way .line', (lines) => lines.length), 4);
    assert.ok((await visit.page.$$eval('#samplers-way path', (paths) => paths.map((path) => path.getAttribute('d')).join(''))).match(/NaN|Infinity/) === null);
  },

  async 'on noise levels that were fitted for few steps the sampler that they were fitted for comes nearer; for more steps there are none'(t) {
    const visit = await open(t, 'samplers.which=euler.dpmpp-2m');
    await converged(visit);
    const before = await figure(visit, 'dpmpp-2m');
    await visit.page.select('#samplers-schedule', 'fitted');
    await visit.page.waitForFunction((away) => Number(document.querySelector('#samplers-racers [data-sampler="dpmpp-2m"]').dataset.away || away) < 0.75 * away, {}, before.away);
    await visit.page.waitForFunction(() => location.hash.includes('samplers.schedule=fitted'));
    await visit.slide('#samplers-steps', 10);
    assert.equal(await visit.page.$eval('#samplers-schedule', (list) => list.value), 'own');
    assert.equal(await visit.page.$eval('#samplers-schedule [value=fitted]', (option) => option.disabled), true);
    await visit.page.waitForFunction(() => !location.hash.includes('samplers.schedule'));
  },

  async 'they are chosen, played and stepped, by mouse and by keys, and a link keeps all'(t) {
    const visit = await open(t, 'samplers.which=euler.heun');
    const disabled = () => visit.page.$$eval('#samplers-which button', (all) => all.filter((button) => button.disabled).map((button) => button.dataset.sampler));
    assert.deepEqual(await disabled(), ['euler', 'heun']);
    for (const name of ['unipc', 'ddim', 'lms', 'flow']) await chip(visit, name);
    await visit.until('samplers-race', 'done');
    assert.deepEqual(await racers(visit), ['euler', 'heun', 'unipc', 'ddim', 'lms', 'flow']);
    assert.ok((await disabled()).includes('ddpm'));
    const look = () => visit.page.$eval('#samplers-racers [data-sampler="flow"] .series-key', (key) => key.getAttribute('class'));
    const before = await look();
    for (const name of ['euler', 'unipc', 'ddim', 'lms']) await chip(visit, name);
    assert.deepEqual(await racers(visit), ['heun', 'flow']);
    assert.equal(await look(), before, 'it keeps its colour while others go');
    await visit.until('samplers-race', 'done');

    await visit.page.focus('#samplers-race');
    await visit.press('Home');
    await visit.shows('samplers-status', /^At step 0 of 4/);
    await visit.press('ArrowRight');
    await visit.shows('samplers-status', /^At step 1 of 4/);
    assert.equal((await figure(visit, 'heun')).calls, '4 network calls');
    assert.equal((await figure(visit, 'flow')).calls, '2 network calls');
    await visit.page.click('#samplers-transport [data-do=step]');
    await visit.shows('samplers-status', /^At step 2 of 4/);
    await visit.page.click('#samplers-transport [data-do=back]');
    await visit.shows('samplers-status', /^At step 1 of 4/);
    await visit.slide('#samplers-transport [data-do=scrub]', 3);
    await visit.shows('samplers-status', /^At step 3 of 4/);
    const noisy = await visit.page.$eval('#samplers-racers [data-sampler="heun"] canvas', (canvas) => canvas.toDataURL());
    await visit.page.click('#samplers input[value="estimate"] + span');
    await visit.page.waitForFunction((noisy) => document.querySelector('#samplers-racers [data-sampler="heun"] canvas').toDataURL() !== noisy, {}, noisy);
    await visit.page.click('#samplers-part-end + span');
    await visit.page.waitForFunction(() => ['which=heun.flow', 'step=3', 'show=estimate', 'part=end'].every((part) => location.hash.includes(`samplers.${part}`)));

    const copy = await come(t, 'samplers', await visit.hash());
    await copy.page.waitForSelector('#samplers-which button');
    await copy.goTo('samplers-racers');
    await copy.shows('samplers-status', /^At step 3 of 4/);
    assert.deepEqual(await racers(copy), ['heun', 'flow']);
    assert.equal(await copy.page.$eval('input[name="samplers-show"][value="estimate"]', (radio) => radio.checked), true);
  },

  async 'the converged path rests while the chapter is left, and begins anew with other settings'(t) {
    const visit = await come(t, 'samplers', `${QUICK}&${PLAIN}`);
    await visit.shows('samplers-converged-state', /^step [1-9]\d* of 500$/);
    await visit.goTo('player');
    await new Promise((resolve) => setTimeout(resolve, 500));
    const there = await visit.text('samplers-converged-state');
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(await visit.text('samplers-converged-state'), there, 'it went on');
    await visit.goTo('samplers-racers');
    await converged(visit);
    const first = await visit.pixels('samplers-converged');
    await visit.page.select('#samplers-digit', '8');
    await visit.page.waitForSelector('#samplers-charts[data-converged=no]');
    await converged(visit);
    assert.ok(difference(await visit.pixels('samplers-converged'), first) > 100);
    assert.equal(await visit.text('samplers-converged-state'), '500 steps');
  },

  async 'as an optimiser: a rate that is too large, and one that fits'(t) {
    const visit = await open(t, 'samplers.rounds=10');
    await visit.goTo('samplers-descent-stage');
    await visit.until('samplers-descent', 'done');
    const left = async () => {
      await visit.page.focus('#samplers-descent');
      await visit.press('ArrowLeft');
      await visit.shows('samplers-descent-step', '9');
      return Number(await visit.text('samplers-descent-left')) / Number(await visit.text('samplers-descent-told'));
    };
    await visit.slide('#samplers-rate', 1.8);
    await visit.shows('samplers-verdict', /sign turned.*times as much noise/);
    assert.ok((await left()) > 1.5);
    await visit.page.click('#samplers-descent-transport [data-do=step]');
    await visit.slide('#samplers-rate', 0.54);
    await visit.shows('samplers-verdict', /^The noise falls about as fast as the network is told/);
    const ratio = await left();
    assert.ok(ratio > 0.6 && ratio < 1.5, `${ratio} times as much is left`);
    assert.equal(await visit.page.$eval('#samplers-momentum', (slider) => slider.disabled), true);
    await visit.page.click('#samplers input[value="momentum"] + span');
    assert.equal(await visit.page.$eval('#samplers-momentum', (slider) => slider.disabled), false);
    await visit.page.focus('#samplers-descent');
    await visit.press('End');
    await visit.shows('samplers-descent-status', 'Arrived');
    await visit.slide('#samplers-momentum', 0.9);
    await visit.shows('samplers-verdict', /times as much noise/);
    await visit.page.click('#samplers input[value="adam"] + span');
    await visit.page.waitForFunction(() => ['method=adam', 'rate=0.54', 'momentum=0.9'].every((part) => location.hash.includes(`samplers.${part}`)));
  },

  async 'as a differential equation: the error of a step falls with its length, and Heun’s faster'(t) {
    const visit = await open(t, PLAIN);
    await converged(visit);
    await visit.goTo('samplers-slope-film');
    const errors = async (pieces, piece) => {
      await visit.slide('#samplers-pieces', pieces);
      await visit.slide('#samplers-piece', piece + 1);
      await visit.shows('samplers-slope-heun', /^\d/);
      return [Number(await visit.text('samplers-slope-error')), Number(await visit.text('samplers-slope-heun'))];
    };
    const [straight] = await errors(6, 2);
    const [shorter, ahead] = await errors(24, 10);
    assert.ok(shorter < straight / 4, `${straight} and ${shorter}`);
    assert.ok(ahead < shorter, `Heun's ${ahead}, Euler's ${shorter}`);
    await visit.page.click('#samplers-slope-film [data-step="0"]');
    await visit.shows('samplers-piece-value', '1 of 24');
    assert.match(await visit.text('samplers-slope-from'), /^20\.0$/);
    await visit.page.focus('#samplers-slope-film [data-step="0"]');
    await visit.press('ArrowRight');
    await visit.shows('samplers-piece-value', '2 of 24');
    // The last step has no slope at its end.
    await visit.slide('#samplers-piece', 24);
    await visit.shows('samplers-slope-heun-note', /no slope/);
    assert.equal(await visit.text('samplers-slope-to'), '0');
  },

  async 'every sampler has its source, its calls and its order'(t) {
    const visit = await come(t, 'samplers', QUICK);
    await visit.page.waitForSelector('#samplers-table tbody tr');
    const rows = await visit.page.$$eval('#samplers-table tbody tr', (rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)));
    assert.equal(rows.length, await visit.page.evaluate(() => window.unnoise.info.samplers.length));
    assert.ok(rows.some((row) => row[0] === 'HeunKarras et al. 2022' && row[1] === '2' && row[2] === '2'), String(rows));
    for (const [source] of rows) assert.match(source, / \d{4}$/);
    assert.ok((await visit.page.$$eval('#samplers-table a', (links) => links.every(({ href }) => href.startsWith('https://')))));
  },

  async 'the table shows what was measured, and a cell some of its digits'(t) {
    const visit = await come(t, 'samplers', QUICK);
    await visit.goTo('samplers-quality');
    await visit.page.waitForSelector('#samplers-table td button');
    const grid = await visit.page.evaluate(async () => (await window.unnoise.quality('digits')).grid);
    const wanted = (guidance) => grid.cells.filter((cell) => cell.guidance === guidance);
    const cells = await visit.page.$$eval('#samplers-table td button', (all) => all.map((button) => button.dataset.cell));
    assert.deepEqual([...cells].sort(), wanted(grid.recommended.guidance).map(({ sampler, calls }) => `${sampler} ${calls}`).sort());
    const cell = wanted(grid.recommended.guidance).find(({ sampler }) => sampler === 'euler');
    const place = `#samplers-table [data-cell="euler ${cell.calls}"]`;
    const shown = () => visit.page.$eval(place, (button) => button.textContent);
    assert.equal(await shown(), `Euler: ${(100 * cell.lenet.accuracy).toFixed(1)} %`);
    await visit.page.click('#samplers input[value="variety"] + span');
    assert.equal(await shown(), `Euler: ${(100 * cell.lenet.recall).toFixed(1)} %`);

    await visit.page.focus(place);
    await visit.press('Enter');
    await visit.page.waitForSelector('#samplers-sheet[data-state=done]');
    const { sampler, schedule, steps, guidance } = cell;
    const x = await last(visit, { digit: 3, seed: grid.seed + 3, sampler, schedule, steps, guidance });
    const fourth = await visit.page.$eval('#samplers-sheet-digits canvas:nth-child(4)', (canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, 28, 28);
      return [...data].filter((_, i) => i % 4 === 0);
    });
    assert.ok(difference(fourth, shades(x)) <= t.greys);

    await visit.page.focus('#samplers input[value="yes"]');
    await visit.press('ArrowRight');
    const plain = wanted(1).find(({ sampler }) => sampler === 'heun');
    await visit.page.waitForSelector(`#samplers-table [data-cell="${plain.sampler} ${plain.calls}"]`);
    // One that is stopped stays as it is.
    await visit.page.evaluate(() => {
      document.querySelector('#samplers-table td:last-child button').click();
      document.getElementById('samplers-stop').click();
    });
    await visit.page.waitForSelector('#samplers-sheet[data-state=stopped]');
    await visit.shows('samplers-sheet-status', /^Stopped after \d+ of 20$/);
    await visit.page.waitForFunction(() => ['measure=variety', 'guided=no'].every((part) => location.hash.includes(`samplers.${part}`)));
  },

  async 'what fails gets a sentence, and trying again works'(t) {
    const visit = await come(t, 'schedule', `${QUICK}&${PLAIN}`);
    await visit.page.evaluate(() => {
      const { start } = window.unnoise;
      window.unnoise.start = function (...args) {
        if (args[0]?.steps === 500) return Promise.reject(new Error('The weights could not be loaded.'));
        return start.apply(this, args);
      };
      window.mend = () => (window.unnoise.start = start);
    });
    await visit.goTo('samplers-racers');
    assert.match(await visit.sentence(), /weights could not be loaded/);
    await visit.page.evaluate(() => window.mend());
    await visit.click('alert button');
    await converged(visit);
    assert.equal(await visit.alert(), '');
  },

  async 'settings that cannot be had get a sentence'(t) {
    const visit = await open(t, 'samplers.which=euler.rk45&samplers.rate=7&samplers.step=9');
    const sentence = await visit.sentence();
    for (const part of ['samplers.which = euler.rk45', 'samplers.rate = 7', 'samplers.step = 9']) assert.ok(sentence.includes(part), sentence);
    assert.equal((await racers(visit)).length, 4);
  },
};

/** Where the driver can ask for it: not in Firefox. */
export const samplersCalm = {
  async 'who wants less motion sees where the samplers end'(t) {
    const visit = await come(t, 'samplers', 'samplers.speed=1&samplers.steps=20', { calm: true });
    await visit.page.waitForSelector('#samplers-which button');
    await visit.goTo('samplers-racers');
    const began = Date.now();
    await visit.until('samplers-race', 'done');
    assert.ok(Date.now() - began < 18_000, 'it was played at a step a second');
  },
};

export const samplersWebgpu = {
  async 'samplers side by side on WebGPU'(t) {
    const visit = await open(t, 'samplers.which=euler.heun&samplers.steps=2&samplers.guidance=1', { query: 'backend=webgpu' });
    assert.equal((await figure(visit, 'euler')).calls, '2 network calls');
    assert.equal((await figure(visit, 'heun')).calls, '3 network calls');
    await visit.shows('samplers-converged-state', /^(step \d+ of 500|500 steps)$/);
    assert.equal(await visit.alert(), '');
  },
};
