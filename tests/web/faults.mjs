// A site that was copied badly, and places that it is not at ease in: each fault gets a sentence on the page, and "Try again"
// works once it is mended. More of them: without a network, without room and with two tabs in offline.mjs, a content policy
// in library.mjs, a lost graphics device in webgpu.mjs.

import assert from 'node:assert/strict';

import { status } from './server.mjs';

const WEIGHTS = 'weights/unet.safetensors';
const MANIFEST = 'weights/manifest.json';
const BUNDLE = 'wasm/relaxed/unnoise_bg.wasm';

/** Sends other bytes in the file's place. */
const instead = (change) => (response, body) => response.end(change(Buffer.from(body)));
const manifest = (change) => instead((body) => {
  const json = JSON.parse(body);
  change(json);
  return JSON.stringify(json);
});
/** Promises the whole file, and breaks off in its middle. */
const breakOff = (response, body) => {
  response.setHeader('content-length', body.length);
  response.write(body.subarray(0, body.length >> 1));
  setTimeout(() => response.destroy(), 200);
};
/** What a network answers that wants a login first. */
const login = (response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end('<!doctype html><title>Please log in</title>');
};
/** The right bytes under a type that is none of theirs. */
const typed = (type) => (response, body) => {
  response.setHeader('content-type', type);
  response.end(body);
};

/** A module of WebAssembly that may have no more memory than it begins with. */
function starved(bytes) {
  const number = (at) => {
    let [value, shift, byte] = [0, 0, 0];
    do {
      byte = bytes[at++];
      value += (byte & 127) * 2 ** shift;
      shift += 7;
    } while (byte & 128);
    return [value, at];
  };
  const written = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...written(value >> 7)]);
  for (let at = 8; at < bytes.length; ) {
    const [size, from] = number(at + 1);
    if (bytes[at] === 5) {
      const [least] = number(from + 2);
      const section = [1, 1, ...written(least), ...written(least)];
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([5, ...written(section.length), ...section]), bytes.subarray(from + size)]);
    }
    at = from + size;
  }
  throw new Error('this module has no memory of its own');
}

const flip = (body) => {
  body[body.length >> 1] ^= 1;
  return body;
};

const FAULTS = [
  ['weights that are missing', WEIGHTS, status(404), /unet\.safetensors is missing/],
  ['weights that the server refuses', WEIGHTS, status(500), /could not be loaded \(HTTP 500\)/],
  ['weights cut short', WEIGHTS, instead((body) => body.subarray(0, body.length >> 1)), /is incomplete: \d+ bytes instead of \d+/],
  ['weights that break off', WEIGHTS, breakOff, /broke off after|could not be loaded|is incomplete/],
  ['weights that were altered', WEIGHTS, instead(flip), /was altered/],
  ['weights that a login page stands in for', WEIGHTS, login, /a web page comes in its place: log in if your network asks for it/],
  ['no weights at all', WEIGHTS, instead(() => Buffer.alloc(0)), /is incomplete: 0 bytes/],
  ['a manifest that is missing', MANIFEST, status(404), /manifest\.json is missing/],
  ['a manifest that is no JSON', MANIFEST, instead(() => '<!doctype html>'), /is not a manifest/],
  ['a manifest of another version', MANIFEST, manifest((json) => (json.version = 99)), /has version 99/],
  ['a manifest without the model', MANIFEST, manifest((json) => (json.models = {})), /has no model "unet"/],
  ['a manifest of another network', MANIFEST, manifest((json) => (json.models.unet.config.embedding *= 2)), /does not fit its model/],
  ['a manifest of no network', MANIFEST, manifest((json) => (json.models.unet.config.size = 0)), /does not fit its model/],
  ['an engine that is missing', BUNDLE, status(404), /could not be loaded \(HTTP 404\)/],
  ['an engine cut short', BUNDLE, instead((body) => body.subarray(0, body.length >> 1)), /could not be started/],
  ['an engine that there is no memory for', BUNDLE, instead(starved), /^The CPU engine stopped: there is not enough memory for it; close other tabs/],
  ['an engine whose script has a wrong MIME type', 'wasm/relaxed/unnoise.js', typed('text/plain'), /unnoise\.js could not be loaded/],
  ['a worker with a wrong MIME type', 'unnoise/worker.js', typed('text/plain'), /worker\.js could not be loaded/],
  ['an engine without its script', 'wasm/relaxed/unnoise.js', status(404), /unnoise\.js could not be loaded/],
  ['a worker that is missing', 'unnoise/worker.js', status(404), /worker\.js could not be loaded/],
];

/** In the page: nothing can be stored. */
function forbidStorage() {
  for (const name of ['localStorage', 'sessionStorage', 'indexedDB']) {
    Object.defineProperty(window, name, { get: () => { throw new DOMException('The operation is insecure.', 'SecurityError'); } });
  }
}

/** In the page: whether it is in a tab that is not looked at. */
function turnAway(hidden) {
  Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
  Object.defineProperty(document, 'visibilityState', { value: hidden ? 'hidden' : 'visible', configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
}

/** In Firefox, too. */
export const places = {
  async 'an engine with a wrong MIME type computes all the same'(t) {
    for (const name of ['relaxed', 'cpu']) t.server.faults.set(`wasm/${name}/unnoise_bg.wasm`, typed('text/plain'));
    const visit = await t.visit({ hash: 'steps=2&speed=max' });
    await visit.state('done');
    assert.equal(await visit.alert(), '');
  },

  async 'where nothing can be stored, the page works, and is not kept'(t) {
    const visit = await t.visit({ hash: 'steps=2&speed=max', before: forbidStorage });
    await visit.state('done');
    await visit.shows('offline-note', /keeps no page for later here/);
    await visit.goTo('scorer-climb');
    await visit.until('scorer-transport', 'done');
    assert.equal(await visit.alert(), '');
  },

  async 'two tabs compute beside one another'(t) {
    const visit = await t.visit({ hash: 'steps=3&speed=max' });
    const other = await visit.context.newPage();
    await other.goto(`${t.server.url}#steps=3&speed=max&digit=8`);
    await other.waitForSelector('#player[data-state=done]');
    await visit.page.bringToFront();
    await visit.state('done');
    for (const page of [visit.page, other]) assert.equal(await page.$eval('#alert', (alert) => alert.classList.contains('shown')), false);
  },

  async 'a tab in the background rests from training, and goes on where it was'(t) {
    const visit = await t.visit({ hash: 'steps=1&speed=max' });
    await visit.state('done');
    await visit.goTo('training-work');
    await visit.page.waitForSelector('#training[data-sampled="0"]');
    await visit.page.$eval('#training-play', (button) => button.click());
    await visit.page.waitForFunction(() => Number(document.getElementById('training-count').textContent) > 1);
    await visit.page.evaluate(turnAway, true);
    await visit.shows('training-status', /^Paused, as it was out of sight/);
    const steps = Number(await visit.text('training-count'));
    // A run goes on meanwhile: it ends by itself.
    await visit.page.$eval('#reroll', (button) => button.click());
    await visit.state('done');
    await visit.page.evaluate(turnAway, false);
    await visit.page.$eval('#training-play', (button) => button.click());
    await visit.page.waitForFunction((steps) => Number(document.getElementById('training-count').textContent) > steps, {}, steps);
    await visit.page.$eval('#training-play', (button) => button.click());
    assert.equal(await visit.alert(), '');
  },
};

export const faults = Object.fromEntries(FAULTS.map(([name, file, fault, sentence]) => [
  `${name}: a sentence, and trying again`,
  async (t) => {
    t.server.faults.set(file, fault);
    const visit = await t.visit({ hash: 'steps=2&speed=max' });
    assert.match(await visit.sentence(), sentence);
    t.server.faults.clear();
    await visit.click('alert button');
    await visit.state('done');
    assert.equal(await visit.alert(), '');
  },
]));
