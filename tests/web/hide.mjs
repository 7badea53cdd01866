// What is not taught yet: controls that the address, or the dialog, hides.

import assert from 'node:assert/strict';

import { quick } from './visit.mjs';

/** Whether the field of a control is shown. */
const shown = (visit, id) => visit.page.$eval(`#${id}`, (element) => element.getClientRects().length > 0);
const isShown = (visit, id, is) => visit.page.waitForFunction((id, is) => (document.getElementById(id).getClientRects().length > 0) === is, {}, id, is);
const tick = (visit, name) => visit.page.$eval(`#hide [name="${name}"]`, (box) => box.click());

export const hide = {
  async 'the address hides controls, which keep what is set in them'(t) {
    const visit = await quick(t, 'guidance=3&hide=guidance,sampler,scorer.told');
    await isShown(visit, 'strength', false);
    assert.deepEqual([await shown(visit, 'sampler'), await shown(visit, 'steps')], [false, true]);
    assert.equal(await visit.text('nfe'), '2', 'the guidance of the link does not count');
    await visit.goTo('scorer');
    await visit.page.waitForSelector('#scorer-stage[data-answered]');
    assert.equal(await shown(visit, 'scorer-told-hint'), false);
    assert.equal(await shown(visit, 'scorer-steps'), true);
    // What is written into the address meanwhile leaves it there.
    await visit.page.$eval('[data-digit="5"]', (button) => button.click());
    await visit.page.waitForFunction(() => location.hash.includes('digit=5'));
    assert.equal(new URLSearchParams(await visit.hash()).get('hide'), 'guidance,sampler,scorer.told');
    assert.equal(await visit.alert(), '');
    // Another link shows them again.
    await visit.page.evaluate(() => (location.hash = 'steps=1&speed=max'));
    await isShown(visit, 'strength', true);
    assert.equal(await shown(visit, 'scorer-told-hint'), true);
  },

  async 'what there is not cannot be hidden: a sentence, and the rest is hidden'(t) {
    const visit = await quick(t, 'hide=guidence,sampler');
    assert.match(await visit.sentence(), /^The address hides guidence, which this page does not have\.$/);
    await isShown(visit, 'sampler', false);
    assert.equal(await shown(visit, 'strength'), true);
  },

  async 'a dialog lists all that can be hidden by what it is called, and puts it into the link'(t) {
    const visit = await quick(t);
    await visit.click('hide-open');
    await visit.page.waitForSelector('#hide[open]');
    const groups = await visit.page.$$eval('#hide fieldset', (all) => all.map((group) => [group.querySelector('legend').textContent, [...group.querySelectorAll('label')].map((label) => label.textContent)]));
    const titles = await visit.page.$$eval('.chapter h2', (all) => all.map((title) => title.textContent));
    assert.deepEqual(groups.map(([title]) => title), ['Generator', ...titles]);
    assert.deepEqual(groups[0][1], ['Draw a', 'Playback', 'Figures', 'Seed', 'Sampler', 'Noise levels', 'Steps', 'Guidance', 'Fresh noise, η', 'Link, and files to take along', 'All steps']);
    for (const [title, labels] of groups) {
      assert.ok(labels.length >= 2, `${title} has ${labels.length}`);
      for (const label of labels) assert.ok(label.length >= 2 && label.length < 60, `${title}: “${label}”`);
      assert.equal(new Set(labels).size, labels.length, `${title}: ${labels}`);
    }
    await tick(visit, 'guidance');
    await tick(visit, 'clip.ask');
    await visit.page.waitForFunction(() => new URLSearchParams(location.hash.slice(1)).get('hide') === 'guidance,clip.ask');
    await visit.page.$eval('#hide .primary', (button) => button.click());
    await isShown(visit, 'strength', false);
    assert.equal(await shown(visit, 'clip-ask'), false);
    // Whoever opens the link sees no more.
    const other = await t.visit({ hash: await visit.hash() });
    await isShown(other, 'strength', false);
    await visit.click('hide-open');
    assert.deepEqual(await visit.page.$$eval('#hide input:checked', (boxes) => boxes.map(({ name }) => name)), ['guidance', 'clip.ask']);
    await visit.page.$eval('#hide .row button:not(.primary)', (button) => button.click());
    await isShown(visit, 'strength', true);
    await visit.page.waitForFunction(() => !location.hash.includes('hide='));
  },

  async 'an instrument alone hides it too'(t) {
    const visit = await t.visit({ query: 'embed=scorer-climb', hash: 'scorer.steps=2&hide=scorer.film,scorer.told' });
    await visit.page.waitForSelector('#scorer-stage[data-answered]');
    await isShown(visit, 'scorer-film', false);
    assert.deepEqual([await shown(visit, 'scorer-told-hint'), await shown(visit, 'scorer-seed-field')], [false, true]);
  },
};
