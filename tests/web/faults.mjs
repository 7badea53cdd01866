// A site that was copied badly: each fault gets a sentence on the page, and "Try again" works once it is mended.

import assert from 'node:assert/strict';

import { status } from './server.mjs';

const WEIGHTS = 'weights/unet.safetensors';
const MANIFEST = 'weights/manifest.json';
const BUNDLE = 'wasm/cpu/unnoise_bg.wasm';

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
  ['no weights at all', WEIGHTS, instead(() => Buffer.alloc(0)), /is incomplete: 0 bytes/],
  ['a manifest that is missing', MANIFEST, status(404), /manifest\.json is missing/],
  ['a manifest that is no JSON', MANIFEST, instead(() => '<!doctype html>'), /is not a manifest/],
  ['a manifest of another version', MANIFEST, manifest((json) => (json.version = 99)), /has version 99/],
  ['a manifest without the model', MANIFEST, manifest((json) => (json.models = {})), /has no model "unet"/],
  ['a manifest of another network', MANIFEST, manifest((json) => (json.models.unet.config.embedding *= 2)), /does not fit its model/],
  ['a manifest of no network', MANIFEST, manifest((json) => (json.models.unet.config.size = 0)), /does not fit its model/],
  ['an engine that is missing', BUNDLE, status(404), /could not be loaded \(HTTP 404\)/],
  ['an engine cut short', BUNDLE, instead((body) => body.subarray(0, body.length >> 1)), /could not be started/],
  ['an engine without its script', 'wasm/cpu/unnoise.js', status(404), /unnoise\.js could not be loaded/],
  ['a worker that is missing', 'worker.js', status(404), /worker\.js could not be loaded/],
];

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
