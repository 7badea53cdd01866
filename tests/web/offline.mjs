// The page without a network, newer versions of the site, and the page as an application.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';

import { serve } from './server.mjs';
import { quick } from './visit.mjs';

const HASH = 'steps=1&speed=max&scorer.steps=2&scorer.speed=max&text.steps=2&text.speed=max';

const SCORER = 'weights/scorer.safetensors';

/** A test on a site that may be kept. */
const onKept = (test) => async (t) => {
  const server = await serve(t.site, { offline: true });
  try {
    await test({ ...t, server, visit: (where) => t.visit({ server, ...where }) }, server);
  } finally {
    server.close();
  }
};

/** What others wait for, until it is opened. */
function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { open, opened };
}

/** Waits until the page says what is kept. */
const kept = (visit) => visit.shows('offline-note', /kept on this device, .* without a network\.$/);

/** Opens the page once more, in the same profile. */
async function comeBack(visit, server) {
  await visit.page.goto('about:blank');
  await visit.page.goto(`${server.url}#${HASH}`);
  await visit.state('done');
}

const sum = (text) => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** Puts a newer version of the site in its place: the page has another headline. */
function renew(server) {
  const newer = (body) => String(body).replace('A digit out of pure noise', 'A newer page');
  server.faults.set('index.html', (response, body) => response.end(newer(body)));
  let page;
  server.faults.set('service-worker.js', async (response, body) => {
    page ??= await fetch(server.url).then((answer) => answer.text());
    response.end(String(body).replace(/('index\.html': \{ sum: ')\w+/, `$1${sum(page)}`).replace(/VERSION = '\w+'/, "VERSION = 'newer'"));
  });
}

const headline = (page) => page.$eval('h1', (element) => element.textContent);

/** Loads the newer page by a click. */
async function loadNewer(visit) {
  await visit.shows('update', /^A newer version/);
  await visit.page.click('#update button');
  await visit.page.waitForFunction(() => document.querySelector('h1')?.textContent.startsWith('A newer page'));
  await visit.state('done');
}

/** Only Chromium can be told that there is little room. */
export const offlineRoom = {
  'where there is no room for everything, a sentence says so, and what was kept stays': onKept(async (t, server) => {
    const visit = await quick(t, HASH);
    await kept(visit);
    const before = await visit.text('offline-note');
    const session = await visit.page.createCDPSession();
    const { origin } = new URL(server.url);
    const { usage } = await session.send('Storage.getUsageAndQuota', { origin });
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage + 500_000 });
    await visit.page.$eval('#offline-keep', (button) => button.click());
    assert.match(await visit.sentence(), /^Not everything could be kept: there is no room for it on this device\.$/);
    assert.equal(await visit.text('offline-note'), before);
    server.close();
    await comeBack(visit, server);
    assert.equal(await visit.alert(), '');
  }),
};

export const offline = {
  'without a network the page opens, and a chapter that was opened before': onKept(async (t, server) => {
    const visit = await quick(t, HASH);
    // Its network is asked for before the worker is there, and comes after it.
    const [asked, worker] = [gate(), gate()];
    server.faults.set('service-worker.js', async (response, body) => {
      await asked.opened;
      response.end(body);
    });
    server.faults.set(SCORER, async (response, body) => {
      asked.open();
      await worker.opened;
      response.end(body);
    });
    await visit.goTo('scorer-climb');
    await kept(visit);
    worker.open();
    await visit.until('scorer-transport', 'done');
    await visit.page.waitForFunction(async (file) => {
      for (const name of await caches.keys()) {
        const kept = await (await caches.open(name)).keys();
        if (kept.some(({ url }) => url.includes(file))) return true;
      }
      return false;
    }, {}, 'scorer');
    await comeBack(visit, server);
    await kept(visit);
    server.close();
    await comeBack(visit, server);
    await visit.goTo('scorer-climb');
    await visit.until('scorer-transport', 'done');
    // What was never opened is missed with a sentence.
    await visit.goTo('vae');
    assert.match(await visit.sentence(), /could not be loaded/);
  }),

  'everything is kept for the lecture: with its size, and then nothing is missed': onKept(async (t, server) => {
    const visit = await quick(t, HASH);
    await kept(visit);
    assert.match(await visit.text('offline-keep'), /^Keep everything for the lecture: \d+\.\d MB more$/);
    await visit.page.evaluate(() => {
      window.seen = [];
      new MutationObserver(() => {
        const bar = document.getElementById('offline-progress');
        if (!bar.hidden) window.seen.push(bar.value / bar.max);
      }).observe(document.getElementById('offline-progress'), { attributes: true });
    });
    await visit.page.$eval('#offline-keep', (button) => button.click());
    await visit.shows('offline-note', /^All of it is kept/);
    const seen = await visit.page.evaluate(() => window.seen);
    assert.ok(seen.length > 3 && seen.at(-1) > 0.9, `the bar went ${seen}`);
    server.close();
    await comeBack(visit, server);
    await visit.goTo('text-stage');
    await visit.until('text-transport', 'done');
    assert.equal(await visit.alert(), '');
    assert.equal(await visit.page.$eval('#offline-keep', (button) => button.hidden), true);
  }),

  'what a proxy sends in the place of a file is not kept: a sentence, and trying again': onKept(async (t, server) => {
    const visit = await quick(t);
    await kept(visit);
    server.faults.set('weights/vae.safetensors', (response) => response.end('<!doctype html>Please log in'));
    await visit.page.$eval('#offline-keep', (button) => button.click());
    assert.match(await visit.sentence(), /Not everything could be kept: .*vae.* is not the one that belongs to this version/);
    server.faults.clear();
    await visit.click('alert button');
    await visit.shows('offline-note', /^All of it is kept/);
    assert.equal(await visit.alert(), '');
  }),

  'a newer site is kept, said, and loaded by a click; then nothing older is left': onKept(async (t, server) => {
    const visit = await quick(t);
    await kept(visit);
    renew(server);
    await comeBack(visit, server);
    assert.match(await headline(visit.page), /^A digit/);
    await loadNewer(visit);
    assert.equal(await visit.text('update'), '');
    await visit.page.waitForFunction(async () => (await caches.keys()).join().endsWith(' newer'));
  }),

  'while another tab is open, it keeps the files that it may still ask for': onKept(async (t, server) => {
    const visit = await quick(t);
    await kept(visit);
    const other = await visit.context.newPage();
    await other.goto(`${server.url}#${HASH}`);
    await other.waitForSelector('#player[data-state=done]');
    renew(server);
    await visit.page.bringToFront();
    await comeBack(visit, server);
    await loadNewer(visit);
    server.close();
    await other.bringToFront();
    assert.match(await headline(other), /^A digit/);
    await other.$eval('#noise', (element) => element.scrollIntoView());
    await other.waitForSelector('#noise-tools [data-tool]');
  }),

  async 'where nothing can be kept, the page says so'(t) {
    const visit = await quick(t);
    await visit.shows('offline-note', /keeps no page for later here/);
    assert.equal(await visit.page.$eval('#offline-keep', (button) => button.hidden), true);
    assert.equal(await visit.alert(), '');
  },

  async '`unnoise serve` has it kept, and has an application'(t) {
    const command = spawn(t.native, ['serve', '--port', '0', '--site', t.site]);
    try {
      const [line] = await new Promise((resolve) => createInterface(command.stdout).on('line', (...line) => resolve(line)));
      const url = line.match(/http:\S+/)[0];
      const visit = await t.visit({ server: { url, offline: true }, hash: 'steps=1&speed=max' });
      await visit.state('done');
      await kept(visit);
      const manifest = await visit.page.evaluate(async () => {
        const { href } = document.querySelector('link[rel=manifest]');
        const manifest = await fetch(href).then((answer) => answer.json());
        const size = async ({ src, sizes }) => {
          const image = new Image();
          image.src = new URL(src, href);
          await image.decode();
          return [sizes, `${image.naturalWidth}x${image.naturalHeight}`];
        };
        return { ...manifest, found: await Promise.all(manifest.icons.map(size)), start: new URL(manifest.start_url, href).href };
      });
      assert.equal(manifest.start, url);
      assert.ok(['192x192', '512x512'].every((size) => manifest.icons.some(({ sizes }) => sizes === size)));
      for (const [sizes, found] of manifest.found) assert.ok(sizes === 'any' || sizes === found, `${found} in the place of ${sizes}`);
    } finally {
      command.kill();
    }
  },
};
