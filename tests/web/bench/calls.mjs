// What the networks take in the browser, on the CPU, beside a build of an earlier commit: both sites are open in one
// browser and asked in turns.

import { Visit } from '../visit.mjs';
import { ms, times } from './table.mjs';
import { inTurns, median, ratio } from './turns.mjs';

/** Until the browser's optimising compiler is done. */
const TURNS = { warmUp: 15, rounds: 40 };

/** What is asked, as the text of an async function that says what it took, in ms; and the ratio that is aimed at. */
const WORK = [
  ['one network call', 'bench.steps({ digit: 3, seed: 1, steps: 5, sampler: "euler", guidance: 1 })', 0.4],
  ['two at once, for guidance', 'bench.steps({ digit: 3, seed: 1, steps: 5, sampler: "euler", guidance: 1.5 })', 0.4],
  ['one digit, 20 steps with guidance', 'bench.all({ digit: 3, seed: 1, steps: 20, sampler: "dpmpp-2m", guidance: 1.5 })', 0.4],
  ['f and its gradient', 'bench.asked(() => unnoise.score({ x: bench.digit, sigma: 0.4, digit: 3 }))', 0.5],
  ['the amount of noise and its gradient', 'bench.asked(() => unnoise.noiseLevel({ x: bench.digit }))', 0.5],
  ['a latent of a picture', 'bench.asked(() => unnoise.encode({ picture: bench.scene }))', 0.5],
  ['a picture of a latent', 'bench.asked(() => unnoise.decode({ latent: bench.latent }))', 0.5],
  ['a picture beside sentences', 'bench.asked(() => unnoise.embedPicture({ picture: bench.scene }))', 0.5],
  ['a sentence beside pictures', 'bench.asked(() => unnoise.embedText({ text: "a bold red three" }))', 0.5],
  ['ten sentences beside pictures', 'bench.asked(() => bench.sentences(Array(10).fill("a bold red three")))', 0.5],
  ['one picture from a sentence, 20 steps with guidance, each decoded', 'bench.all({ model: "text", prompt: "a bold red three on white paper", seed: 1, steps: 20, guidance: 5 })', 0.5],
];

/** A page whose library can be asked for all of that. */
export async function open(browser, server) {
  const visit = await Visit.open(browser, server, { query: 'backend=cpu' });
  await visit.state('done');
  await visit.page.evaluate(async () => {
    const REPEATS = 3;
    const frames = async (settings) => {
      const times = [];
      for await (const frame of window.unnoise.generate(settings)) if (frame.step > 0) times.push(frame.ms);
      return times;
    };
    const timed = async (ask) => {
      const began = performance.now();
      await ask();
      return performance.now() - began;
    };
    window.bench = {
      digit: await window.unnoise.noise({ seed: 1 }),
      scene: new Float32Array(64 * 64 * 3),
      latent: new Float32Array(8 * 8 * 4),
      /** The time of a step, as the library says it. */
      steps: async (settings) => {
        const times = await frames(settings);
        return times.reduce((a, b) => a + b) / times.length;
      },
      all: (settings) => timed(() => frames(settings)),
      /** One call for all of them, where the library takes them so. */
      sentences: async (texts) => {
        if (window.unnoise.embedTexts) return window.unnoise.embedTexts({ texts });
        for (const text of texts) await window.unnoise.embedText({ text });
      },
      asked: async (ask) => (await timed(async () => {
        for (let i = 0; i < REPEATS; i++) await ask();
      })) / REPEATS,
    };
  });
  return visit;
}

/** Rows of what, before, now, now in units of before, and what is aimed at. `before` is null where there is nothing to compare with. */
export async function calls(browser, now, before) {
  const visits = await Promise.all([now, before].filter(Boolean).map((server) => open(browser, server)));
  const rows = [];
  for (const [what, ask, aim] of WORK) {
    const [ours, theirs] = await inTurns(visits.map(({ page }) => () => page.evaluate(ask)), TURNS);
    rows.push([what, theirs ? ms(median(theirs)) : '', ms(median(ours)), theirs ? times(ratio(ours, theirs)) : '', times(aim)]);
  }
  for (const visit of visits) await visit.close();
  return rows;
}
