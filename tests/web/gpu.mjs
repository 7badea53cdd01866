// What WebGPU is asked to do, and whether it answers as the CPU does: with the binding itself, in the page.

import assert from 'node:assert/strict';

import { quick } from './visit.mjs';

/** A call of the U-Net, guided or not: a dispatch costs tens of microseconds on any card. */
const DISPATCHES = 80;
const SUBMITS = 2;

/** How far a number may be off, as a share of the largest: sums of thousands, in another order. */
const TOLERANCE = 1e-4;

/** Puts `engineOf(bundle, networks)` into the page: the binding of a bundle, 'cpu' or 'gpu', with networks loaded. */
export async function engines(visit) {
  await visit.page.evaluate((map) => {
    window.engineOf = async (bundle, networks) => {
      const { MAP } = await import(map);
      const fetched = (file) => fetch(MAP[file].url);
      const { default: init, Engine } = await import(MAP[`wasm/${bundle}/unnoise.js`].url);
      await init({ module_or_path: fetched(`wasm/${bundle}/unnoise_bg.wasm`) });
      const engine = await Engine.create();
      const manifest = await (await fetched('weights/manifest.json')).text();
      for (const name of networks) engine.load(name, manifest, new Uint8Array(await (await fetched(`weights/${name}.safetensors`)).arrayBuffer()));
      return engine;
    };
  }, await visit.module('unnoise/map.js'));
}

/** What the steps of a run asked of WebGPU, one by one: dispatches, submits, writes, and pipelines to compile. */
export async function asked(visit, settings) {
  await engines(visit);
  return visit.page.evaluate(async (settings) => {
    const zero = { dispatches: 0, submits: 0, writes: 0, pipelines: 0 };
    let count = zero;
    const counted = (type, method, name) => {
      const original = type.prototype[method];
      type.prototype[method] = function (...args) {
        count[name]++;
        return original.apply(this, args);
      };
    };
    counted(GPUComputePassEncoder, 'dispatchWorkgroups', 'dispatches');
    counted(GPUQueue, 'submit', 'submits');
    counted(GPUQueue, 'writeBuffer', 'writes');
    counted(GPUDevice, 'createComputePipeline', 'pipelines');
    const run = (await window.engineOf('gpu', ['unet'])).start(settings);
    const steps = [];
    for (let step = 0; step < settings.steps; step++) {
      count = { ...zero };
      const began = performance.now();
      await run.step();
      steps.push({ ...count, ms: performance.now() - began });
    }
    return steps;
  }, settings);
}

const frugal = (guidance) => async (t) => {
  const visit = await quick(t);
  // The first call compiles and fills caches.
  const [, call] = await asked(visit, { digit: 3, seed: 1, steps: 2, sampler: 'euler', guidance });
  assert.ok(call.dispatches > 0 && call.dispatches <= DISPATCHES, `${call.dispatches} dispatches`);
  assert.ok(call.submits > 0 && call.submits <= SUBMITS, `${call.submits} submits`);
  assert.equal(call.pipelines, 0, 'a pipeline was compiled twice');
};

/** All networks' answers to the same questions, in the order of the questions. */
const answers = (visit, bundle) => visit.page.evaluate(async (bundle) => {
  const engine = await window.engineOf(bundle, ['unet', 'unet-blind', 'noise-level', 'scorer', 'vae', 'clip', 'text']);
  // Numbers from -1 to 1 that no network has seen, the same for both.
  const picture = (length) => Float32Array.from({ length }, (_, i) => Math.sin(i * i * 0.37));
  const digit = picture(28 * 28);
  const colours = picture(64 * 64 * 3);
  const step = async (settings) => (await engine.start({ seed: 2, steps: 1, sampler: 'euler', guidance: 1.5, ...settings }).step()).denoised;
  const read = await engine.score(digit, 0.7, 3);
  const level = await engine.noiseLevel(digit);
  const encoded = await engine.encode(colours);
  const all = {
    'the U-Net': (await engine.denoise('digits', digit, 0.7, 3)).denoised,
    'the U-Net, much noise': (await engine.denoise('digits', digit.map((v) => 30 * v), 20, 3)).denoised,
    'the U-Net, guided': await step({ model: 'digits', digit: 3 }),
    'the U-Net that is not told the noise': (await engine.denoise('digits-blind', digit, 0.7, 3)).denoised,
    'the U-Net that is told an estimate': (await engine.denoise('digits-estimated', digit, 0.7, 3)).denoised,
    'f': read.probabilities,
    'its gradient': read.gradient,
    'the noise level': [level.sigma],
    'the gradient of the noise level': level.gradient,
    'the encoder': encoded.latent,
    'its deviation': encoded.deviation,
    'the decoder': (await engine.decode(picture(256))).picture,
    'CLIP of a picture': (await engine.embedPicture(colours)).embedding,
    'CLIP of sentences': (await engine.embedTexts(['a thin slanted red three on blue paper', 'a four'])).embeddings,
    'the text model': await step({ model: 'text', prompt: 'a bold red three on white paper', decode: 'never' }),
  };
  return Object.entries(all).map(([what, numbers]) => [what, [...numbers]]);
}, bundle);

export const gpu = {
  'a call of the U-Net is few dispatches in one go': frugal(1),
  'so is a guided one': frugal(1.5),

  async 'every network answers alike on WebGPU and on the CPU'(t) {
    const visit = await quick(t);
    await engines(visit);
    const theirs = await answers(visit, 'cpu');
    const ours = new Map(await answers(visit, 'gpu'));
    const wrong = theirs.flatMap(([what, expected]) => {
      const largest = Math.max(1, ...expected.map(Math.abs));
      const off = Math.max(...expected.map((value, i) => Math.abs(value - ours.get(what)[i])));
      return off <= TOLERANCE * largest ? [] : [`${what} is off by ${off}, of ${largest} at most`];
    });
    assert.deepEqual(wrong, []);
  },
};
