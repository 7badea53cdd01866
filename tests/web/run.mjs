// Drives real browsers over the built site: node run.mjs --site DIR --weights DIR --native FILE [--only TEXT]
// The last line is "N passed, N failed"; the exit status tells the same.

import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import { launch } from './browsers.mjs';
import { clip, clipWebgpu } from './clip.mjs';
import { faults } from './faults.mjs';
import { generate } from './generate.mjs';
import { gradientCpu, gradientWebgpu } from './gradient.mjs';
import { calm, layout } from './layout.mjs';
import { noise } from './noise.mjs';
import { parityCpu, parityWebgpu } from './parity.mjs';
import { schedule } from './schedule.mjs';
import { scorer, scorerFaults, scorerWebgpu } from './scorer.mjs';
import { serve } from './server.mjs';
import { vae, vaeWebgpu } from './vae.mjs';
import { text, textCalm, textWebgpu } from './text.mjs';
import { Visit } from './visit.mjs';
import { webgpu, withoutWebgpu } from './webgpu.mjs';

const PLAN = {
  chromium: { ...generate, ...layout, ...calm, ...parityCpu, ...gradientCpu, ...withoutWebgpu, ...faults, ...scorer, ...scorerFaults, ...noise, ...schedule, ...vae, ...clip, ...text, ...textCalm },
  'chromium-webgpu': { ...webgpu, ...parityWebgpu, ...gradientWebgpu, ...scorerWebgpu, ...vaeWebgpu, ...clipWebgpu, ...textWebgpu },
  firefox: { ...generate, ...layout, ...parityCpu, ...gradientCpu, ...scorer, ...noise, ...schedule, ...vae, ...clip, ...text },
};
/** One test may not hold the others up. */
const LIMIT = 400_000;

const { values: options } = parseArgs({
  options: { site: { type: 'string' }, weights: { type: 'string' }, native: { type: 'string' }, only: { type: 'string', default: '' } },
});
for (const name of ['site', 'weights', 'native']) {
  if (!options[name]) throw new Error(`--${name} is missing: \`./build.sh test\` sets it`);
}

/** The tolerance between backends, from where it is documented. */
const source = await readFile(new URL('../../src/generation.rs', import.meta.url), 'utf8');
const tolerance = Number(source.match(/PARITY_TOLERANCE: f32 = ([\d.]+)/)[1]);

let passed = 0;
let failed = 0;
for (const [name, tests] of Object.entries(PLAN)) {
  const wanted = Object.entries(tests).filter(([title]) => `${name}: ${title}`.includes(options.only));
  if (wanted.length) await drive(name, wanted);
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);

async function drive(name, tests) {
  const browser = await launch[name]();
  console.log(`\n${name}: ${await browser.version()}`);
  for (const [title, test] of tests) {
    const began = Date.now();
    const error = await attempt(browser, test);
    const seconds = ((Date.now() - began) / 1000).toFixed(1);
    console.log(`${error ? 'FAILED' : 'ok    '} ${title} (${seconds} s)`);
    if (error) console.log(String(error.stack ?? error).replace(/^/gm, '         '));
    if (error) failed++;
    else passed++;
  }
  await browser.close();
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
      const visit = await Visit.open(browser, server, where);
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
