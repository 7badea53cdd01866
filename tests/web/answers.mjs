// The page answers while a hand is still moving.

import assert from 'node:assert/strict';

import { AT_ONCE_MS, come, quick } from './visit.mjs';

/** The browser compiles the network better while it runs; a visitor who draws has seen some answers already. */
const WARM_UP = 20;
const ASKED = 20;

/**
 * The processor time that a question costs, in ms: what else the machine is doing must not count. `ask` is the text of an
 * async function of the question's number.
 */
async function cost(visit, ask) {
  const session = await visit.page.browser().target().createCDPSession();
  const spent = async () => {
    const { processInfo } = await session.send('SystemInfo.getProcessInfo');
    return processInfo.filter(({ type }) => type === 'renderer').reduce((sum, { cpuTime }) => sum + cpuTime, 0);
  };
  const askAll = (from, count) => visit.page.evaluate(`(async () => {
    const ask = ${ask};
    for (let i = ${from}; i < ${from + count}; i++) await ask(i);
  })()`);
  await askAll(0, WARM_UP);
  const before = await spent();
  await askAll(WARM_UP, ASKED);
  const ms = (1000 * ((await spent()) - before)) / ASKED;
  await session.detach();
  return ms;
}

/** A slider that is moved, until the chapter has shown what its networks say of it. */
const drag = (slider, from, stride, section) => `(i) => new Promise((resolve) => {
  const input = document.querySelector(${JSON.stringify(slider)});
  const observer = new MutationObserver(() => {
    observer.disconnect();
    resolve();
  });
  observer.observe(document.getElementById(${JSON.stringify(section)}), { attributeFilter: ['data-answered'] });
  input.value = ${from} + ${stride} * i;
  input.dispatchEvent(new Event('input', { bubbles: true }));
})`;

/** In Chromium, which tells what its processes have spent. */
export const speed = {
  async 'every network answers within 50 ms'(t) {
    const visit = await quick(t);
    await visit.page.evaluate(async () => (window.picture = await window.unnoise.noise({ seed: 1 })));
    for (const ask of [
      '() => unnoise.score({ x: picture, sigma: 0.4, digit: 3 })',
      '() => unnoise.noiseLevel({ x: picture })',
      ...['digits', 'digits-blind', 'digits-estimated', 'scorer', 'noise-level'].map((model) => `() => unnoise.denoise({ model: '${model}', x: picture, sigma: 1 })`),
    ]) {
      const ms = await cost(visit, ask);
      assert.ok(ms > 0 && ms < AT_ONCE_MS, `${ask} took ${ms} ms`);
    }
  },

  async 'a slider that is dragged has its picture, and the answer to it, within 50 ms'(t) {
    const visit = await come(t, 'noise');
    await visit.answered('noise');
    const noise = await cost(visit, drag('#noise-sigma', 300, 10, 'noise'));
    assert.ok(noise > 0 && noise < AT_ONCE_MS, `chapter 2 took ${noise} ms`);
    await visit.goTo('schedule-answers');
    await visit.answered('schedule');
    // Four networks, and each one's answer is shown as it comes.
    const schedule = (await cost(visit, drag('#schedule-slider', 200, 10, 'schedule'))) / 4;
    assert.ok(schedule > 0 && schedule < AT_ONCE_MS, `an answer in chapter 3 took ${schedule} ms`);
  },
};
