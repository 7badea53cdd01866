// What fails in several chapters is said once and tried again at once; and a chapter that tries again goes on with what it has.

import assert from 'node:assert/strict';

import { status } from './server.mjs';
import { quick } from './visit.mjs';

/** Of each chapter: where it is, the question that is made to fail, and what asks it again. */
const QUESTIONS = [
  ['scorer-climb', 'scorer-transport', 'score'],
  ['noise-walk', 'noise-transport', 'noiseLevel'],
  ['schedule-runs', 'schedule-transport', 'denoise'],
  ['guidance-stage', 'guidance-transport', 'denoise'],
  ['text-stage', 'text-transport', 'embedPicture'],
];

export const retry = {
  async 'weights that three chapters lack: one notice, and one retry for all'(t) {
    for (const name of ['vae', 'clip', 'text']) t.server.faults.set(`weights/${name}.safetensors`, status(404));
    const visit = await quick(t, 'text.steps=2&text.speed=max');
    for (const id of ['vae', 'clip-table', 'text-stage']) {
      await visit.goTo(id);
      await visit.sentence();
    }
    await visit.page.waitForFunction(() => {
      const said = document.getElementById('alert').textContent;
      return ['vae', 'clip'].every((name) => said.includes(`${name}.safetensors`));
    });
    t.server.faults.clear();
    await visit.click('alert button');
    await visit.goTo('vae');
    await visit.answered('vae');
    await visit.goTo('clip-table');
    await visit.answered('clip-matrix');
    await visit.goTo('text-stage');
    await visit.until('text-transport', 'done');
    assert.equal(await visit.alert(), '');
  },

  async 'Escape dismisses what is said'(t) {
    const visit = await quick(t, 'digit=77');
    await visit.page.focus('#seed');
    assert.match(await visit.sentence(), /digit = 77/);
    await visit.press('Escape');
    await visit.page.waitForFunction(() => !document.querySelector('#alert.shown'));
    assert.equal(await visit.page.evaluate(() => document.activeElement.id), 'seed');
    await visit.press('Escape');
    assert.notEqual(await visit.page.evaluate(() => document.activeElement.id), 'seed', 'with nothing said it lets go of the keys, as before');
  },

  async 'a question that fails while a run is played: trying again goes on with that run'(t) {
    const visit = await quick(t, 'scorer.speed=20&scorer.steps=30&text.speed=20');
    for (const [place, bar, question] of QUESTIONS) {
      await visit.goTo(place);
      await visit.page.waitForFunction((bar) => ['done', 'paused'].includes(document.getElementById(bar).dataset.state), {}, bar);
      await visit.page.evaluate((question) => {
        const real = window.unnoise[question];
        window.unnoise[question] = () => Promise.reject(new Error('It is broken.'));
        window.mend = () => delete window.unnoise[question] || (window.unnoise[question] = real);
      }, question);
      await visit.page.$eval(`#${bar} [data-do=restart]`, (button) => button.click());
      if (bar === 'schedule-transport') await visit.slide('#schedule-slider', 500);
      assert.equal(await visit.sentence(), 'It is broken.', place);
      await visit.page.evaluate(() => window.mend());
      await visit.page.$eval('#alert button', (button) => button.click());
      await visit.until(bar, 'done');
      await visit.page.waitForFunction(() => !document.getElementById('alert').classList.contains('shown'));
    }
  },
};
