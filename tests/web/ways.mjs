// The ways around the page: its list of chapters, addresses, links, the history and keys.

import assert from 'node:assert/strict';

import jsQR from 'jsqr';

import { come, DRAWN, quick } from './visit.mjs';

const top = (visit, id) => visit.page.$eval(`#${id}`, (section) => section.getBoundingClientRect().top);
/** Waits until a part of the page is at the top of the window. */
const arrived = (visit, id) => visit.page.waitForFunction((id) => Math.abs(document.getElementById(id).getBoundingClientRect().top) < 5, {}, id);

/** Of each part of the page: settings of its own, what waits until they are shown, and the canvases that are drawn by then. */
const LINKS = [
  ['player', 'digit=8&seed=12&steps=4&sampler=heun&guidance=2&step=3', '#film .cell[data-step="3"][aria-current=step]', '#x, #denoised'],
  ['scorer-climb', 'scorer.digit=5&scorer.seed=9&scorer.steps=6&scorer.step=4&scorer.slope=lead', '#scorer-stage[data-answered="4"]', '#scorer-x, #scorer-gradient'],
  ['noise', 'noise.sigma=1.5&noise.seed=3&noise.picture=6-2', '#noise[data-answered="1.5"]', '#noise-clean, #noise-noisy, #noise-predicted-noise, #noise-estimate'],
  ['schedule', 'schedule.t=500&schedule.name=cosine', '#schedule[data-answered="500"]', '#schedule-noisy, [id^=schedule-estimate]'],
  ['guidance-stage', 'guidance.digit=8&guidance.g=2&guidance.step=2', '#guidance-stage[data-answered="2"]', '#guidance-x, #guidance-with, #guidance-without, #guidance-guided'],
  ['vae', 'vae.value=2&vae.number=40', '#vae-poke[data-answered="40 2"]', '#vae-picture, #vae-decoded, #vae-poked'],
  ['clip-ask', 'clip.text=an+eight', '#clip-ask[data-answered$="an eight"]', '#clip-picture'],
  ['text-stage', 'text.prompt=a+blue+four&text.seed=2&text.steps=3&text.step=2', '#text-verdict[data-answered="2"]', '#text-picture'],
  ['samplers-race', 'samplers.steps=4&samplers.step=4&samplers.speed=max', '#samplers-race[data-state=done]', '#samplers-racers canvas:not(#samplers-converged)'],
  ['training-work', 'training.batch=16&training.seed=5', '#training[data-sampled="0"]', '#training-samples canvas'],
];

/** Goes to a part of the page, waits until it shows its settings, and reads what it shows. */
async function look(visit, [id, , shown, canvases]) {
  await visit.goTo(id);
  await visit.page.waitForSelector(shown).catch(async (error) => {
    throw new Error(`there is no ${shown}; the page says "${await visit.alert()}"`, { cause: error });
  });
  return visit.page.$$eval(canvases, (all) => all.map((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return [canvas.id, [...data].filter((_, i) => i % 4 !== 3).join()];
  }));
}

export const ways = {
  async 'a click in the list of chapters is a step that Back takes back'(t) {
    const visit = await quick(t);
    const leave = () => visit.page.evaluate(() => {
      const before = scrollY;
      document.querySelector('.contents a[href$="noise"]').click();
      return before;
    });
    // At once, in the middle of the way, and while the page still holds on to where it was sent.
    for (const until of [() => visit.page.waitForFunction(() => scrollY > 0), () => visit.page.waitForFunction(() => scrollY > 1000), () => arrived(visit, 'noise')]) {
      const before = await leave();
      await until();
      assert.match(await visit.hash(), /at=noise/);
      await visit.page.evaluate(() => history.back());
      await visit.page.waitForFunction(() => !location.hash.includes('at='));
      await visit.page.waitForFunction((before) => Math.abs(scrollY - before) < 5, {}, before).catch(async (error) => {
        throw new Error(`it was at ${before}, and is at ${await visit.page.evaluate(() => scrollY)}`, { cause: error });
      });
      await new Promise((resolve) => setTimeout(resolve, 500));
      assert.ok(Math.abs((await visit.page.evaluate(() => scrollY)) - before) < 5, 'it was sent on again');
    }
    assert.equal(await visit.page.evaluate(() => Boolean(window.unnoise)), true, 'the page was left');
    await visit.page.evaluate(() => history.forward());
    await visit.page.waitForFunction(() => location.hash.includes('at=noise'));
  },

  async 'Back and Forward walk through settings and places, each in its turn'(t) {
    const visit = await quick(t, 'digit=3');
    const go = (by) => visit.page.evaluate((by) => history.go(by), by);
    const sigma = () => visit.page.$eval('#noise-sigma', (input) => input.value);
    await visit.page.click('.contents a[href$="noise"]');
    await arrived(visit, 'noise');
    await visit.answered('noise');
    const before = [await sigma(), await visit.page.$eval('#noise', (section) => section.dataset.answered)];
    await visit.slide('#noise-sigma', 800);
    await visit.page.waitForFunction(() => location.hash.includes('noise.sigma'));
    const sent = [await sigma(), (await visit.hash()).match(/noise\.sigma=([\d.]+)/)[1]];
    // Another setting of another part, from there.
    await visit.page.$eval('#digit [data-digit="5"]', (button) => button.click());
    await visit.page.waitForFunction(() => /digit=5.*step=1/.test(location.hash));

    await go(-1);
    await visit.page.waitForFunction(() => location.hash.includes('digit=3'));
    await visit.state('done');
    assert.equal(await visit.page.$eval('#digit [aria-pressed=true]', (button) => button.dataset.digit), '3');
    assert.equal(await sigma(), sent[0], 'the other setting stays');
    await go(-1);
    await visit.answered('noise', before[1]);
    assert.equal(await sigma(), before[0]);
    assert.match(await visit.hash(), /at=noise/);
    await go(-1);
    await visit.page.waitForFunction(() => !location.hash.includes('at='));
    await go(3);
    await visit.page.waitForFunction(() => location.hash.includes('digit=5') && location.hash.includes('at=noise'));
    await visit.answered('noise', sent[1]);
    assert.equal(await sigma(), sent[0]);
    await visit.page.waitForFunction(() => document.querySelector('#digit [aria-pressed=true]').dataset.digit === '5');
    await visit.state('done');
    assert.equal(await visit.alert(), '');
  },

  async 'a slider that is dragged is one step of the history, and a run that is played is none'(t) {
    const visit = await quick(t);
    const entries = () => visit.page.evaluate(() => history.length);
    await visit.page.waitForFunction(() => location.hash.includes('digit=3'));
    const before = await entries();
    await visit.drag('#steps', [2, 3, 4, 5]);
    await visit.page.waitForFunction(() => /steps=5/.test(location.hash));
    await visit.state('done');
    assert.equal(await entries(), before + 1);
    for (const key of ['ArrowLeft', 'ArrowLeft', 'ArrowRight', 'Home']) await visit.press(key);
    await visit.page.$eval('#play', (button) => button.click());
    await visit.state('done');
    await visit.page.waitForFunction(() => /step=5/.test(location.hash));
    assert.equal(await entries(), before + 1);
    await visit.page.evaluate(() => history.back());
    await visit.page.waitForFunction(() => /steps=1(&|$)/.test(location.hash) && document.getElementById('steps').value === '1');
  },

  async 'what the page does by itself is no step of the history, in any chapter'(t) {
    const visit = await t.visit({ hash: LINKS.map(([, hash]) => hash).join('&') });
    const before = await visit.page.evaluate(() => history.length);
    for (const link of LINKS) await look(visit, link);
    assert.equal(await visit.page.evaluate(() => history.length), before);
    assert.equal(await visit.alert(), '');
  },

  ...Object.fromEntries(LINKS.map((link) => [`a link to ${link[0]} opens to the same pixels`, async (t) => {
    const [, hash] = link;
    const visit = await t.visit({ hash });
    const shown = await look(visit, link);
    assert.ok(shown.length > 0 && shown.every(([, pixels]) => new Set(pixels.split(',')).size > 5), 'nothing is drawn');
    // What was set by the link stands in the one that the page writes itself, a moment later.
    await visit.page.waitForFunction((hash) => {
      const written = new URLSearchParams(location.hash.slice(1));
      return [...new URLSearchParams(hash)].every(([name, value]) => written.get(name) === value);
    }, {}, hash);
    const other = await t.visit({ hash: await visit.hash() });
    assert.deepEqual(await look(other, link), shown);
    assert.equal(await visit.alert(), '');
  }])),

  async 'a QR code of the link to what is shown, for an audience: it can be read, and the link stands below it'(t) {
    const visit = await quick(t, 'noise.sigma=2&at=noise', { query: 'present' });
    await visit.answered('noise', '2');
    await visit.press('q');
    await visit.page.waitForSelector('#qr[open]');
    const link = await visit.page.$eval('#qr-link', (link) => link.href);
    const { reds, width, side } = await visit.page.$eval('#qr-code', (canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return { reds: data.filter((_, i) => i % 4 === 0).join(), width: canvas.width, side: canvas.getBoundingClientRect().width };
    });
    const data = Uint8ClampedArray.from(reds.split(',').flatMap((red) => [red, red, red, 255]));
    assert.equal(jsQR(data, width, width)?.data, link);
    assert.equal(await visit.text('qr-link'), link);
    assert.ok(side >= 0.55 * 800, `it is ${side} pixels wide`);
    assert.match(link, /noise\.sigma=2.*at=noise/);
    assert.ok(!link.includes('present'), 'the audience does not present');
    assert.match(await visit.text('qr-note'), /leads to this device alone/);
    // Its keys are its own.
    await visit.press('n');
    await visit.press('Escape');
    await visit.page.waitForSelector('#qr:not([open])');
    assert.match(await visit.hash(), /at=noise|noise\.sigma=2/);
    // A link that fits into no code.
    const drawn = 'A'.repeat(784);
    await visit.page.evaluate((hash) => new Promise((resolve) => {
      addEventListener('hashchange', () => setTimeout(resolve));
      location.hash = hash;
    }), `noise.picture=${drawn}&schedule.picture=${drawn}&scorer.drawing=${drawn}&vae.picture=${DRAWN}&at=noise`);
    await visit.page.$eval('#qr-open', (button) => button.click());
    await visit.page.waitForSelector('#qr[open]');
    assert.match(await visit.text('qr-note'), /too long for a QR code/);
    assert.equal(await visit.page.$eval('#qr-code', (canvas) => canvas.hidden), true);
  },

  async 'a link that is opened while the address is written is not lost'(t) {
    const visit = await quick(t);
    await visit.page.evaluate(async (module) => {
      const { writePlace } = await import(module);
      location.hash = 'digit=5&steps=1&speed=max';
      writePlace('noise'); // before the browser tells of the link
    }, await visit.module('page/address.js'));
    await visit.page.waitForSelector('#digit [data-digit="5"][aria-pressed=true]');
    assert.match(await visit.hash(), /digit=5/);
    // And what is set then stands in the address again.
    await visit.page.$eval('#digit [data-digit="2"]', (button) => button.click());
    await visit.page.waitForFunction(() => location.hash.includes('digit=2'));
  },

  async 'an address that names a chapter opens there, and so it stands in the list'(t) {
    const visit = await t.visit({ hash: 'steps=1&speed=max&at=schedule' });
    await visit.state('done');
    await arrived(visit, 'schedule');
    // As a link that is opened in another tab.
    const hrefs = await visit.page.$$eval('.contents a', (links) => links.map((link) => link.getAttribute('href')));
    const last = hrefs.at(-1).slice('#at='.length);
    const other = await t.visit({ hash: `at=${last}` });
    await arrived(other, last);
    assert.ok((await other.hash()).includes(`at=${last}`));
  },

  async 'chapters are numbered in their order, and each ends with the question that leads to the next'(t) {
    const visit = await quick(t);
    const chapters = await visit.page.$$eval('.chapter', (all) => all.map((section) => ({
      id: section.id,
      number: section.querySelector('.number').textContent,
      title: section.querySelector('h2').textContent,
    })));
    assert.deepEqual(chapters.map(({ number }) => number), chapters.map((_, i) => `Chapter ${i + 1}`));
    const contents = await visit.page.$$eval('.contents a', (links) => links.map((link) => [link.getAttribute('href'), link.querySelector('b').textContent]));
    assert.deepEqual(contents, chapters.map(({ id, title }) => [`#at=${id}`, title]));
    const questions = await visit.page.$$eval('.player, .chapter', (all) => all.map((section) => [...section.children].at(-1)).map((last) => ({
      asks: last.matches('.next') && last.firstChild.textContent.trim(),
      leads: last.querySelector('a')?.getAttribute('href'),
      says: last.querySelector('a')?.textContent,
    })));
    for (const [i, { id, number, title }] of chapters.entries()) {
      assert.match(questions[i].asks, /[?.]$/, `what leads to ${id}`);
      assert.deepEqual([questions[i].leads, questions[i].says], [`#at=${id}`, `${number} · ${title}`]);
    }
    await visit.page.$eval('#noise > .next a', (link) => link.click());
    await arrived(visit, chapters[2].id);
    assert.ok((await visit.hash()).includes(`at=${chapters[2].id}`));
  },

  async 'old links to chapters still lead there'(t) {
    for (const [hash, id] of [['at=vae&vae.picture=3-1', 'vae'], ['at=text', 'text'], ['digit=3&guidance=2&at=clip', 'clip']]) {
      const visit = await t.visit({ hash: `steps=1&speed=max&${hash}` });
      await arrived(visit, id);
    }
  },

  async 'chapters 2 and 3 have a link to copy'(t) {
    for (const [chapter, slider, setting] of [['noise', '#noise-sigma', /noise\.sigma=/], ['schedule', '#schedule-slider', /schedule\.t=700/]]) {
      const visit = await come(t, chapter);
      await visit.answered(chapter);
      await visit.page.evaluate(() => {
        Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (text) => (window.copied = text) } });
      });
      await visit.slide(slider, 700);
      await visit.page.$eval(`#${chapter}-copy`, (button) => button.click());
      await visit.page.waitForFunction(() => window.copied);
      const link = await visit.page.evaluate(() => window.copied);
      assert.match(link, setting);
      const copy = await t.visit({ hash: link.split('#')[1] });
      await arrived(copy, chapter);
      await copy.answered(chapter);
      assert.equal(await copy.page.$eval(slider, (input) => input.value), '700');
    }
  },

  async 'keys lead to the next chapter and back, and are listed everywhere'(t) {
    const visit = await quick(t);
    await visit.goTo('introduction');
    await visit.press('?');
    await visit.page.waitForSelector('#keys[open]');
    await visit.press('Escape');
    await visit.page.evaluate(() => scrollTo({ top: 0, behavior: 'instant' }));
    for (const [key, id] of [['n', 'scorer'], ['n', 'noise'], ['b', 'scorer'], ['b', 'player']]) {
      await visit.press(key);
      await arrived(visit, id);
      assert.equal(await visit.page.evaluate(() => document.activeElement.id), id);
    }
    assert.ok((await top(visit, 'player')) < 5);
  },
};
