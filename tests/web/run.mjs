// Drives real browsers over the built site: node run.mjs --site DIR --weights DIR --native FILE [--python DIR] [--only TEXT]
// DIR of Python's: the environment with the package, which the tests in notebooks need.
// The last line is "N passed, N failed"; the exit status tells the same.

import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import { axe } from './axe.mjs';
import { launch } from './browsers.mjs';
import { bundlers, packed } from './bundlers.mjs';
import { clip, clipWebgpu } from './clip.mjs';
import { deck } from './deck.mjs';
import { documents } from './documents.mjs';
import { embed } from './embed.mjs';
import { faults, places } from './faults.mjs';
import { generate } from './generate.mjs';
import { gpu } from './gpu.mjs';
import { gradientCpu, gradientWebgpu } from './gradient.mjs';
import { guidance, guidanceCalm, guidanceWebgpu } from './guidance.mjs';
import { hide } from './hide.mjs';
import { calm, layout } from './layout.mjs';
import { elsewhere, library, libraryWebgpu } from './library.mjs';
import { measurement } from './measurement.mjs';
import { noise } from './noise.mjs';
import { notebook } from './notebook.mjs';
import { offline, offlineRoom } from './offline.mjs';
import { onnx } from './onnx.mjs';
import { parityCpu, parityWebgpu } from './parity.mjs';
import { present } from './present.mjs';
import { recording } from './recording.mjs';
import { retry } from './retry.mjs';
import { samplersCalm, samplersChapter, samplersWebgpu } from './samplers-chapter.mjs';
import { samplers } from './samplers.mjs';
import { schedule } from './schedule.mjs';
import { scorer, scorerFaults, scorerWebgpu } from './scorer.mjs';
import { reading, spoken } from './screen-reader.mjs';
import { security } from './security.mjs';
import { serve } from './server.mjs';
import { forced, sight } from './sight.mjs';
import { vae, vaeWebgpu } from './vae.mjs';
import { takeAlong } from './take-along.mjs';
import { text, textCalm, textWebgpu } from './text.mjs';
import { training, trainingRun, trainingWebgpu } from './training.mjs';
import { types } from './types.mjs';
import { Visit } from './visit.mjs';
import { ways } from './ways.mjs';
import { webgpu, withoutWebgpu } from './webgpu.mjs';
import { ownWeights } from './weights.mjs';
import { zoom } from './zoom.mjs';

const PLAN = {
  'no browser': { ...types, ...packed },
  chromium: { ...generate, ...recording, ...layout, ...calm, ...parityCpu, ...gradientCpu, ...withoutWebgpu, ...faults, ...library, ...elsewhere, ...bundlers, ...scorer, ...scorerFaults, ...noise, ...schedule, ...guidance, ...guidanceCalm, ...vae, ...clip, ...text, ...textCalm, ...samplersChapter, ...samplersCalm, ...training, ...trainingRun, ...ways, ...sight, ...forced, ...retry, ...samplers, ...onnx, ...security, ...offline, ...offlineRoom, ...takeAlong, ...present, ...embed, ...documents, ...deck, ...hide, ...ownWeights, ...measurement, ...notebook, ...places, ...axe, ...zoom, ...spoken, ...reading },
  'chromium-webgpu': { ...webgpu, ...gpu, ...libraryWebgpu, ...parityWebgpu, ...gradientWebgpu, ...scorerWebgpu, ...guidanceWebgpu, ...vaeWebgpu, ...clipWebgpu, ...textWebgpu, ...samplersWebgpu, ...trainingWebgpu },
  firefox: { ...generate, ...recording, ...layout, ...parityCpu, ...gradientCpu, ...scorer, ...noise, ...schedule, ...guidance, ...vae, ...clip, ...text, ...samplersChapter, ...training, ...ways, ...sight, ...retry, ...elsewhere, ...security, ...offline, ...takeAlong, ...present, ...embed, ...deck, ...hide, ...ownWeights, ...measurement, ...places, ...zoom, ...spoken },
};
/** One test may not hold the others up. */
const LIMIT = 400_000;

const { values: options } = parseArgs({
  options: { site: { type: 'string' }, weights: { type: 'string' }, native: { type: 'string' }, python: { type: 'string' }, only: { type: 'string', default: '' } },
});
for (const name of ['site', 'weights', 'native']) {
  if (!options[name]) throw new Error(`--${name} is missing: \`./build.sh test\` sets it`);
}

/** The tolerance between backends, from where it is documented. */
const source = await readFile(new URL('../../src/generation.rs', import.meta.url), 'utf8');
const tolerance = Number(source.match(/PARITY_TOLERANCE: f32 = ([\d.]+)/)[1]);

// What a test asks of puppeteer goes through a dozen of its functions: the line of the test comes after them.
Error.stackTraceLimit = 40;

let passed = 0;
/** Tests that failed, and those that passed when they were run again: nobody should have to look for them in what is printed. */
const failed = [];
const unsteady = [];
for (const [name, tests] of Object.entries(PLAN)) {
  const wanted = Object.entries(tests).filter(([title]) => `${name}: ${title}`.includes(options.only));
  if (wanted.length) await drive(name, wanted);
}
list('Passed only when run again', unsteady);
list('Failed twice', failed);
console.log(`\n${passed} passed, ${failed.length} failed`);
process.exit(failed.length ? 1 : 0);

function list(what, tests) {
  if (tests.length) console.log(`\n${what}:\n${tests.map(({ test, why }) => `       ${test}: ${why}\n`).join('')}`);
}

async function drive(name, tests) {
  const browser = await launch[name]?.();
  console.log(`\n${name}${browser ? `: ${await browser.version()}` : ''}`);
  for (const [title, test] of tests) {
    // What fails twice is wrong; what fails once may hang on how busy the machine was, and is named at the end.
    const why = await report(browser, title, test);
    const again = why && (await report(browser, `${title}, run again`, test));
    if (again) failed.push({ test: `${name}: ${title}`, why: again });
    else passed++;
    if (why && !again) unsteady.push({ test: `${name}: ${title}`, why });
  }
  await browser?.close();
}

/** Runs one test and prints how it went; returns the first line of what went wrong, or nothing. */
async function report(browser, title, test) {
  const began = Date.now();
  const error = await attempt(browser, test);
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  console.log(`${error ? 'FAILED' : 'ok    '} ${title} (${seconds} s)`);
  if (error) console.log(String(error.stack ?? error).replace(/^/gm, '         '));
  return error && String(error).split('\n')[0];
}

/** Runs one test on a server of its own; returns what went wrong, or nothing. */
async function attempt(browser, test) {
  const server = await serve(options.site);
  const visits = [];
  const t = {
    ...options,
    server,
    tolerance,
    /** The tolerance in grey values of a canvas, which are rounded on both sides. */
    greys: Math.ceil(tolerance * 127.5) + 1,
    async visit(where) {
      const visit = await Visit.open(browser, where?.server ?? server, where);
      visits.push(visit);
      return visit;
    },
  };
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${LIMIT / 1000} s`)), LIMIT);
  });
  try {
    await Promise.race([test(t), late]);
    const complaints = visits.flatMap((visit) => visit.complaints);
    if (complaints.length) throw new Error(complaints.join('\n'));
  } catch (error) {
    return error;
  } finally {
    clearTimeout(timer);
    await Promise.allSettled(visits.map((visit) => visit.close()));
    server.close();
  }
}
