// Instruments of the page in pages of other origins: a plain one, a deck of reveal.js, and one as Quarto makes it.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';

import { serve } from './server.mjs';

/** The other pages are served from here, with reveal.js beside them. */
const REVEAL = fileURLToPath(new URL('node_modules/reveal.js', import.meta.url));
const QUICK = 'steps="2" speed="max"';
/** So slow that it is still at work when it is looked at. */
const SLOW = 'steps="100" speed="1"';

/** Notes what the elements tell. */
const LISTEN = `
  window.told = [];
  for (const type of ['step', 'state']) document.addEventListener(type, ({ target, detail }) => told.push([target.id, type, detail]), true);
`;

const page = (site, body, { head = '', script = '' } = {}) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>A page of somebody else</title>
  <link rel="icon" href="data:,"><style>body { margin: 0; }</style>${head}
  <script>${LISTEN}</script><script type="module" src="${site.url}embed.js"></script>${body}${script}</html>`;

/** A test on a page of another origin: `test(t, { site, show })`, where \`show(html, where)\` visits such a page. */
const elsewhere = (test, { offline = false } = {}) => async (t) => {
  const [site, host] = await Promise.all([serve(t.site, { shared: true, offline }), serve(REVEAL, { offline })]);
  host.policy = null;
  const show = async (html, where) => {
    host.faults.set('index.html', (response) => response.end(html));
    return t.visit({ server: host, also: site, ...where });
  };
  try {
    await test(t, { site, host, show });
  } finally {
    site.close();
    host.close();
  }
};

/** The frame of an element, once it is there. */
async function frameOf(visit, id) {
  const handle = await visit.page.waitForFunction((id) => {
    const frame = document.getElementById(id)?.shadowRoot?.querySelector('iframe.shown');
    return frame ?? false;
  }, {}, id);
  return handle.asElement().contentFrame();
}

const inState = (frame, state) => frame.waitForSelector(`#player[data-state=${state}]`);
const stepOf = (frame) => frame.$eval('#step-now', ({ textContent }) => Number(textContent));
const atStep = (frame, step) => frame.waitForFunction((step) => document.getElementById('step-now').textContent === String(step), {}, step);
/** So many frames have been asked for. */
const opened = (site) => site.requests.filter(({ file }) => file === 'index.html').length;
const wake = (visit, id) => visit.page.$eval(`#${id}`, (element) => element.scrollIntoView({ block: 'center', behavior: 'instant' }));
/** Gives the focus to an element in a frame, as a click there does. */
async function focus(visit, frame, selector) {
  await frame.$eval(selector, (element) => element.focus());
  await frame.waitForFunction((selector) => document.hasFocus() && document.activeElement === document.querySelector(selector), {}, selector);
}

/** Each chapter, the parts that are instruments of their own, and what says that it is at work. */
const INSTRUMENTS = {
  generate: '#player[data-state=done]',
  scorer: '#scorer-stage[data-answered]',
  'scorer-ask': '#scorer-poke',
  noise: '#noise[data-answered]',
  schedule: '#schedule[data-answered]',
  guidance: '#guidance-stage[data-answered]',
  vae: '#vae[data-answered]',
  'clip-all': '#clip-matrix[data-answered]',
  clip: '#clip-ask[data-answered]',
  text: '#text-transport[data-state=done]',
  'samplers-race': '#samplers-race[data-state=done]',
  samplers: '#samplers-race[data-state=done]',
  training: '#training[data-sampled]',
};

const DECK = (site, slides) => page(site, `<div class="reveal"><div class="slides">${slides.map((slide) => `<section>${slide}</section>`).join('')}</div></div>`, {
  head: '<link rel="stylesheet" href="dist/reveal.css">',
  // By fading, all slides lie on one another.
  script: `<script type="module">
    import Reveal from './dist/reveal.esm.js';
    window.deck = new Reveal({ transition: 'fade', width: 960, height: 700 });
    await deck.initialize();
    window.ready = true;
  </script>`,
});
const slide = (visit) => visit.page.evaluate(() => window.deck.getIndices().h);
const atSlide = (visit, number) => visit.page.waitForFunction((number) => window.deck?.getIndices().h === number, {}, number);

export const embed = {
  'in a plain page it draws, is as high as it is, and tells of steps and states': elsewhere(async (t, { site, show }) => {
    const visit = await show(page(site, `<unnoise-player id="one" digit="5" seed="3" ${QUICK}></unnoise-player>`));
    const frame = await frameOf(visit, 'one');
    await inState(frame, 'done');
    const told = await visit.page.waitForFunction(() => window.told.some(([, type, { state, settings }]) => type === 'state' && state === 'done' && settings.digit === '5') && window.told);
    const events = await told.jsonValue();
    assert.deepEqual(events.filter(([, type]) => type === 'step').map(([id, , { of, step, steps }]) => [id, of, step, steps]), [0, 1, 2].map((step) => ['one', 'player', step, 2]));
    assert.deepEqual(await visit.page.$eval('#one', ({ settings: { digit, seed, steps } }) => [digit, seed, steps]), ['5', '3', '2']);
    const high = await frame.evaluate(() => Math.ceil(document.documentElement.getBoundingClientRect().height));
    await visit.page.waitForFunction((high) => document.getElementById('one').offsetHeight === high, {}, high);
    const around = await frame.$$eval('h1, h2, .top, footer, .contents, .next', (all) => all.filter((element) => element.getClientRects().length).length);
    assert.equal(around, 0, 'more than the instrument is there');
  }),

  'attributes are settings: changed, they change it where it is': elsewhere(async (t, { site, show }) => {
    const visit = await show(page(site, `<unnoise-player id="one" chapter="scorer-climb" digit="3" steps="2" speed="max"></unnoise-player>`));
    const frame = await frameOf(visit, 'one');
    await frame.waitForSelector('#scorer-stage[data-answered]');
    await frame.evaluate(() => (window.same = true));
    await visit.page.$eval('#one', (element) => {
      element.setAttribute('digit', '8');
      element.setAttribute('steps', '3');
    });
    await frame.waitForFunction(() => document.querySelector('#scorer-digit [data-digit="8"]').ariaPressed === 'true' && document.getElementById('scorer-step-all').textContent === '3');
    await visit.page.waitForFunction(() => document.getElementById('one').settings.digit === '8');
    // What the visitor sets is told, and is not undone by another attribute.
    await frame.$eval('#scorer-digit [data-digit="1"]', (button) => button.click());
    await visit.page.waitForFunction(() => document.getElementById('one').settings.digit === '1');
    await visit.page.$eval('#one', (element) => element.removeAttribute('steps'));
    await frame.waitForFunction(() => document.getElementById('scorer-step-all').textContent === '30');
    assert.equal(await frame.evaluate(() => document.querySelector('#scorer-digit [aria-pressed=true]').dataset.digit), '1');
    assert.equal(await frame.evaluate(() => window.same), true, 'it was loaded anew');
    assert.equal(await visit.page.$eval('#one', (element) => element.getAttribute('digit')), '8', 'something was reflected');
  }),

  'what is unseen or hidden does no work before it is seen': elsewhere(async (t, { site, show }) => {
    const visit = await show(page(site, `<unnoise-player id="two" hidden ${QUICK}></unnoise-player><unnoise-player id="one" ${QUICK}></unnoise-player>
      <div style="height: 4000px"></div><unnoise-player id="three" ${QUICK}></unnoise-player>`));
    await inState(await frameOf(visit, 'one'), 'done');
    assert.equal(opened(site), 1);
    assert.equal(await visit.page.$eval('#two', (element) => getComputedStyle(element).display), 'none');
    await visit.page.$eval('#two', (element) => (element.hidden = false));
    await inState(await frameOf(visit, 'two'), 'done');
    assert.equal(opened(site), 2);
    await wake(visit, 'three');
    await inState(await frameOf(visit, 'three'), 'done');
    assert.equal(opened(site), 3);
  }),

  'it pauses out of sight, and goes on': elsewhere(async (t, { site, show }) => {
    const visit = await show(page(site, `<unnoise-player id="one" ${SLOW}></unnoise-player><div style="height: 4000px"></div><p id="end">The end</p>`));
    const frame = await frameOf(visit, 'one');
    await inState(frame, 'playing');
    await wake(visit, 'end');
    await inState(frame, 'paused');
    await wake(visit, 'one');
    await inState(frame, 'playing');
    // Whoever has paused it finds it paused.
    await frame.$eval('#play', (button) => button.click());
    await inState(frame, 'paused');
    await visit.page.$eval('#one', (element) => (element.hidden = true));
    await visit.page.$eval('#one', (element) => (element.hidden = false));
    await wake(visit, 'one');
    assert.equal(await frame.$eval('#player', ({ dataset }) => dataset.state), 'paused');
  }),

  'several players under one bar pause and go on together': elsewhere(async (t, { site, show }) => {
    const visit = await show(page(site, `<unnoise-player id="one" chapter="samplers-race" steps="50" speed="1"></unnoise-player><div style="height: 4000px"></div><p id="end">The end</p>`));
    const frame = await frameOf(visit, 'one');
    for (let i = 0; i < 2; i++) {
      await frame.waitForSelector('#samplers-race[data-state=playing]');
      await wake(visit, 'end');
      await frame.waitForSelector('#samplers-race[data-state=paused]');
      await wake(visit, 'one');
    }
    await frame.waitForSelector('#samplers-race[data-state=playing]');
  }),

  'of many, those that were seen longest ago are emptied, and come back as they were': elsewhere(async (t, { site, show }) => {
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const visit = await show(page(site, ids.map((id, i) => `<unnoise-player id="${id}" seed="${i}" hide="film" ${QUICK}></unnoise-player><div style="height: 2000px"></div>`).join('')));
    const before = await visit.page.evaluate(() => history.length);
    for (const id of ids) {
      await wake(visit, id);
      const frame = await frameOf(visit, id);
      await inState(frame, 'done');
      if (id !== 'a') continue;
      await frame.$eval('[data-digit="9"]', (button) => button.click());
      await visit.page.waitForFunction(() => document.getElementById('a').settings.digit === '9' && document.getElementById('a').settings.step === '2');
    }
    await visit.page.waitForFunction(() => !document.getElementById('a').shadowRoot.querySelector('iframe').src);
    await wake(visit, 'a');
    const frame = await frameOf(visit, 'a');
    await inState(frame, 'done');
    assert.equal(await frame.$eval('#digit [aria-pressed=true]', ({ dataset }) => dataset.digit), '9');
    assert.equal(await visit.page.evaluate(() => history.length), before, 'Back would lead through frames');
  }),

  'registered twice, it is there once': elsewhere(async (t, { site, show }) => {
    const visit = await show(page(site, `<script type="module" src="${site.url}embed.js?again"></script><unnoise-player id="one" ${QUICK}></unnoise-player>`));
    await inState(await frameOf(visit, 'one'), 'done');
    assert.equal(opened(site), 1);
  }),

  'its ground and its colours are those of the text around': elsewhere(async (t, { site, show }) => {
    const visit = await show(page(site, `<div style="background: #222; color: #eee"><unnoise-player id="dark" hide="film" ${QUICK}></unnoise-player></div><unnoise-player id="light" hide="film" ${QUICK}></unnoise-player>`, { head: '<style>unnoise-player { zoom: .4 }</style>' }));
    const looks = async (id) => {
      const frame = await frameOf(visit, id);
      return frame.evaluate(() => [getComputedStyle(document.documentElement).colorScheme, getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]);
    };
    assert.deepEqual(await looks('dark'), ['dark', 'rgb(236, 238, 242)', 'rgba(0, 0, 0, 0)']);
    assert.deepEqual(await looks('light'), ['light', 'rgb(21, 22, 26)', 'rgba(0, 0, 0, 0)']);
    await visit.page.$eval('#light', (element) => element.setAttribute('theme', 'dark'));
    const frame = await frameOf(visit, 'light');
    await frame.waitForFunction(() => getComputedStyle(document.documentElement).colorScheme === 'dark');
  }),

  'a frame alone keeps nothing for later, and says what it cannot show': elsewhere(async (t, { site }) => {
    const visit = await t.visit({ server: site, query: 'embed=generate&theme=dark', hash: 'steps=1&speed=max' });
    await visit.state('done');
    const workers = await visit.page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length);
    assert.deepEqual([workers, site.requests.filter(({ file }) => file === 'service-worker.js').length], [0, 0]);
    // A link that is copied in it opens the page.
    await visit.page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (text) => (window.copied = text) } }));
    await visit.page.$eval('#copy', (button) => button.click());
    await visit.page.waitForFunction(() => window.copied);
    assert.match(await visit.page.evaluate(() => window.copied), /digits\/#.*digit=3/);
    const none = await t.visit({ server: site, query: 'embed=nothing' });
    assert.match(await none.sentence(), /“nothing”, which is no chapter of this page: choose from generate, scorer, /);
  }, { offline: true }),

  'every chapter is an instrument, as wide as its place and as high as it should be': elsewhere(async (t, { site, show }) => {
    const visit = await show(page(site, '<unnoise-player id="one"></unnoise-player>', { head: '<style>body { max-width: 900px }</style>' }));
    for (const [chapter, atWork] of Object.entries(INSTRUMENTS)) {
      await visit.page.$eval('#one', (element, chapter) => {
        const next = document.createElement('unnoise-player');
        next.id = 'one';
        for (const [name, value] of [['chapter', chapter], ['steps', '4'], ['speed', 'max']]) next.setAttribute(name, value);
        if (['noise', 'schedule', 'vae', 'clip-all', 'clip', 'scorer-ask', 'guidance', 'training'].includes(chapter)) for (const name of ['steps', 'speed']) next.removeAttribute(name);
        element.replaceWith(next);
      }, chapter);
      const frame = await frameOf(visit, 'one');
      await frame.waitForSelector(atWork).catch((error) => {
        throw new Error(`${chapter} is not at work: ${error.message}`);
      });
      for (const width of [390, 900]) {
        await visit.page.$eval('#one', (element, width) => (element.style.width = `${width}px`), width);
        await frame.waitForFunction((width) => innerWidth === width, {}, width);
        const [content, high] = await frame.evaluate(() => [document.documentElement.scrollWidth, Math.ceil(document.documentElement.getBoundingClientRect().height)]);
        assert.ok(content <= width, `${chapter} is ${content} wide on ${width}`);
        assert.ok(high > 200 && high < 9000, `${chapter} is ${high} high at a width of ${width}`);
      }
      const alert = await frame.$eval('#alert', ({ textContent }) => textContent);
      assert.equal(alert, '', chapter);
      const part = chapter.includes('-') ? chapter : null;
      const beside = await frame.$$eval('.embedded > *', (parts, part) => parts.filter((element) => element.id !== part && !element.matches('link, .loading') && element.getClientRects().length).length, part);
      if (part) assert.equal(beside, 0, `there is more than ${part}`);
    }
  }),

  'in a deck of reveal.js only the slide that is shown is at work': elsewhere(async (t, { site, show }) => {
    const visit = await show(DECK(site, [
      `<unnoise-player id="one" hide="film" ${SLOW}></unnoise-player>`,
      `<unnoise-player id="two" hide="film" ${QUICK}></unnoise-player>`,
      `<iframe id="three" data-src="${site.url}?embed=generate#steps=100&speed=1" width="900" height="600"></iframe><div class="fragment"><unnoise-player id="four" hide="film" ${QUICK}></unnoise-player></div>`,
    ]));
    const one = await frameOf(visit, 'one');
    await inState(one, 'playing');
    assert.equal(opened(site), 1);
    await visit.page.evaluate(() => window.deck.next());
    await inState(one, 'paused');
    await inState(await frameOf(visit, 'two'), 'done');
    assert.equal(opened(site), 2);
    await visit.page.evaluate(() => window.deck.prev());
    await inState(one, 'playing');
    // A frame of its own, which reveal.js loads, starts and stops; and what is not shown yet on a slide.
    await visit.page.evaluate(() => window.deck.slide(2));
    await inState(one, 'paused');
    const plain = await (await visit.page.$('#three')).contentFrame();
    await plain.waitForSelector('#player[data-state=playing]');
    assert.equal(opened(site), 3);
    await visit.page.evaluate(() => window.deck.next());
    await inState(await frameOf(visit, 'four'), 'done');
    // As reveal.js does with frames that it does not empty.
    await visit.page.$eval('#three', ({ contentWindow }) => contentWindow.postMessage('slide:stop', '*'));
    await inState(plain, 'paused');
    await visit.page.$eval('#three', ({ contentWindow }) => contentWindow.postMessage('slide:start', '*'));
    await inState(plain, 'playing');
  }),

  'in a deck, keys are the instrument’s while it has a use for them, and the deck’s otherwise': elsewhere(async (t, { site, show }) => {
    const visit = await show(DECK(site, [`<unnoise-player id="one" hide="film" step="0" ${QUICK}></unnoise-player>`, '<p>The second</p>', '<p>The third</p>']));
    const frame = await frameOf(visit, 'one');
    await atStep(frame, 0);
    await inState(frame, 'paused');
    // Typing, with keys that are the deck's elsewhere.
    await focus(visit, frame, '#seed');
    await frame.$eval('#seed', (input) => input.select());
    await visit.page.keyboard.type('42');
    await visit.press('PageDown');
    await visit.press('Enter');
    await frame.waitForFunction(() => location.hash.includes('seed=42'));
    assert.equal(await slide(visit), 0, 'typing in a field has moved the deck');
    // Escape lets go of the field; the next one is the deck's.
    await visit.press('Escape');
    await visit.page.waitForFunction(() => document.activeElement === document.body);
    await visit.press('Escape');
    await visit.page.waitForFunction(() => window.deck.isOverview());
    await visit.press('Escape');
    await visit.page.waitForFunction(() => !window.deck.isOverview());
    // Space on a button presses it; arrows go through the steps, and at the end to the next slide.
    await visit.page.$eval('#one', (element) => element.setAttribute('step', '0'));
    await atStep(frame, 0);
    await focus(visit, frame, '#play');
    await visit.press(' ');
    await inState(frame, 'done');
    assert.equal(await slide(visit), 0, 'Space has moved the deck');
    await visit.press('ArrowLeft');
    await atStep(frame, 1);
    await visit.press('ArrowRight');
    await atStep(frame, 2);
    assert.equal(await slide(visit), 0, 'an arrow that was a step has moved the deck');
    await visit.press('ArrowRight');
    await atSlide(visit, 1);
    // A remote, while the instrument still has the focus.
    await visit.page.evaluate(() => window.deck.slide(0));
    await focus(visit, frame, '#play');
    await visit.press('PageDown');
    await atSlide(visit, 1);
  }),

  // Quarto cannot be installed here: this is the structure that it makes of a `{=html}` block with the element, as it stands in
  // the block, among its own scripts' places and classes, first on a page, then on a slide.
  'in a page and in slides as Quarto makes them': elsewhere(async (t, { site, show }) => {
    const block = (id) => `<unnoise-player id="${id}" hide="film" ${QUICK}></unnoise-player>`;
    const document = await show(page(site, `<body class="fullcontent quarto-light"><div id="quarto-content" class="page-columns page-rows-contents page-layout-article"><main class="content" id="quarto-document-content">
      <header id="title-block-header" class="quarto-title-block default"><div class="quarto-title"><h1 class="title">A lesson</h1></div></header>
      <section id="noise" class="level2"><h2 class="anchored" data-anchor-id="noise">Noise</h2><p>Before.</p>${block('one')}<p>After.</p></section></main></div></body>`));
    await inState(await frameOf(document, 'one'), 'done');
    const slides = await show(DECK(site, []).replace('<div class="slides"></div>', `<div class="slides"><section id="title-slide" class="quarto-title-block center"><h1 class="title">A lesson</h1></section>
      <section><section id="part" class="title-slide slide level1 center"><h1>Part</h1></section><section id="noise" class="slide level2"><h2>Noise</h2>${block('two')}</section></section></div>`));
    await slides.page.waitForFunction(() => window.ready);
    const before = opened(site);
    await slides.page.evaluate(() => window.deck.slide(1, 1));
    await inState(await frameOf(slides, 'two'), 'done');
    assert.equal(opened(site), before + 1);
  }),
};
