// The ONNX files that the command line writes say what the library says. They are run by onnxruntime, in this process.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { InferenceSession, Tensor, env } from 'onnxruntime-web';

import { quick } from './visit.mjs';

/** How far two answers may be apart, in units of the answer where it is above 1. */
const TOLERANCE = 1e-4;
const SIDE = 28;
const SCENE = 64;
const LATENT = 8;
const CLASSES = 11;
const TOKENS = 24;
const PROMPT = 'a bold red three on white paper';

env.wasm.numThreads = 1;

/** Hands `ask` a function that runs the file of a network, `inputs` by name: `[shape, numbers]`. Returns its outputs' numbers. */
async function withFiles({ native, weights }, networks, ask) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'unnoise-'));
  try {
    await promisify(execFile)(native, ['export', ...networks, '--weights', weights, `--onnx=${folder}`]);
    await ask(async (name, inputs) => {
      const session = await InferenceSession.create(path.join(folder, `${name}.onnx`));
      const feeds = Object.entries(inputs).map(([name, [shape, numbers]]) => {
        const type = numbers instanceof BigInt64Array ? 'int64' : 'float32';
        return [name, new Tensor(type, numbers, shape)];
      });
      const outputs = await session.run(Object.fromEntries(feeds));
      await session.release();
      return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data]));
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

function same(actual, expected, what) {
  assert.equal(actual.length, expected.length, what);
  const off = actual.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]) / Math.max(1, Math.abs(expected[i]))), 0);
  assert.ok(off <= TOLERANCE, `${what}: a number is off by ${off}`);
}

const joined = (rows) => Float32Array.from(rows.flatMap((row) => [...row]));

/** Height × width × channels, as the library has it, to channels × height × width. */
const planes = (picture, channels) => Float32Array.from(picture, (_, i) => picture[(i % (picture.length / channels)) * channels + Math.floor((i * channels) / picture.length)]);

const oneHot = (digit) => Float32Array.from({ length: CLASSES }, (_, i) => +(i === (digit ?? CLASSES - 1)));

/** What is asked of the networks of digits. */
const QUESTIONS = [
  { seed: 1, sigma: 0.1, digit: 3 },
  { seed: 2, sigma: 2.5, digit: 8 },
  { seed: 3, sigma: 40, digit: null },
];

/** The library's answers to `QUESTIONS`: `ask` is the text of an async function of the question with its picture, `x`. */
const answers = (visit, ask) => visit.page.evaluate(`(async () => {
  const plain = (answer) => Object.fromEntries(Object.entries(answer).map(([name, value]) => [name, value?.length ? [...value] : value]));
  const answers = [];
  for (const { seed, ...question } of ${JSON.stringify(QUESTIONS)}) {
    const x = (await window.unnoise.noise({ seed })).map((v) => v * question.sigma);
    answers.push({ x: [...x], ...plain(await (${ask})({ ...question, x })) });
  }
  return answers;
})()`);

/** The file of a network of digits, with a batch of one and of all of `QUESTIONS`, beside the library. */
const digits = (network, ask, output, { inputs = ['sigma'], expected }) => async (t) => {
  const visit = await quick(t);
  const own = await answers(visit, ask);
  await withFiles(t, [network], async (run) => {
    for (const count of [1, QUESTIONS.length]) {
      const [asked, answered] = [QUESTIONS.slice(0, count), own.slice(0, count)];
      const all = {
        sigma: [[count], Float32Array.from(asked, ({ sigma }) => sigma)],
        digit: [[count, CLASSES], joined(asked.map(({ digit }) => oneHot(digit)))],
      };
      const x = [[count, 1, SIDE, SIDE], joined(answered.map(({ x }) => x))];
      const outputs = await run(network, { x, ...Object.fromEntries(inputs.map((name) => [name, all[name]])) });
      same(expected.of(outputs[output]), joined(answered.map(expected.own)), `${network}, batch ${count}`);
    }
  });
};

const denoises = (network, model) =>
  digits(network, `(question) => unnoise.denoise({ model: '${model}', ...question })`, 'denoised', {
    inputs: ['sigma', 'digit'],
    expected: { of: (numbers) => numbers, own: ({ denoised }) => denoised },
  });

/** log f to the probabilities of each row. */
function softmax(numbers) {
  const rows = Array.from({ length: numbers.length / CLASSES }, (_, i) => [...numbers.slice(i * CLASSES, (i + 1) * CLASSES)]);
  return joined(rows.map((row) => {
    const exps = row.map((v) => Math.exp(v - Math.max(...row)));
    return exps.map((v) => v / exps.reduce((a, b) => a + b));
  }));
}

export const onnx = {
  'the ONNX file of the U-Net says what the library says': denoises('unet', 'digits'),
  'the ONNX file of the blind U-Net says it too': denoises('unet-blind', 'digits-blind'),
  'the ONNX file of the noise predictor says it too': digits('noise-level', '({ x }) => unnoise.noiseLevel({ x })', 'sigma', {
    inputs: [],
    expected: { of: (numbers) => numbers, own: ({ sigma }) => [sigma] },
  }),
  'the ONNX file of f says it too': digits('scorer', '(question) => unnoise.score(question)', 'log_f', {
    expected: { of: softmax, own: ({ probabilities }) => probabilities },
  }),

  async 'the ONNX files of text to picture say it too, from the sentence to the picture'(t) {
    const visit = await quick(t);
    const own = await visit.page.evaluate(async (prompt) => {
      const run = await unnoise.start({ model: 'text', prompt, seed: 1, guidance: 1, decode: 'every' });
      const { x: noise, sigma } = run.frame;
      const { denoised, picture } = await run.step();
      const text = await unnoise.embedText({ text: prompt });
      const { embedding } = await unnoise.embedPicture({ picture: picture.x });
      const { latent, deviation } = await unnoise.encode({ picture: picture.x });
      const all = { noise, denoised, picture: picture.x, said: text.embedding, seen: embedding, latent, deviation };
      return { sigma, words: text.words, ...Object.fromEntries(Object.entries(all).map(([name, numbers]) => [name, [...numbers]])) };
    }, PROMPT);
    const { models } = JSON.parse(await readFile(path.join(t.weights, 'manifest.json'), 'utf8'));
    await withFiles(t, ['text', 'clip', 'vae'], async (run) => {
      const ids = [1, ...own.words.map((word) => 2 + models.clip.config.words.indexOf(word))];
      const padded = BigInt64Array.from({ length: TOKENS }, (_, i) => BigInt(ids[i] ?? 0));
      const said = await run('clip-text', { ids: [[1, TOKENS], padded] });
      same(said.embedding, own.said, 'the sentence');
      const context = [[1, TOKENS, said.tokens.length / TOKENS], said.tokens];
      const [channels, latent, picture] = [4, [1, 4, LATENT, LATENT], [1, 3, SCENE, SCENE]];
      const { denoised } = await run('text', { x: [latent, planes(own.noise, channels)], sigma: [[1], Float32Array.of(own.sigma)], context });
      same(denoised, planes(own.denoised, channels), 'the latent');
      const painted = await run('vae-decoder', { latent: [latent, denoised] });
      // The library's pictures are cut off at black and white.
      same(painted.picture.map((v) => Math.min(1, Math.max(-1, v))), planes(own.picture, 3), 'the picture');
      const pixels = { picture: [picture, planes(own.picture, 3)] };
      same((await run('clip-image', pixels)).embedding, own.seen, 'the picture beside sentences');
      const { mean, log_variance: logVariance } = await run('vae-encoder', pixels);
      same(mean, planes(own.latent, channels), 'the latent of the picture');
      same(logVariance.map((v) => Math.exp(v / 2)), planes(own.deviation, channels), 'its deviation');
    });
  },
};
