// The same seed and settings give the same digit here as on the command line.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { difference } from './visit.mjs';

const EULER = { digit: 3, seed: 7, steps: 4, sampler: 'euler', guidance: 1 };
const DEFAULT = { digit: 8, seed: 1, steps: 10, sampler: 'dpmpp-2m', guidance: 1.5 };
const ANCESTRAL = { digit: 5, seed: 2, steps: 12, sampler: 'ddpm', guidance: 2 };

/** The PNG that the command line writes. */
async function native({ native, weights }, settings) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'unnoise-'));
  try {
    const out = path.join(folder, 'digit.png');
    const options = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    await promisify(execFile)(native, ['sample', ...options, '--weights', weights, '--device', 'cpu', '--out', out]);
    return await readFile(out);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const agree = (backend, settings) => async (t) => {
  const visit = await t.visit({ query: `backend=${backend}`, hash: `${new URLSearchParams(settings)}&speed=max` });
  await visit.state('done');
  assert.equal(await visit.page.evaluate(() => window.unnoise.backend), backend);
  const expected = await visit.png(await native(t, settings));
  const off = difference(await visit.pixels('x'), expected);
  assert.ok(off <= t.greys, `a pixel differs by ${off} of 255; ${t.greys} may be`);
};

export const parityCpu = {
  'the digit of the command line, Euler': agree('cpu', EULER),
  'the digit of the command line, DPM-Solver++(2M) with guidance': agree('cpu', DEFAULT),
  'the digit of the command line, DDPM with its fresh noise': agree('cpu', ANCESTRAL),
};

export const parityWebgpu = { 'the digit of the command line, Euler': agree('webgpu', EULER) };
