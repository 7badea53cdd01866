// What a visitor pays: bytes to download, and the time until the first digit.

import { readdir } from 'node:fs/promises';
import path from 'node:path';

import { nameOf } from '../server.mjs';
import { Visit } from '../visit.mjs';
import { megabytes, ms } from './table.mjs';
import { median } from './turns.mjs';

const OPENINGS = 5;
/** What chapter 7 loads. */
const TEXT = ['text', 'clip', 'vae'];
const GPU = 'wasm/gpu/';

/** The size with brotli of every file of a site, by the names in its sources; `server` sends them that way from here on. */
async function compressed(site, server) {
  const sizes = new Map();
  const files = (await readdir(site, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  for (const entry of files) {
    const file = path.relative(site, path.join(entry.parentPath ?? entry.path, entry.name)).split(path.sep).join('/');
    sizes.set(nameOf(file), await server.brotli(file));
  }
  return sizes;
}

/** Opens the page with an empty cache, and waits for its first digit. Milliseconds since the navigation began. */
async function open(browser, server, hash) {
  server.requests.length = 0;
  const visit = await Visit.open(browser, server, { hash });
  await visit.state('done');
  const loaded = [...server.requests];
  const elapsed = await visit.page.evaluate(() => performance.now());
  await visit.close();
  return { loaded, elapsed };
}

async function openings(browser, server, hash) {
  const times = [];
  for (let i = 0; i < OPENINGS; i++) times.push((await open(browser, server, hash)).elapsed);
  return ms(median(times));
}

/** A line of 10 Mbit/s, and a processor a quarter as fast. */
const SLOW_LINE = { download: 10e6 / 8, upload: 10e6 / 8, latency: 40 };
const SLOW_PROCESSOR = 4;

/** Notes when a digit is first seen to form, recorded or not, and when it is the run itself that is seen. */
function watch() {
  new MutationObserver(() => {
    const player = document.getElementById('player');
    if (!player) return;
    if (player.dataset.state || player.querySelector('[data-recorded]')) window.forming ??= performance.now();
    if (player.dataset.state) window.live ??= performance.now();
  }).observe(document, { subtree: true, childList: true, attributes: true });
}

/** Milliseconds from the navigation until a digit is forming, and until it is the run itself. */
async function slowly(browser, server) {
  const times = [];
  for (let i = 0; i < OPENINGS; i++) {
    const visit = await Visit.open(browser, server, { file: 'icon.svg' });
    await visit.page.emulateCPUThrottling(SLOW_PROCESSOR);
    await visit.page.emulateNetworkConditions(SLOW_LINE);
    await visit.page.setCacheEnabled(false);
    await visit.page.evaluateOnNewDocument(watch);
    await visit.page.goto(server.url);
    await visit.state('done');
    times.push(await visit.page.evaluate(() => ({ forming: window.forming, live: window.live })));
    await visit.close();
  }
  return ['forming', 'live'].map((name) => ms(median(times.map((time) => time[name]))));
}

/** Rows of what, what was measured, and what it may be. */
export async function visits(browser, server, site) {
  const sizes = await compressed(site, server);
  const { loaded } = await open(browser, server, '');
  const bytes = (part) => loaded.filter(({ file }) => file.startsWith(part)).reduce((sum, entry) => sum + entry.bytes, 0);
  const rows = [
    ['until the first digit on the CPU, brotli', megabytes(bytes('')), '1.5 MB'],
    ['  of that the CPU bundle', megabytes(bytes('wasm/'))],
    ['  of that the weights', megabytes(bytes('weights/'))],
    ['  of that the page', megabytes(bytes('') - bytes('wasm/') - bytes('weights/'))],
    ['  requests', String(loaded.length)],
    ['the WebGPU bundle, brotli', megabytes([...sizes].reduce((sum, [file, size]) => sum + (file.startsWith(GPU) ? size : 0), 0)), '2.2 MB'],
  ];
  const text = TEXT.map((name) => sizes.get(`weights/${name}.safetensors`));
  if (text.every(Boolean)) rows.push(['weights of text to picture, brotli', megabytes(text.reduce((a, b) => a + b)), '4 MB']);
  rows.push(['navigation to the first digit, as it is played', await openings(browser, server, '')]);
  rows.push(['navigation to the first digit, without a speed limit', await openings(browser, server, 'speed=max')]);
  const [forming, live] = await slowly(browser, server);
  rows.push(['  10 Mbit/s, a processor a quarter as fast: a digit is forming', forming, '1000 ms']);
  rows.push(['  the same: the run itself is seen', live, '4000 ms']);
  return rows;
}
