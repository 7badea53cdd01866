// The page at 400 % zoom: a window of 1280 × 1024 is 320 × 256 CSS pixels then (WCAG 1.4.10, 1.4.12 and 2.4.11).

import assert from 'node:assert/strict';

import { openChapters, quick } from './visit.mjs';

const ZOOMED = { width: 320, height: 256 };
const HASH = 'steps=2&speed=max&scorer.steps=4&scorer.speed=max&text.steps=4&text.speed=max&samplers.steps=4&samplers.guidance=1&samplers.speed=max';

/** What a reader may want of texts. As a sheet of the page's own: its policy lets no other in. */
const space = (visit) => visit.page.evaluate(() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync('* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-bottom: 2em !important }');
  document.adoptedStyleSheets.push(sheet);
});

/**
 * What is cut off, or wider than the window, but for what scrolls by itself: tables, strips of steps, and what
 * is typed; and but for the figures on a chart, which is a picture.
 */
const overflow = (visit) => visit.page.evaluate(() => {
  const scrolls = (element) => element.matches('.film, .scroll, input, textarea');
  const shown = (element) => element.checkVisibility() && !element.closest('.hidden, .skip, svg, select, .chart span') && element.clientWidth > 2;
  const found = [];
  for (const element of document.body.querySelectorAll('*')) {
    if (!shown(element)) continue;
    const name = `${element.tagName}#${element.id}.${element.className} "${element.textContent.trim().slice(0, 30)}"`;
    const { left, right } = element.getBoundingClientRect();
    let around = element.parentElement;
    while (around && !scrolls(around)) around = around.parentElement;
    if (!around && (right > innerWidth + 1 || left < -1)) found.push(`${name} reaches from ${left} to ${right}`);
    if (getComputedStyle(element).overflowX !== 'visible' && element.scrollWidth > element.clientWidth + 1 && !scrolls(element)) found.push(`${name} cuts off ${element.scrollWidth - element.clientWidth}`);
  }
  return found;
});

/**
 * Gives the focus to everything that can have it, from the last to the first, so that each comes into sight from below what
 * sticks to the top; returns what is not seen then.
 */
const unseen = (visit) => visit.page.evaluate(async () => {
  const found = [];
  const stops = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')].filter((stop) => stop.tabIndex >= 0 && !stop.disabled && stop.checkVisibility());
  for (const stop of stops.reverse()) {
    stop.focus();
    if (document.activeElement !== stop) continue; // it stands in a part that is closed
    // Of a choice the word beside it is drawn; a handle without width, by the chart around it.
    const drawn = stop.closest('.choice label')?.querySelector('span') ?? (stop.offsetWidth ? stop : stop.parentElement);
    const { left, right, top, bottom } = drawn.getBoundingClientRect();
    const seen = [0.1, 0.5, 0.9].some((y) => [0.1, 0.5, 0.9].some((x) => {
      const there = document.elementFromPoint(left + x * (right - left), top + y * (bottom - top));
      return there && (drawn.contains(there) || there.contains(drawn));
    }));
    if (!seen) found.push(`${stop.tagName}#${stop.id}.${stop.className} "${stop.textContent.trim().slice(0, 30)}" at ${[left, top, right, bottom].map(Math.round)}`);
  }
  return [found, stops.length];
});

/** How much of the window's height is covered by what stays in its place, wherever the page is scrolled to. */
const covered = (visit) => visit.page.evaluate(() => {
  const stays = [...document.querySelectorAll('body *')].filter((element) => {
    const { position, top } = getComputedStyle(element);
    return (position === 'fixed' || (position === 'sticky' && top !== 'auto')) && element.checkVisibility();
  });
  return Math.max(0, ...stays.map((element) => element.getBoundingClientRect().height)) / innerHeight;
});

export const zoom = {
  async 'at 400 % zoom nothing of any chapter is cut off, and what has the focus is seen'(t) {
    const visit = await t.visit({ hash: HASH });
    await visit.state('done');
    await openChapters(visit);
    await visit.page.setViewport(ZOOMED);
    assert.deepEqual(await overflow(visit), []);
    assert.ok(await covered(visit) <= 1 / 3);
    // So it is on a phone, and where half of a notebook's screen is the page's.
    for (const size of [ZOOMED, { width: 390, height: 844 }, { width: 700, height: 720 }]) {
      await visit.page.setViewport(size);
      const [hidden, stops] = await unseen(visit);
      assert.deepEqual(hidden, [], `${size.width} × ${size.height}`);
      assert.ok(stops > 300, `there are only ${stops}`);
    }
    await visit.page.setViewport(ZOOMED);
    await space(visit);
    assert.deepEqual(await overflow(visit), [], 'with more space between letters, words and lines');
  },

  async 'at 400 % zoom a dialog scrolls to its last button'(t) {
    const visit = await quick(t, '', ZOOMED);
    await visit.page.waitForSelector('#bench-open:not(:disabled)');
    for (const [button, id] of [['keys-open', 'keys'], ['qr-open', 'qr'], ['hide-open', 'hide'], ['bench-open', 'bench']]) {
      await visit.page.$eval(`#${button}`, (button) => button.click());
      await visit.page.waitForSelector(`#${id}[open]`);
      const heading = await visit.page.$eval(`#${id} h2`, (h2) => h2.getBoundingClientRect().top);
      assert.ok(heading >= 0, `${id} does not open at its beginning, but ${-heading} pixels below`);
      const [last, dialog] = await visit.page.$eval(`#${id}`, (dialog) => {
        const button = [...dialog.querySelectorAll('button')].at(-1);
        button.scrollIntoView({ block: 'nearest', behavior: 'instant' });
        return [button, dialog].map((element) => {
          const { left, top, right, bottom } = element.getBoundingClientRect();
          return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
        });
      });
      assert.deepEqual({ id, last, dialog }, { id, last: true, dialog: true });
      assert.deepEqual(await overflow(visit), [], id);
      await visit.page.$eval(`#${id}`, (dialog) => dialog.close());
    }
  },

  async 'at 400 % zoom a message leaves its buttons in the window'(t) {
    const visit = await quick(t, '', ZOOMED);
    await visit.page.$eval('#seed', (input) => {
      input.value = -1;
      input.dispatchEvent(new Event('change', { bubbles: true }));
    });
    await visit.sentence();
    const [top, bottom] = await visit.page.$eval('#alert', (alert) => {
      [...alert.querySelectorAll('button')].at(-1).scrollIntoView({ block: 'nearest', behavior: 'instant' });
      return [alert.getBoundingClientRect().top, alert.querySelector('button').getBoundingClientRect().bottom];
    });
    assert.ok(top >= 0 && bottom <= ZOOMED.height, `it reaches from ${top} to ${bottom}`);
  },

  async 'at 400 % zoom presenting cuts nothing off'(t) {
    const visit = await t.visit({ query: 'present', hash: HASH, ...ZOOMED });
    await visit.state('done');
    assert.deepEqual(await overflow(visit), []);
    await visit.press('n');
    await visit.goTo('scorer-x');
    await visit.until('scorer-transport', 'done');
    assert.deepEqual(await overflow(visit), []);
    assert.ok(await covered(visit) <= 1 / 3);
  },
};
