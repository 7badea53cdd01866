// The schedules, in words.

import { parseWord } from './format.js';
import { make } from './make.js';
import { samplerName } from './samplers.js';

/** Name and character of each. */
const SCHEDULES = {
  karras: ['Karras', 'Most steps lie where little noise is left.'],
  linear: ['Linear', 'Evenly spaced times of DDPM’s own training schedule: many steps where there is much noise.'],
  cosine: ['Cosine', 'Evenly spaced times of the training schedule that follows a cosine.'],
  exponential: ['Exponential', 'Each step leaves the same share of the noise.'],
  flow: ['Flow matching', 'Evenly spaced times on a straight path from noise to picture.'],
  fitted: ['Fitted', ''],
};

/** In lists and in the address: each sampler walks the table that it is customarily used with. */
export const OWN = 'own';

/** What was fitted to a model, if anything was. */
const fitOf = ({ generators, models }, model) => generators.find(({ name }) => name === model).weights.map((network) => models[network]?.fit).find(Boolean);

/** Those that a model has. */
const schedulesOf = (info, model) => info.schedules.filter((name) => name !== 'fitted' || fitOf(info, model));

/** For which numbers of steps it was fitted. */
function stepsOf({ tables }) {
  const steps = Object.keys(tables).map(Number);
  return [Math.min(...steps), Math.max(...steps)];
}

/** Whether a model's schedule is for so many steps. */
export function isFor(info, model, schedule, steps) {
  if (schedule !== 'fitted') return true;
  const [least, most] = stepsOf(fitOf(info, model));
  return steps >= least && steps <= most;
}

/** What a list says of a schedule. */
function title(info, model, name) {
  const [what] = SCHEDULES[name] ?? [name];
  return name === 'fitted' ? `${what}, for ${stepsOf(fitOf(info, model)).join(' to ')} steps` : what;
}

/** What a list of a model's schedules offers: first what is left to the sampler. */
export const scheduleOptions = (info, model) => [
  make('option', { value: OWN }, 'The sampler’s own'),
  ...schedulesOf(info, model).map((name) => make('option', { value: name }, title(info, model, name))),
];

/** What is to be said of a schedule that was chosen, with these steps. */
export function scheduleHint(info, model, { schedule, sampler, steps }) {
  if (schedule === OWN) {
    const own = info.samplers.find(({ name }) => name === sampler).schedule;
    return `${SCHEDULES[own]?.[0] ?? own}. ${SCHEDULES[own]?.[1] ?? ''}`;
  }
  if (schedule !== 'fitted') return SCHEDULES[schedule]?.[1] ?? '';
  const fit = fitOf(info, model);
  const table = sampler === fit.sampler && fit.tables[steps];
  const gain = table ? ` With ${steps} steps other digits are ${table.fitted.heldOut.toFixed(2)} off, on Karras’ levels ${table.karras.heldOut.toFixed(2)}.` : '';
  return `Found by trying: where few steps of ${samplerName(fit.sampler)} come nearest to where ${fit.converged} lead from the same noise.${gain}`;
}

/** A schedule's name that stands in the address. */
export const parseSchedule = (info, model) => (text) => parseWord(text, [OWN, ...schedulesOf(info, model)]);
