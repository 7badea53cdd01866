// Presenter mode: what is seen from the last row, a remote's keys, and the speaker's notes.

import assert from 'node:assert/strict';

import { quick } from './visit.mjs';

const LARGE = { width: 1920, height: 1080 };

/** The parts of main that are seen. */
const seen = (visit) => visit.page.$$eval('main > *', (parts) => parts.filter((part) => part.getClientRects().length).map((part) => part.id));

/** Sizes of the texts that are seen, in pixels, by how many characters have them. */
const sizes = (visit) => visit.page.evaluate(() => {
  const characters = {};
  const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const { parentElement: parent } = node;
    if (!node.data.trim() || !parent.getClientRects().length || parent.closest('.hidden, [hidden], svg, option')) continue;
    const size = Math.round(parseFloat(getComputedStyle(parent).fontSize));
    characters[size] = (characters[size] ?? 0) + node.data.trim().length;
  }
  return characters;
});

export const present = {
  async 'p shows one chapter alone, large and light, and p again all of them'(t) {
    const visit = await quick(t, '', LARGE);
    await visit.press('p');
    assert.deepEqual(await seen(visit), ['player']);
    assert.match(await visit.page.evaluate(() => location.search), /present/);
    const paper = await visit.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(paper, 'rgb(255, 255, 255)');
    const least = Math.min(...Object.keys(await sizes(visit)).map(Number));
    assert.ok(least >= 20, `there is text of ${least} pixels`);
    const share = await visit.page.$eval('#player', (part) => part.getBoundingClientRect().width / innerWidth);
    assert.ok(share > 0.9, `it fills ${share.toFixed(2)} of the width`);
    await visit.press('n');
    assert.deepEqual(await seen(visit), ['scorer']);
    await visit.press('p');
    assert.ok((await seen(visit)).length > 8);
    assert.doesNotMatch(await visit.page.evaluate(() => location.search), /present/);
  },

  async 'an address with ?present opens so, at its chapter'(t) {
    const visit = await t.visit({ query: 'present', hash: 'steps=1&speed=max&at=noise', ...LARGE });
    await visit.answered('noise');
    assert.deepEqual(await seen(visit), ['noise']);
  },

  async 'a remote goes through the steps, then to the next stop, and back'(t) {
    const visit = await t.visit({ query: 'present', hash: 'steps=2&step=0', ...LARGE });
    await visit.step(0);
    await visit.press('PageDown');
    await visit.step(1);
    await visit.press('ArrowRight');
    await visit.step(2);
    await visit.press('PageDown');
    assert.deepEqual(await seen(visit), ['scorer']);
    await visit.page.waitForFunction(() => location.hash.includes('at=scorer'));
    await visit.press('PageUp');
    assert.deepEqual(await seen(visit), ['player']);
    await visit.press('PageUp');
    await visit.step(1);
    // A chapter's words first, then the steps of its instruments.
    for (const key of ['n', 'PageDown']) await visit.press(key);
    assert.equal(await visit.page.evaluate(() => document.activeElement.id), 'scorer-climb');
  },

  async 'the notes are in a window of their own, and stay in step'(t) {
    const visit = await t.visit({ query: 'present', hash: 'steps=2&step=0', ...LARGE });
    await visit.step(0);
    const opened = new Promise((resolve) => visit.page.once('popup', resolve));
    await visit.press('s');
    const notes = await opened;
    const says = (text) => notes.waitForFunction((text) => document.body.textContent.includes(text), { polling: 100 }, text);
    await says('Restart, and go step by step');
    await says('Paused at step 0 of 2');
    await visit.page.bringToFront();
    await visit.press('PageDown');
    await says('Paused at step 1 of 2');
    await visit.press('n');
    await says('Which pixel would you brighten?');
    await notes.close();
  },

  async 'a large window is filled, and nothing in it is small'(t) {
    const visit = await quick(t, '', LARGE);
    const share = await visit.page.$eval('main h1', (title) => title.parentElement.querySelector('.player').getBoundingClientRect().width / innerWidth);
    assert.ok(share > 0.75, `it fills ${share.toFixed(2)} of the width`);
    const small = Object.entries(await sizes(visit)).filter(([size]) => Number(size) < 15);
    assert.deepEqual(small, []);
  },

  async 'on a phone the matrix of chapter 6 keeps its captions'(t) {
    const visit = await quick(t, '', { width: 390, height: 844 });
    await visit.goTo('clip-matrix');
    await visit.answered('clip-matrix');
    const heights = await visit.page.$$eval('.heat thead th span', (captions) => captions.map((caption) => caption.getBoundingClientRect().height));
    assert.ok(heights.length > 3 && heights.every((height) => height > 60), `they are ${heights} high`);
  },
};
