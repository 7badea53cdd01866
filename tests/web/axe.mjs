// What axe-core finds in the page, all chapters opened, in both themes; and what it passes over.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

import { openChapters } from './visit.mjs';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds, a line for each element. */
async function findings(visit) {
  // Colours fade into each other when the theme changes; it begins in the next frame.
  await visit.page.evaluate(async () => {
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
    await Promise.allSettled(document.getAnimations().map(({ finished }) => finished));
  });
  await visit.page.evaluate(AXE);
  const { violations } = await visit.page.evaluate(() => window.axe.run({ resultTypes: ['violations'] }));
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target }) => `${id}: ${help}: ${target}`));
}

const HASH = 'steps=2&speed=max&scorer.steps=4&scorer.speed=max&text.steps=4&text.speed=max&samplers.steps=4&samplers.guidance=1&samplers.speed=max';

export const axe = {
  async 'axe finds nothing: all chapters opened, in both themes'(t) {
    const visit = await t.visit({ hash: HASH, width: 1280 });
    await visit.state('done');
    await openChapters(visit);
    for (const theme of ['light', 'dark']) {
      await visit.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
      assert.deepEqual(await findings(visit), [], theme);
      // Before anything is asked, other words stand there.
      for (const bar of ['scorer-transport', 'text-transport']) await visit.page.click(`#${bar} [data-do=restart]`);
      await visit.page.evaluate(() => document.querySelectorAll('.unasked').forEach((element) => (element.hidden = false)));
      assert.deepEqual(await findings(visit), [], `${theme}, not asked yet`);
      for (const bar of ['scorer-transport', 'text-transport']) await visit.until(bar, 'done');
    }
  },

  async 'every progress bar has a name'(t) {
    // Weights that never come leave the bars of all chapters on the page.
    for (const name of ['scorer', 'noise-level', 'unet-blind', 'vae', 'clip', 'text']) t.server.faults.set(`weights/${name}.safetensors`, () => {});
    const visit = await t.visit({ hash: HASH });
    await visit.state('done');
    for (const id of ['scorer-climb', 'noise-answers', 'schedule-answers', 'vae-stage', 'clip-table', 'text-stage']) {
      await visit.goTo(id);
      await visit.page.waitForSelector(`#${id.split('-')[0]} progress`);
    }
    const nameless = await visit.page.$$eval('progress', (bars) => bars.filter((bar) => !bar.ariaLabel && ![...bar.labels].some((label) => label.textContent.trim())).length);
    assert.equal(nameless, 0);
    assert.ok((await visit.page.$$('progress')).length > 6);
  },
};
