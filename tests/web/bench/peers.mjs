// The U-Net beside onnxruntime-web on the ONNX file of the same network: one thread, wasm, in turns in one browser.
// onnxruntime computes on the page itself, without a worker's messages. Its own tool for int8 is a Python one
// (onnxruntime.quantization): what that made of the file is measured where it is named.

import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { serve } from '../server.mjs';
import { open } from './calls.mjs';
import { ms, times } from './table.mjs';
import { inTurns, median, ratio } from './turns.mjs';

const ORT = fileURLToPath(new URL('../node_modules/onnxruntime-web/dist/', import.meta.url));
const RUNTIME = ['ort.wasm.min.mjs', 'ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm'];
const TURNS = { warmUp: 30, rounds: 90 };
const SIGMA = 2.5;
const DIGIT = 3;

/** Rows of what, the peer's time, ours, ours in units of the peer's, and what is aimed at; and how far the answers are apart, f32 first. */
export async function peers(browser, server, { native, weights, int8 }) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'unnoise-'));
  const visit = await open(browser, server);
  let peer;
  try {
    await promisify(execFile)(native, ['export', 'unet', '--weights', weights, `--onnx=${folder}`]);
    if (int8) await copyFile(int8, path.join(folder, 'unet-int8.onnx'));
    for (const name of RUNTIME) await copyFile(path.join(ORT, name), path.join(folder, name));
    await writeFile(path.join(folder, 'index.html'), '<!doctype html><meta charset="utf-8"><title>onnxruntime-web</title>');
    peer = await serve(folder);
    const page = await (await browser.createBrowserContext()).newPage();
    await page.goto(peer.url);
    const x = await visit.page.evaluate((sigma) => [...window.bench.digit].map((v) => v * sigma), SIGMA);
    const kinds = [{ name: 'f32', file: 'unet.onnx', aim: '0.50' }, ...(int8 ? [{ name: 'int8', file: 'unet-int8.onnx', aim: '1.00' }] : [])];
    const version = await page.evaluate(async (files, x, sigma, digit) => {
      const { InferenceSession, Tensor, env } = await import(new URL('ort.wasm.min.mjs', location.href).href);
      env.wasm.numThreads = 1;
      const options = { executionProviders: ['wasm'], graphOptimizationLevel: 'all' };
      const sessions = new Map();
      for (const file of files) sessions.set(file, await InferenceSession.create(file, options));
      window.run = async (file, count) => {
        const times = (values) => Float32Array.from({ length: count * values.length }, (_, i) => values[i % values.length]);
        const began = performance.now();
        const { denoised } = await sessions.get(file).run({
          x: new Tensor('float32', times(x), [count, 1, 28, 28]),
          sigma: new Tensor('float32', times([sigma]), [count]),
          digit: new Tensor('float32', times(Array.from({ length: 11 }, (_, i) => +(i === digit))), [count, 11]),
        });
        return { ms: performance.now() - began, denoised: [...denoised.data] };
      };
      return env.versions.web ?? env.versions.common;
    }, kinds.map(({ file }) => file), x, SIGMA, DIGIT);
    const ours = await visit.page.evaluate(async (x, sigma, digit) => [...(await window.unnoise.denoise({ x, sigma, digit })).denoised], x, SIGMA, DIGIT);
    const apart = [];
    for (const { name, file } of kinds) {
      const theirs = await page.evaluate(async (file) => (await window.run(file, 1)).denoised, file);
      apart.push(`${name} ${Math.max(...ours.map((v, i) => Math.abs(v - theirs[i]))).toExponential(1)}`);
    }

    const rows = [];
    for (const [count, what, guidance] of [[1, 'one network call', 1], [2, 'two at once, for guidance', 1.5]]) {
      const steps = `bench.steps({ digit: ${DIGIT}, seed: 1, steps: 2, sampler: "euler", guidance: ${guidance} })`;
      const theirs = kinds.map(({ file }) => () => page.evaluate(async (file, count) => (await window.run(file, count)).ms, file, count));
      const [own, ...others] = await inTurns([() => visit.page.evaluate(steps), ...theirs], TURNS);
      kinds.forEach(({ name, aim }, i) => rows.push([`${what}, ${name}`, ms(median(others[i])), ms(median(own)), times(ratio(own, others[i])), aim]));
    }
    return { version, rows, apart: apart.join(', ') };
  } finally {
    await visit.close();
    peer?.close();
    await rm(folder, { recursive: true });
  }
}
