// What the command line takes to sample, on one thread and on as many as there are, beside that of an earlier commit.

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { times } from './table.mjs';
import { inTurns, median, ratio } from './turns.mjs';

const DIGITS = 50;
const TURNS = { warmUp: 0, rounds: 5 };

/** Rows of what, before, now and now in units of before, in digits a second and in time. */
export async function native(now, before, weights) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'unnoise-'));
  const sample = (file, threads) => async () => {
    const settings = ['--count', DIGITS, '--digit', 3, '--steps', 20, '--sampler', 'dpmpp-2m', '--guidance', 1.5, '--device', 'cpu'];
    const began = performance.now();
    await promisify(execFile)(file, ['sample', ...settings.map(String), '--weights', weights, '--out', path.join(folder, 'digits.png')], {
      env: { ...process.env, RAYON_NUM_THREADS: String(threads) },
    });
    return performance.now() - began;
  };
  try {
    const rows = [];
    for (const threads of new Set([1, os.cpus().length])) {
      const files = [now, before].filter(Boolean);
      const [ours, theirs] = await inTurns(files.map((file) => sample(file, threads)), TURNS);
      const rate = (spent) => `${((1000 * DIGITS) / median(spent)).toFixed(1)} a second`;
      const what = `${DIGITS} digits, 20 steps with guidance, ${threads === 1 ? 'one thread' : `${threads} threads`}`;
      rows.push([what, theirs ? rate(theirs) : '', rate(ours), theirs ? times(ratio(ours, theirs)) : '', '0.47']);
    }
    return rows;
  } finally {
    await rm(folder, { recursive: true });
  }
}
