// The page on screens of all sizes, and for visitors who want less motion.

import assert from 'node:assert/strict';

import { openChapters } from './visit.mjs';

export const layout = {
  async 'nothing is wider than a phone'(t) {
    for (const [width, height] of [[320, 568], [390, 844], [844, 390], [768, 1024], [1600, 900]]) {
      const visit = await t.visit({ width, height, hash: 'steps=2&speed=max' });
      await visit.state('done');
      const [content, screen] = await visit.page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      assert.ok(content <= screen, `the page is ${content} wide on a screen of ${screen}`);
    }
  },

  async 'no chapter is wider than the screen once it is at work'(t) {
    const visit = await t.visit({ hash: 'steps=2&speed=max&scorer.steps=4&scorer.speed=max&text.steps=4&text.speed=max&samplers.steps=4&samplers.guidance=1&samplers.speed=max' });
    await visit.state('done');
    await openChapters(visit);
    for (const width of [320, 390, 768, 1280]) {
      await visit.page.setViewport({ width, height: 800 });
      const [content, screen] = await visit.page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      assert.ok(content <= screen, `the page is ${content} wide on a screen of ${screen}`);
    }
  },
};

/** Where the driver can ask for it: not in Firefox. */
export const calm = {
  async 'who wants less motion sees the finished digit'(t) {
    const visit = await t.visit({ calm: true, hash: 'steps=30&speed=1' });
    const began = Date.now();
    await visit.state('done');
    assert.ok(Date.now() - began < 25_000, 'it was played at a step a second');
  },
};
