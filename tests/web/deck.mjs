// The lesson in ten slides: each slide's instrument comes alive when the slide is shown, and the one before it rests.

import assert from 'node:assert/strict';

import { serve } from './server.mjs';

const SLIDES = 10;
const FILE = 'deck/index.html';

/** The frame on the slide that is shown, which is the one of that number, once its instrument has been mounted. */
async function frameOn(page, number) {
  const handle = await page.waitForFunction((number) => {
    const slide = document.querySelector('.slides > section.present');
    if (slide !== document.querySelectorAll('.slides > section')[number]) return false;
    return slide.querySelector('unnoise-player')?.shadowRoot?.querySelector('iframe.shown') ?? false;
  }, {}, number);
  const frame = await handle.asElement().contentFrame();
  await frame.waitForFunction(() => window.unnoise);
  return frame;
}

/** Waits until the instrument on a slide has grown to its size. */
const grown = (page, number) => page.waitForFunction((number) => {
  const { width, height } = document.querySelectorAll('unnoise-player')[number].getBoundingClientRect();
  return width > 600 && height > 400;
}, {}, number);

/** How many frames are at work. */
const atWork = (page) => page.$$eval('unnoise-player', (players) => players.filter(({ shadowRoot }) => shadowRoot.querySelector('iframe[src]')).length);

export const deck = {
  async 'ten slides: each instrument comes alive when it is shown, with notes for the speaker'(t) {
    const visit = await t.visit({ file: FILE, width: 1280, height: 740 });
    for (let number = 0; number < SLIDES; number++) {
      const frame = await frameOn(visit.page, number);
      await grown(visit.page, number);
      assert.equal(await frame.$eval('#alert', ({ textContent }) => textContent), '', `slide ${number + 1}`);
      assert.ok((await atWork(visit.page)) <= 4);
      await frame.waitForFunction(() => [...document.querySelectorAll('.embedded canvas')].some((canvas) => canvas.getClientRects().length));
      await visit.press('PageDown');
    }
    const notes = await visit.page.$$eval('.slides > section', (slides) => slides.map((slide) => slide.querySelector('aside.notes')?.textContent.trim().length ?? 0));
    assert.equal(notes.length, SLIDES);
    assert.ok(notes.every((length) => length > 80), `the notes are ${notes} long`);
  },

  async 'an instrument that plays pauses when its slide is left, and goes on when it is shown again'(t) {
    const visit = await t.visit({ file: FILE, width: 1280, height: 740 });
    const frame = await frameOn(visit.page, 0);
    await frame.$eval('#speed', (select) => {
      select.value = '1';
      select.dispatchEvent(new Event('change', { bubbles: true }));
    });
    await frame.$eval('#restart', (button) => button.click());
    await frame.waitForSelector('#player[data-state=playing]');
    await visit.press('PageDown');
    await frame.waitForSelector('#player[data-state=paused]');
    await frameOn(visit.page, 1);
    await visit.press('PageUp');
    await frame.waitForSelector('#player[data-state=playing]');
  },

  async 'kept for the lecture, the slides need no network'(t) {
    const server = await serve(t.site, { offline: true });
    try {
      const visit = await t.visit({ server, hash: 'steps=1&speed=max' });
      await visit.state('done');
      await visit.shows('offline-note', /kept on this device, .* without a network\.$/);
      await visit.page.$eval('#offline-keep', (button) => button.click());
      await visit.shows('offline-note', /^All of it is kept/);
      server.close();
      for (const file of [FILE, 'deck/']) {
        await visit.page.goto(`${server.url}${file}`);
        const frame = await frameOn(visit.page, 0);
        await frame.waitForSelector('#player[data-state=done], #player[data-state=playing]');
      }
    } finally {
      server.close();
    }
  },
};
