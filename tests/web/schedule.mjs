// Chapter 3: the schedule, and what it does to a digit and to three networks.

import assert from 'node:assert/strict';

import { come, difference, range } from './visit.mjs';

const WHICH = { told: 'digits', blind: 'digits-blind', estimated: 'digits-estimated' };

/** The chapter, with its networks' answers. */
async function open(t, hash) {
  const visit = await come(t, 'schedule', hash);
  await visit.answered('schedule');
  return visit;
}

/** Waits until the networks have answered for a t. */
const answered = (visit, t) => visit.answered('schedule', t);

/** The chart's values at a t, from the library. */
const table = (visit, name, t) => visit.page.evaluate(async (name, t) => {
  const { beta, alphaBar, sigma } = await window.unnoise.scheduleTable(name);
  return { beta: beta[t - 1], alphaBar: alphaBar[t - 1], sigma: sigma[t - 1] };
}, name, t);

/** Whether what the page says agrees with a number, as far as it is written out. */
const near = (text, value) => {
  const [, mantissa, exponent] = text.replace(',', '').match(/^([\d.]+)(?: · 10⁻(.))?$/);
  const shown = mantissa / 10 ** (exponent ? '⁰¹²³⁴⁵⁶⁷⁸⁹'.indexOf(exponent) : 0);
  assert.ok(Math.abs(shown - value) <= 0.02 * value, `${text} is shown for ${value}`);
};

async function agrees(visit, name, t) {
  const { beta, alphaBar, sigma } = await table(visit, name, t);
  await visit.shows('schedule-t', String(t));
  near(await visit.text('schedule-beta'), beta);
  near(await visit.text('schedule-alpha-bar'), alphaBar);
  near(await visit.text('schedule-sigma'), sigma);
  // √ᾱ x0 + √(1 - ᾱ) noise, from the clean picture as it is shown.
  const clean = await visit.pixels('schedule-clean');
  const noise = await visit.page.evaluate(async () => [...(await window.unnoise.noise({ seed: 1 }))]);
  const expected = clean.map((grey, i) => {
    const value = Math.sqrt(alphaBar) * (grey / 127.5 - 1) + Math.sqrt(1 - alphaBar) * noise[i];
    return Math.min(255, Math.max(0, (value + 1) * 127.5));
  });
  assert.ok(difference(await visit.pixels('schedule-noisy'), expected) <= 2);
}

/** Where a t lies on the chart, in the window. */
async function place(visit, t) {
  await visit.goTo('schedule-chart');
  const { left, width, top, height } = await visit.page.$eval('#schedule-chart .plot', (plot) => plot.getBoundingClientRect().toJSON());
  return [left + ((t - 1) / 999) * width, top + height / 2];
}

export const schedule = {
  async 'the point is dragged with the mouse, and the digit follows'(t) {
    const visit = await open(t);
    await agrees(visit, 'linear', 350);
    const { mouse } = visit.page;
    await mouse.move(...(await place(visit, 350)));
    await mouse.down();
    await mouse.move(...(await place(visit, 500)), { steps: 4 });
    await mouse.move(...(await place(visit, 120)), { steps: 4 });
    const dragged = Number(await visit.text('schedule-t'));
    assert.ok(Math.abs(dragged - 120) <= 3, `dragged to ${dragged}`);
    await mouse.up();
    await mouse.move(...(await place(visit, 800)));
    assert.equal(Number(await visit.text('schedule-t')), dragged, 'it follows the mouse that has let go');
    await agrees(visit, 'linear', dragged);
    await answered(visit, dragged);
    await visit.page.click('#schedule-strip button:last-child');
    await agrees(visit, 'linear', 1000);
  },

  async 'the point moves with the keyboard, and says where it is'(t) {
    const visit = await open(t);
    const handle = '#schedule-chart [role=slider]';
    await visit.page.focus(handle);
    for (const [key, to] of [['ArrowRight', 351], ['ArrowUp', 352], ['ArrowLeft', 351], ['PageUp', 451], ['PageDown', 351], ['Home', 1], ['ArrowDown', 1], ['End', 1000]]) {
      await visit.press(key);
      await visit.shows('schedule-t', String(to));
      assert.equal(await visit.page.$eval(handle, (element) => element.getAttribute('aria-valuenow')), String(to));
    }
    assert.match(await visit.page.$eval(handle, (element) => element.getAttribute('aria-valuetext')), /^t 1000: beta 0\.020, alpha bar \S+, sigma \S+$/);
    await answered(visit, 1000);
  },

  async 'every t is answered at once, and the networks answer for the newest'(t) {
    const visit = await open(t);
    await visit.drag('#schedule-slider', range(100, 700, 50));
    assert.equal(await visit.text('schedule-t'), '700');
    await answered(visit, 700);
  },

  async 'three networks, and the error of each'(t) {
    const visit = await open(t, 'schedule.t=200&schedule.picture=7-2');
    await answered(visit, 200);
    const clean = (await visit.pixels('schedule-clean')).map((grey) => grey / 127.5 - 1);
    const { sigma } = await table(visit, 'linear', 200);
    for (const [which, model] of Object.entries(WHICH)) {
      const error = await visit.page.evaluate(async (model, clean, sigma) => {
        const noise = await window.unnoise.noise({ seed: 1 });
        const x = clean.map((value, i) => value + sigma * noise[i]);
        const { denoised } = await window.unnoise.denoise({ model, x, sigma });
        return denoised.reduce((sum, value, i) => sum + (value - clean[i]) ** 2, 0) / clean.length;
      }, model, clean, sigma);
      const shown = Number(await visit.text(`schedule-error-${which}`));
      assert.ok(Math.abs(shown - error) < 0.004, `${which}: ${shown} is shown, ${error} it is`);
    }
    assert.equal(await visit.page.$$eval('#schedule .least', (all) => all.length >= 1), true);
    // As the text says, all three are about as good.
    const errors = await Promise.all(Object.keys(WHICH).map(async (which) => Number(await visit.text(`schedule-error-${which}`))));
    assert.ok(Math.max(...errors) < 1.5 * Math.min(...errors), `errors of ${errors}`);
    near(await visit.text('schedule-told'), sigma);
    const predicted = Number(await visit.text('schedule-predicted'));
    assert.ok(Math.abs(predicted / sigma - 1) < 0.15, `${sigma} is seen as ${predicted}`);
  },

  async 'the cosine schedule is another one, and a link keeps it'(t) {
    const visit = await open(t);
    await visit.page.click('input[value="cosine"] + span');
    await agrees(visit, 'cosine', 350);
    await visit.slide('#schedule-slider', 1000);
    await answered(visit, 1000);
    assert.equal(await visit.alert(), '');
    await visit.slide('#schedule-slider', 350);
    await answered(visit, 350);
    // The address is written a moment later.
    await visit.page.waitForFunction(() => location.hash.includes('schedule.name=cosine') && !location.hash.includes('schedule.t='));
    const copy = await come(t, 'schedule', await visit.hash());
    await answered(copy, 350);
    await agrees(copy, 'cosine', 350);
    assert.equal(await copy.page.$eval('#schedule input[value="cosine"]', (radio) => radio.checked), true);
  },

  async 'a digit is drawn, and noised'(t) {
    const visit = await open(t);
    await visit.page.click('#schedule-tools [data-tool="clear"]');
    await visit.stroke('schedule-clean', [[6, 6], [21, 6], [12, 22]]);
    assert.equal((await visit.pixels('schedule-clean'))[6 * 28 + 12], 255);
    await visit.page.waitForFunction(() => location.hash.includes('schedule.picture='));
    await agrees(visit, 'linear', 350);
  },

  async 'three digits from the same noise'(t) {
    const visit = await open(t, 'schedule.digit=3&schedule.seed=4');
    await visit.goTo('schedule-runs');
    await visit.until('schedule-runs', 'done');
    const last = await visit.pixels('schedule-run-told');
    const x = await visit.page.evaluate(async () => {
      const run = await window.unnoise.start({ model: 'digits', digit: 3, seed: 4 });
      while (await run.step());
      return [...run.frame.x];
    });
    assert.ok(difference(last, x.map((value) => Math.min(255, Math.max(0, (value + 1) * 127.5)))) <= t.greys);

    await visit.page.focus('#schedule');
    await visit.press('Home');
    await visit.until('schedule-runs', 'paused');
    const [first, ...others] = await Promise.all(Object.keys(WHICH).map((which) => visit.pixels(`schedule-run-${which}`)));
    for (const other of others) assert.ok(difference(other, first) <= 1, 'they start from other noise');
    await visit.page.click('#schedule-transport [data-do="step"]');
    await visit.page.waitForFunction(() => document.getElementById('schedule-status').textContent.includes('step 1 of'));

    const seed = await visit.page.$eval('#schedule-seed', (input) => input.value);
    await visit.click('schedule-reroll');
    await visit.page.waitForFunction((seed) => document.getElementById('schedule-seed').value !== seed, {}, seed);
    await visit.until('schedule-runs', 'done');
    assert.notDeepEqual(await visit.pixels('schedule-run-told'), last);
  },

  async 'a t that cannot be had gets a sentence'(t) {
    const visit = await open(t, 'schedule.t=0&schedule.name=sine');
    assert.match(await visit.sentence(), /schedule\.name = sine, schedule\.t = 0/);
    assert.equal(await visit.text('schedule-t'), '350');
  },
};
