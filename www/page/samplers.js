// The samplers, in words.

import { make } from './make.js';

/** Name and character of each. */
export const SAMPLERS = {
  'dpmpp-2m': ['DPM-Solver++ (2M)', 'Looks back one step, to see the curve: few steps are enough.'],
  heun: ['Heun', 'Tries each step, then corrects it: twice the network calls.'],
  euler: ['Euler', 'Follows the estimate in a straight line.'],
  ddim: ['DDIM', 'Straight lines on the training schedule; η adds fresh noise.'],
  ddpm: ['DDPM', 'The original: fresh noise in every step, so it likes many.'],
};

/** Those whose fresh noise can be chosen. */
export const USES_ETA = new Set(['ddim']);

/** What a list of them offers. */
export const samplerOptions = () => Object.entries(SAMPLERS).map(([value, [name]]) => make('option', { value }, name));
