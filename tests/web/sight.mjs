// What a visitor sees of what they do: where it happens, how soon, and in the colours that their system wants.

import assert from 'node:assert/strict';

import { come, DRAWN, quick } from './visit.mjs';

/** A control, and the picture that it changes. */
const CHANGES = [
  ['strength', 'denoised'],
  ['steps', 'denoised'],
  ['scorer-steps', 'scorer-x'],
  ['scorer-freedom', 'scorer-sketch'],
  ['guidance-g', 'guidance-guided'],
  ['text-guidance', 'text-picture'],
  ['text-steps', 'text-picture'],
  ['samplers-rate', 'samplers-descent-x'],
];

/** How much of an element is in the window, 0 to 1. */
const inWindow = (visit, id) => visit.page.$eval(`#${id}`, (element) => {
  const { top, bottom, height } = element.getBoundingClientRect();
  return Math.max(0, Math.min(innerHeight, bottom) - Math.max(0, top)) / height;
});

export const sight = {
  async 'what a control changes is in sight while it is used'(t) {
    for (const [width, height] of [[1280, 800], [390, 844]]) {
      const visit = await quick(t, 'scorer.steps=2&scorer.speed=max&text.steps=2&text.speed=max', { width, height });
      for (const [control, picture] of CHANGES) {
        await visit.page.$eval(`#${control}`, (element) => element.scrollIntoView({ block: 'center', behavior: 'instant' }));
        const seen = await inWindow(visit, picture);
        assert.ok(seen > 0.6, `${width} × ${height}: ${seen.toFixed(2)} of #${picture} is seen beside #${control}`);
      }
    }
  },

  async 'what is drawn of a sentence comes into sight'(t) {
    const visit = await come(t, 'text-stage', 'text.steps=2&text.speed=max', { width: 390, height: 844 });
    await visit.until('text-transport', 'done');
    await visit.page.$eval('#text-prompt', (element) => element.scrollIntoView({ block: 'end', behavior: 'instant' }));
    await visit.page.$eval('#text-form .primary', (button) => button.click());
    await visit.page.waitForFunction(() => {
      const { top, bottom } = document.getElementById('text-picture').getBoundingClientRect();
      return top >= 0 && bottom <= innerHeight;
    });
  },

  async 'a chapter that opens above does not move what is looked at'(t) {
    const visit = await come(t, 'text-stage', 'text.steps=2&text.speed=max');
    await visit.until('text-transport', 'done');
    const before = await visit.page.$eval('#text-form .primary', (button) => {
      button.scrollIntoView({ block: 'center', behavior: 'instant' });
      return { top: button.getBoundingClientRect().top, height: document.getElementById('clip').offsetHeight };
    });
    await visit.page.waitForFunction((height) => document.getElementById('clip').offsetHeight > height + 500, {}, before.height);
    const top = await visit.page.$eval('#text-form .primary', (button) => button.getBoundingClientRect().top);
    assert.ok(Math.abs(top - before.top) < 2, `the button moved from ${before.top} to ${top}`);
  },

  async 'a slider answers while it is dragged'(t) {
    const visit = await quick(t, 'scorer.speed=max&scorer.steps=10&text.speed=max&text.steps=10');
    await visit.slide('#steps', 20);
    await visit.page.waitForFunction(() => document.getElementById('step-all').textContent === '20');
    for (const [place, bar, slider, from, by, canvas] of [
      ['player', 'player', '#strength', 1.5, 0.1, '#denoised'],
      ['scorer-stage', 'scorer-transport', '#scorer-steps', 10, 1, '#scorer-gradient'],
      ['text-stage', 'text-transport', '#text-guidance', 2, 0.25, '#text-picture'],
    ]) {
      await visit.goTo(place);
      await visit.until(bar, 'done');
      const changes = await visit.page.evaluate(async (slider, from, by, canvas) => {
        const input = document.querySelector(slider);
        const shown = () => document.querySelector(canvas).toDataURL();
        let [last, changes] = [shown(), 0];
        // A hand that never rests for as long as 100 ms.
        for (let i = 1; i <= 24; i++) {
          input.value = from + by * i;
          input.dispatchEvent(new Event('input', { bubbles: true }));
          await new Promise((resolve) => setTimeout(resolve, 60));
          if (shown() !== last) [last, changes] = [shown(), changes + 1];
        }
        return changes;
      }, slider, from, by, canvas);
      assert.ok(changes >= 3, `${canvas} changed ${changes} times while ${slider} was dragged`);
      await visit.until(bar, 'done');
    }
  },

  async 'chapter 1, cleared and improved: it says why nothing moves'(t) {
    const visit = await come(t, 'scorer-ask', 'scorer.steps=2&scorer.speed=max');
    await visit.page.waitForSelector('#scorer-tools [data-tool=clear]');
    await visit.until('scorer-transport', 'paused').catch(() => {});
    await visit.page.$eval('#scorer-tools [data-tool=clear]', (button) => button.click());
    await visit.page.$eval('#scorer-improve', (button) => button.click());
    await visit.until('scorer-improved', 'done');
    await visit.shows('scorer-ask-status', /nothing to hold on to/);
  },

  async 'chapter 3, before anything is asked, says so'(t) {
    const visit = await quick(t);
    const words = await visit.page.$$eval('#schedule-runs .unasked', (notes) => notes.map((note) => [note.textContent, note.hidden]));
    assert.deepEqual(words, Array(3).fill(['not asked yet', false]));
    await visit.goTo('schedule-runs');
    await visit.until('schedule-runs', 'done');
    assert.equal(await visit.page.$$eval('#schedule-runs .unasked', (notes) => notes.every((note) => note.hidden)), true);
  },

  async 'chapter 5, cleared: nothing of the old picture stays'(t) {
    const visit = await come(t, 'vae', `vae.picture=${DRAWN}`);
    await visit.answered('vae');
    await visit.page.$eval('#vae-tools [data-tool=clear]', (button) => button.click());
    await visit.shows('vae-psnr', '–');
    assert.equal(await visit.text('vae-mse'), '–');
    for (const id of ['vae-picture', 'vae-decoded', 'vae-error', 'vae-poked', 'vae-mix']) {
      assert.ok((await visit.colours(id)).every((value) => value === 0), `${id} still shows something`);
    }
  },
};

/** Where the driver can ask for it: not in Firefox. */
export const forced = {
  async 'in forced colours the chosen digit, tool, choice and swatch differ from the others, and tracks and bars are seen'(t) {
    const visit = await quick(t, 'scorer.steps=2&scorer.speed=max');
    const session = await visit.page.createCDPSession();
    await session.send('Emulation.setEmulatedMedia', { features: [{ name: 'forced-colors', value: 'active' }] });
    await visit.goTo('scorer-climb');
    await visit.answered('scorer-stage');
    await visit.goTo('guidance');
    await visit.answered('guidance-stage');
    await visit.goTo('vae-picker');
    await visit.page.waitForSelector('#vae-picker input:checked');
    const colour = (selector, property = 'backgroundColor', pseudo = null) => visit.page.$eval(selector, (element, property, pseudo) => getComputedStyle(element, pseudo)[property], property, pseudo);
    for (const [chosen, other] of [
      ['#digit [aria-pressed=true]', '#digit [aria-pressed=false]'],
      ['#scorer-tools [aria-pressed=true]', '#scorer-tools [aria-pressed=false]'],
      ['#guidance-digit [aria-pressed=true] span', '#guidance-digit [aria-pressed=false] span'],
      ['#guidance-interval .between', 'body'],
      ['#vae-picker .strokes input:checked + span', '#vae-picker .strokes input:not(:checked) + span'],
      ['.bars .asked .track i', 'body'],
      ['#vae-picker .swatches label:nth-child(1) span', '#vae-picker .swatches label:nth-child(2) span'],
      ['.dot', 'body'],
    ]) assert.notEqual(await colour(chosen), await colour(other), chosen);
    assert.equal(await colour('#scrub', 'forcedColorAdjust'), 'none');
  },
};
