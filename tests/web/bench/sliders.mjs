// What the page's answers cost while a hand is still moving: for the benchmark, in Chromium, which tells what its
// processes have spent.

import { come } from '../visit.mjs';

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

/** Processor time of an answer to each slider that networks answer: `[what, ms]`. `t` is as in a test. */
export async function sliders(t) {
  const rows = [];
  const chapter2 = await come(t, 'noise');
  await chapter2.answered('noise');
  rows.push(['a slider of chapter 2, moved, until its answer is shown', await cost(chapter2, drag('#noise-sigma', 300, 10, 'noise'))]);
  await chapter2.close();

  const chapter3 = await come(t, 'schedule-answers');
  await chapter3.answered('schedule');
  // Four networks, and each one's answer is shown as it comes.
  rows.push(['the point of chapter 3, moved, until an answer is shown', (await cost(chapter3, drag('#schedule-slider', 200, 10, 'schedule'))) / 4]);
  await chapter3.close();
  return rows;
}
