// Is WebGPU right here, and is it faster? What it computes is compared with the CPU's, each kind once, before it is used.

import { arraysOf } from './bridge.js';
import { LABEL, UnnoiseError } from './errors.js';
import { nextRunId, takeStep } from './run.js';

/**
 * @import { Bridge } from './bridge.js'
 * @import { Frame } from './unnoise.js'
 */

/** How far WebGPU may be off, in units of a picture that spans [-1, 1], or as a share of the largest value where those are larger. */
const TOLERANCE = 1e-2;
/** Both are asked for this: two network calls a step. */
const DIGIT = { digit: 3, seed: 1, guidance: 1.5 };
const PROMPT = { prompt: 'a bold red three on white paper', seed: 1, guidance: 1.5 };
/** And are measured over so many steps, the first ones apart. */
const STEPS = 13;
const WARM_UP = 3;
/** A backend that is this many times slower, its first step aside, is not measured to the end. */
const HOPELESS = 10;
const MEMORY_KEY = 'unnoise.backend';

/** Weights may know fewer classes than there are digits. */
const settingsFor = ({ name, classes, takesDigit, takesPrompt }) => ({
  ...(takesPrompt ? PROMPT : takesDigit ? { ...DIGIT, digit: Math.min(DIGIT.digit, classes.length - 1) } : { seed: DIGIT.seed }),
  model: name,
  steps: STEPS,
  sampler: 'euler',
});

/** Rejects when the two differ after one step of a model, a generator of `info`. */
export async function compareStep(cpu, gpu, generator) {
  const [a, b] = await Promise.all([cpu, gpu].map((bridge) => firstStep(bridge, settingsFor(generator))));
  const scale = Math.hypot(1, a.sigma);
  const noisy = furthest(a.x, b.x) / scale;
  const difference = Math.max(noisy, distance([a.denoised, a.picture?.x], [b.denoised, b.picture?.x]));
  if (!(difference <= TOLERANCE)) throw apart(`its first step with the model "${generator.name}"`, difference);
  return difference;
}

/** Rejects when two answers to one question differ. */
export function compareAnswers(method, one, other) {
  const difference = distance(arraysOf(one), arraysOf(other));
  if (!(difference <= TOLERANCE)) throw apart(`its first answer to ${method}`, difference);
}

const apart = (what, difference) => new UnnoiseError('engine', `${what} differs from the CPU's by ${difference.toPrecision(2)}, more than ${TOLERANCE}`);

/** @param {Bridge} bridge @returns {Promise<Frame>} */
async function firstStep(bridge, settings) {
  const id = nextRunId();
  await bridge.call('start', { run: id, settings });
  const step = await takeStep({ bridge, id });
  bridge.call('free', { run: id }).catch(() => {});
  return /** @type {Frame} */ (step);
}

/** The largest difference between arrays, as a share of the largest value where there are any above 1. */
function distance(some, others) {
  const distances = some.map((a, i) => (a ? furthest(a, others[i]) / a.reduce((most, value) => Math.max(most, Math.abs(value)), 1) : 0));
  return Math.max(0, ...distances);
}

const furthest = (a, b) => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

/** Which of the two is faster: `{ winner, reason, figures }`. `idle` resolves once nobody waits for the page. */
export async function race(cpu, gpu, generator, idle) {
  const settings = settingsFor(generator);
  await idle();
  const cpuMs = await timeCall(cpu, settings);
  await idle();
  const gpuMs = await timeCall(gpu, settings, cpuMs * HOPELESS);
  const winner = gpuMs < cpuMs ? 'webgpu' : 'cpu';
  const reason = `CPU ${milliseconds(cpuMs)} a call, WebGPU ${milliseconds(gpuMs)} a call: ${LABEL[winner]} is used.`;
  return { winner, reason, figures: { cpu: cpuMs, webgpu: gpuMs } };
}

/** Median milliseconds of one network call, after a warm-up. */
async function timeCall(bridge, settings, hopeless = Infinity) {
  const id = nextRunId();
  /** @type {number[]} */
  const times = [];
  let calls = (await bridge.call('start', { run: id, settings })).nfe;
  for (let step = 1; step <= STEPS; step++) {
    const { ms, nfe } = /** @type {Frame} */ (await takeStep({ bridge, id }));
    times.push(ms / (nfe - calls));
    calls = nfe;
    if (step > 1 && times[step - 1] > hopeless) break;
  }
  bridge.call('free', { run: id }).catch(() => {});
  const warm = times.slice(WARM_UP);
  return warm.length ? median(warm) : times[times.length - 1];
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const milliseconds = (ms) => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;

/** The outcome of the last trial, so that a bundle that lost is not downloaded again. Private windows may refuse it. */
export const memory = {
  read() {
    try {
      return JSON.parse(localStorage.getItem(MEMORY_KEY) ?? 'null');
    } catch {
      return null;
    }
  },
  write(outcome) {
    try {
      localStorage.setItem(MEMORY_KEY, JSON.stringify(outcome));
    } catch {
      // Nothing depends on it.
    }
  },
};
