// The same seed and settings give the same digit here as on the command line.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { difference, quick, shades } from './visit.mjs';

const EULER = { digit: 3, seed: 7, steps: 4, sampler: 'euler', guidance: 1 };
const DEFAULT = { digit: 8, seed: 1, steps: 10, sampler: 'dpmpp-2m', guidance: 1.5 };
const ANCESTRAL = { digit: 5, seed: 2, steps: 12, sampler: 'ddpm', guidance: 2 };

/** The PNG that the command line writes. */
async function native({ native, weights }, settings) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'unnoise-'));
  try {
    const out = path.join(folder, 'digit.png');
    const flag = (name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    const options = Object.entries(settings).flatMap(([name, value]) => [flag(name), ...[value].flat().map(String)]);
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

/** As much for digits that the page does not ask for. */
async function agreeInLibrary(t, visit, settings) {
  const { x } = (await visit.frames(settings)).at(-1);
  const off = difference(shades(x), await visit.png(await native(t, settings)));
  assert.ok(off <= t.greys, `${JSON.stringify(settings)}: a pixel differs by ${off} of 255; ${t.greys} may be`);
}

/** What steers a run, each away from its default. */
const STEERED = [
  { negative: 7, guidance: 3, steps: 6 },
  { guidanceInterval: [0.3, 5], guidance: 3, steps: 6 },
  { sampler: 'flow', shift: 3, steps: 6 },
  { sampler: 'momentum', rate: 0.5, momentum: 0.1, steps: 12 },
  { sampler: 'heun', schedule: 'exponential', steps: 8 },
  { schedule: 'fitted', steps: 4 },
];

export const parityCpu = {
  async 'a browser without relaxed SIMD loads the bundle without it, and the digit is the same'(t) {
    const visit = await t.visit({ hash: 'steps=1&speed=max' });
    const last = async () => (await visit.frames(DEFAULT)).at(-1).x;
    const loaded = (bundle) => t.server.requests.some(({ file }) => file === `wasm/${bundle}/unnoise_bg.wasm`);
    await visit.state('done');
    assert.deepEqual([loaded('relaxed'), loaded('cpu')], [true, false]);
    const relaxed = await last();
    await visit.page.evaluateOnNewDocument(() => {
      // What such a browser says of every module with one of these instructions: the page asks with the smallest.
      const { validate } = WebAssembly;
      const code = (bytes) => bytes.some((byte, i) => byte === 253 && bytes[i + 1] === 133 && bytes[i + 2] === 2);
      WebAssembly.validate = (bytes) => !code(bytes) && validate(bytes);
    });
    await visit.page.reload();
    await visit.state('done');
    assert.ok(loaded('cpu'), 'the bundle without relaxed SIMD was not loaded');
    const off = difference(await last(), relaxed);
    assert.ok(off <= t.tolerance, `a pixel differs by ${off}`);
  },

  'the digit of the command line, Euler': agree('cpu', EULER),
  'the digit of the command line, DPM-Solver++(2M) with guidance': agree('cpu', DEFAULT),
  'the digit of the command line, DDPM with its fresh noise': agree('cpu', ANCESTRAL),

  async 'the digits of the command line, by every sampler'(t) {
    const visit = await quick(t);
    const samplers = await visit.page.evaluate(() => window.unnoise.info.samplers.map(({ name }) => name));
    for (const sampler of samplers) await agreeInLibrary(t, visit, { digit: 4, seed: 3, steps: 12, sampler });
  },

  async 'the digits of the command line, steered'(t) {
    const visit = await quick(t);
    for (const settings of STEERED) await agreeInLibrary(t, visit, { digit: 4, seed: 3, ...settings });
  },
};

export const parityWebgpu = { 'the digit of the command line, Euler': agree('webgpu', EULER) };
