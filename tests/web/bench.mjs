// What a visitor pays: node bench.mjs --site DIR. Prints figures beside their limits; never fails by time.

import { readdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { answers } from './answers.mjs';
import { launch } from './browsers.mjs';
import { serve } from './server.mjs';
import { Visit } from './visit.mjs';

const REPEATS = 20;
const OPENINGS = 5;
const CALL = { digit: 3, seed: 1, steps: REPEATS, sampler: 'euler', guidance: 1 };
const DIGIT = { digit: 3, steps: 20, sampler: 'dpmpp-2m', guidance: 1.5 };
const PICTURE = { model: 'text', prompt: 'a bold red three on white paper' };
/** What chapter 7 loads. */
const TEXT = ['text', 'clip', 'vae'];
const GPU = 'wasm/gpu/';

const { values: options } = parseArgs({ options: { site: { type: 'string', default: 'dist' } } });

const table = [];
const row = (what, value, limit = '') => table.push([what, value, limit]);
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(3)} MB`;
const ms = (value) => `${value.toFixed(value < 100 ? 1 : 0)} ms`;
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

const server = await serve(options.site, { compress: true });
const sizes = new Map();
const files = (await readdir(options.site, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
for (const entry of files) {
  const file = path.relative(options.site, path.join(entry.parentPath ?? entry.path, entry.name)).split(path.sep).join('/');
  sizes.set(file, await server.brotli(file));
}

const browser = await launch.chromium();
const version = await browser.version();

/** Opens the page with an empty cache, and waits for its first digit. Milliseconds since the navigation began. */
async function open(hash) {
  server.requests.length = 0;
  const visit = await Visit.open(browser, server, { hash });
  await visit.state('done');
  const loaded = [...server.requests];
  const elapsed = await visit.page.evaluate(() => performance.now());
  return { visit, loaded, elapsed };
}

async function openings(hash) {
  const times = [];
  for (let i = 0; i < OPENINGS; i++) {
    const { visit, elapsed } = await open(hash);
    times.push(elapsed);
    await visit.close();
  }
  return median(times);
}

const { visit, loaded } = await open('');
const bytes = (part) => loaded.filter(({ file }) => file.startsWith(part)).reduce((sum, entry) => sum + entry.bytes, 0);
row('until the first digit on the CPU, brotli', megabytes(bytes('')), '1.8 MB');
row('  of that the CPU bundle', megabytes(bytes('wasm/')));
row('  of that the weights', megabytes(bytes('weights/')));
row('  of that the page', megabytes(bytes('') - bytes('wasm/') - bytes('weights/')));
row(`  requests`, String(loaded.length));
row('the WebGPU bundle, brotli', megabytes([...sizes].reduce((sum, [file, size]) => sum + (file.startsWith(GPU) ? size : 0), 0)), '2.2 MB');

const drawsText = TEXT.every((name) => sizes.has(`weights/${name}.safetensors`));
if (drawsText) row('weights of text to picture, brotli', megabytes(TEXT.reduce((sum, name) => sum + sizes.get(`weights/${name}.safetensors`), 0)), '4 MB');

const figures = await visit.page.evaluate(async (repeats, call, digit, picture) => {
  const finish = async (settings) => {
    const began = performance.now();
    const times = [];
    for await (const frame of window.unnoise.generate(settings)) if (frame.step > 0) times.push(frame.ms);
    return { all: performance.now() - began, times };
  };
  // Until the browser's optimising compiler is done.
  for (let seed = 0; seed < 10; seed++) await finish({ ...digit, seed });
  const calls = (await finish(call)).times;
  const digits = [];
  for (let seed = 0; seed < repeats; seed++) digits.push((await finish({ ...digit, seed })).all);
  const pictures = [];
  if (picture) {
    for (let seed = 0; seed < 3; seed++) await finish({ ...picture, seed });
    for (let seed = 0; seed < repeats; seed++) pictures.push((await finish({ ...picture, seed })).all);
  }
  return { calls, digits, pictures };
}, REPEATS, CALL, DIGIT, drawsText ? PICTURE : null);
await visit.close();
row('one network call', ms(median(figures.calls)), '12 ms');
row('one digit, 20 steps with guidance', ms(median(figures.digits)), '500 ms');
if (drawsText) row('one picture from a sentence, 20 steps with guidance', ms(median(figures.pictures)), '1500 ms');
row('navigation to the first digit, as it is played', ms(await openings('')));
row('navigation to the first digit, without a speed limit', ms(await openings('speed=max')));

for (const [what, cost] of await answers({ visit: (where) => Visit.open(browser, server, where) })) row(what, ms(cost), '50 ms');

await browser.close();
server.close();

const width = (column) => Math.max(...table.map((cells) => cells[column].length));
console.log(`\n${version}, CPU, one thread, on ${os.cpus()[0]?.model ?? 'this machine'}; medians of ${REPEATS} after warm-up, of ${OPENINGS} openings with an empty cache\n`);
console.log(`${''.padEnd(width(0))}  ${'measured'.padStart(width(1))}  ${'limit'.padStart(8)}`);
for (const [what, value, limit] of table) console.log(`${what.padEnd(width(0))}  ${value.padStart(width(1))}  ${limit.padStart(8)}`);
