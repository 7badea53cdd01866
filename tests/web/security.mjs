// The page's own content policy, on a host that sends none: a page that tries what a foreign script would.

import assert from 'node:assert/strict';

import { serve } from './server.mjs';
import { quick } from './visit.mjs';

/** What is tried in the page, by the name of what forbids it; each returns whether it was done. */
const TRIES = {
  /** A script that stands in the page. */
  'script-src-elem, inline': async () => {
    const script = document.createElement('script');
    script.append('window.tried = true');
    document.body.append(script);
    return window.tried === true;
  },
  'script-src-attr': async () => {
    const button = document.createElement('button');
    button.setAttribute('onclick', 'window.tried = true');
    button.click();
    return window.tried === true;
  },
  'script-src, of text': async () => (0, eval)('1 + 1') === 2,
  'script-src, Function': async () => new Function('return true')(),
  'script-src-elem, elsewhere': async (elsewhere) => {
    const script = document.createElement('script');
    script.src = `${elsewhere}guard.js`;
    return arrives(script);
  },
  'style-src-elem': async () => {
    const style = document.createElement('style');
    style.append('body { --tried: yes }');
    document.head.append(style);
    return getComputedStyle(document.body).getPropertyValue('--tried') !== '';
  },
  'style-src-attr': async () => {
    document.body.setAttribute('style', '--tried: yes');
    return getComputedStyle(document.body).getPropertyValue('--tried') !== '';
  },
  'style-src-elem, elsewhere': async (elsewhere) => {
    const link = document.createElement('link');
    Object.assign(link, { rel: 'stylesheet', href: `${elsewhere}style.css` });
    return arrives(link);
  },
  'img-src': async (elsewhere) => {
    const image = document.createElement('img');
    image.src = `${elsewhere}icon.svg`;
    return arrives(image);
  },
  'connect-src': async (elsewhere) => (await fetch(`${elsewhere}icon.svg`)).ok,
  'worker-src': async (elsewhere) => Boolean(new Worker(`${elsewhere}guard.js`)),
  'frame-src': async (elsewhere) => {
    const frame = document.createElement('iframe');
    frame.src = elsewhere;
    document.body.append(frame);
    await new Promise((resolve) => setTimeout(resolve, 300));
    // What was stopped has become an error page, of an origin of its own; so a frame says nothing itself.
    return !window.stopped.includes('frame-src');
  },
  'base-uri': async (elsewhere) => {
    const base = document.createElement('base');
    base.href = elsewhere;
    document.head.append(base);
    return document.baseURI.startsWith(elsewhere);
  },
  'object-src': async () => {
    const object = document.createElement('object');
    object.data = 'icon.svg';
    return arrives(object);
  },
  /** Trusted Types. */
  'require-trusted-types-for, HTML': async () => {
    const box = document.createElement('div');
    box.innerHTML = '<b>tried</b>';
    return box.firstChild !== null;
  },
  'require-trusted-types-for, a worker of text': async () => Boolean(new Worker(URL.createObjectURL(new Blob(['postMessage(1)'])))),
  'trusted-types': async () => Boolean(window.trustedTypes.createPolicy('another', { createHTML: (text) => text })),
};

/** In the page: puts an element there; whether it loads. */
function arrives(element) {
  return new Promise((resolve) => {
    element.onload = () => resolve(true);
    element.onerror = () => resolve(false);
    document.body.append(element);
  });
}

export const security = {
  async 'the page forbids itself what it does not need, whatever the host sends'(t) {
    t.server.policy = null;
    const other = await serve(t.site, { shared: true });
    try {
      const visit = await quick(t);
      const script = Object.entries(TRIES).map(([name, attempt]) => `${JSON.stringify(name)}: ${attempt}`).join(',\n');
      const done = await visit.page.evaluate(`(async () => {
        ${arrives}
        // While a driver's own script runs, Chromium lets it make code of text.
        await new Promise((resolve) => setTimeout(resolve));
        window.stopped = [];
        addEventListener('securitypolicyviolation', ({ effectiveDirective }) => window.stopped.push(effectiveDirective));
        const done = [];
        for (const [name, attempt] of Object.entries({ ${script} })) {
          delete window.tried;
          if (await attempt(${JSON.stringify(other.url)}).catch(() => false)) done.push(name);
        }
        return done;
      })()`);
      assert.deepEqual(done, []);
      assert.deepEqual(other.requests, []);
      // It all goes on.
      await visit.click('reroll');
      await visit.state('done');
      assert.equal(await visit.alert(), '');
      // The browser says of each that it was stopped, of some after it has named them as asked for.
      visit.complaints = visit.complaints.filter((complaint) => !/content.security.policy|Trusted|^asked for/i.test(complaint));
    } finally {
      other.close();
    }
  },
};
