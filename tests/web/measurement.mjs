// The line at the page's foot, and the measurement for a bug report.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { quick } from './visit.mjs';

const fingerprints = async (t) => Object.entries(JSON.parse(await readFile(path.join(t.weights, 'manifest.json'), 'utf8')).models).map(([name, { sha256 }]) => [name, sha256.slice(0, 8)]);

export const measurement = {
  async 'the line at the foot says what computes, how fast, how much was loaded, and with which weights'(t) {
    const visit = await quick(t);
    const unet = Object.fromEntries(await fingerprints(t)).unet;
    await visit.shows('engine-line', new RegExp(`^CPU \\(bundle (relaxed|cpu)\\) · \\d+(\\.\\d)? ms a call · \\d\\.\\d MB loaded · weights ${unet}$`));
    const loaded = async () => Number((await visit.text('engine-line')).match(/([\d.]+) MB/)[1]);
    const before = await loaded();
    await visit.goTo('vae');
    await visit.answered('vae');
    assert.ok((await loaded()) > before, 'more was loaded meanwhile');
  },

  async '#bench measures every network, and its text can be copied'(t) {
    const visit = await t.visit({ hash: 'bench' });
    const said = async () => {
      await visit.page.waitForSelector('#bench[open][data-state=done]');
      return visit.text('bench-report');
    };
    const report = await said();
    assert.match(report, /^unnoise \d+\.\d+\.\d+ at http:/);
    for (const line of [/^browser: Mozilla/m, /^cores: \d/m, /^backend: CPU \(bundle/m, /^WebGPU: .+/m, /^loaded: \d+\.\d MB$/m, /^not the site’s own: none$/m]) assert.match(report, line);
    for (const [name, fingerprint] of await fingerprints(t)) assert.ok(report.includes(`${name} ${fingerprint}`), name);
    const measured = report.split('\n').filter((line) => line.startsWith('  '));
    assert.equal(measured.length, 9);
    for (const line of measured) {
      const [, median, least, greatest, calls] = line.match(/ ([\d.]+) \(([\d.]+) to ([\d.]+)\), (\d+) calls$/).map(Number);
      assert.ok(least > 0 && least <= median && median <= greatest && calls >= 1, line);
    }
    await visit.page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (text) => (window.copied = text) } }));
    await visit.page.$eval('#bench-copy', (button) => button.click());
    await visit.page.waitForFunction(() => window.copied);
    assert.equal(await visit.page.evaluate(() => window.copied.trim()), report);
    await visit.press('Escape');
    // Later, too; what is set stays as it is.
    await visit.page.$eval('#digit [data-digit="8"]', (button) => button.click());
    await visit.page.waitForFunction(() => location.hash.includes('digit=8'));
    await visit.page.evaluate(() => (location.hash = 'bench'));
    await said();
    assert.match(await visit.hash(), /digit=8/);
  },

  async 'a measurement says of a network that cannot be had why, and goes on'(t) {
    t.server.faults.set('weights/clip.safetensors', (response) => {
      response.statusCode = 500;
      response.end();
    });
    const visit = await quick(t);
    await visit.page.waitForSelector('#bench-open:enabled');
    await visit.page.$eval('#bench-open', (button) => button.click());
    await visit.page.waitForSelector('#bench[data-state=done]');
    const report = await visit.text('bench-report');
    assert.match(report, /CLIP, a picture +not measured: weights\/clip\.safetensors could not be loaded \(HTTP 500\)/);
    assert.match(report, /decoder +[\d.]+ \(/);
  },
};
