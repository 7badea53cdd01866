// The samplers, in words.

import { parseWord } from './format.js';
import { make } from './make.js';

/**
 * Name and character of each. What is said of them was measured on the U-Net, guidance 1.5, as the mean distance from Heun's
 * digit of 80 steps, of 20 digits:
 *
 * | steps | euler | ddim  | flow  | lms   | dpmpp-2m | dpmpp-3m | unipc | gradient-descent | momentum | adam  |
 * | 5     | 0.159 | 0.132 | 0.165 | 0.143 | 0.114    | 0.235    | 0.113 | 1.507            | 1.339    | 4.050 |
 * | 10    | 0.082 | 0.069 | 0.080 | 0.044 | 0.034    | 0.041    | 0.030 | 0.226            | 0.541    | 0.353 |
 * | 20    | 0.046 | 0.041 | 0.044 | 0.009 | 0.012    | 0.003    | 0.005 | 0.473            | 0.559    | 0.501 |
 *
 * Heun with 3, 6 and 11 steps, for 5, 11 and 21 calls: 0.904, 0.066, 0.016. Those with fresh noise end in other digits, 0.51 to
 * 0.59 away.
 */
const SAMPLERS = {
  'dpmpp-2m': ['DPM-Solver++ (2M)', 'Remembers the step before, and so sees which way its path bends. With 10 steps less than half of Euler’s error.'],
  'dpmpp-2m-sde': ['DPM-Solver++ (2M) SDE', 'DPM-Solver++ (2M) with fresh noise in every step. So with other steps comes another digit.'],
  'dpmpp-3m': ['DPM-Solver++ (3M)', 'Remembers the two steps before, and so sees how the bend changes, too. With 20 steps nearer to the exact digit than DPM-Solver++ (2M); with 5 even Euler is nearer.'],
  unipc: ['UniPC', 'DPM-Solver++ (2M), with each step set right by what the next one sees anyway. With 10 steps no other comes as near to the exact digit.'],
  heun: ['Heun', 'Looks ahead, then corrects the step: two network calls for one. From 8 steps on it is nearer to the exact digit than Euler for the same calls; with 3 the picture goes to pieces.'],
  lms: ['LMS', 'Lays a curve through its last four slopes. With 20 steps less than a quarter of Euler’s error.'],
  euler: ['Euler', 'Goes straight for the estimate. Twice the steps, about half the error.'],
  'euler-ancestral': ['Euler ancestral', 'As Euler, but takes out more noise than it should, and adds fresh noise again. So with other steps comes another digit.'],
  flow: ['Flow matching', 'Reads the network as the velocity on a straight path from noise to picture. Its steps are Euler’s; where they lie differs.'],
  ddim: ['DDIM', 'Goes as straight as Euler, but stops at other amounts of noise: those of the training schedule. η adds fresh noise.'],
  ddpm: ['DDPM', 'The original: takes out more noise than it should, and adds fresh noise again, in every step. So with other steps comes another digit.'],
  'gradient-descent': ['Gradient descent', 'Subtracts c times the noise, the same c in every step: 0.6. With 5 steps noise is left; with 20 it is gone sooner than the network is told, and the digit is another one.'],
  momentum: ['Gradient descent with momentum', 'Subtracts c times the noise, and goes a part of the step before once more: past the goal, to another digit.'],
  adam: ['Adam', 'Gradient descent with a rate for each pixel: the more noise it has had, the slower. With 5 steps noise is left.'],
};

export const samplerName = (name) => SAMPLERS[name]?.[0] ?? name;

/** What a list of those that there are offers. */
export const samplerOptions = ({ samplers }) => samplers.map(({ name }) => make('option', { value: name }, samplerName(name)));

export const samplerHint = (name) => SAMPLERS[name]?.[1] ?? '';

/** A sampler's name that stands in the address. */
export const parseSampler = ({ samplers }) => (text) => parseWord(text, samplers.map(({ name }) => name));

/** Whether a sampler's fresh noise can be chosen. */
export const usesEta = ({ samplers }, sampler) => samplers.some(({ name, parameters }) => name === sampler && parameters.includes('eta'));
