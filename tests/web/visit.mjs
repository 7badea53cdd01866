// One visit of the page, in a profile of its own, with what a test asks of it.

/** A GPU in software, on a machine that has more to do, takes its time. */
const PATIENCE = 150_000;

/** A browser says this of every answer that is no success; the page's own sentence is what counts. */
const EXPECTED = /^Failed to load|NetworkError|Cross-Origin Request Blocked/;

export class Visit {
  /** Whatever should never be seen on this page: script errors, complaints in the console, requests to elsewhere. */
  complaints = [];

  /**
   * `query` and `hash` of the address, without their '?' and '#'; `file`: another page of the site; `also`: another site that it may ask;
   * `before`: a function that the page runs before its own scripts.
   */
  static async open(browser, server, { file = '', query = '', hash = '', also = server, width = 1024, height = 800, calm = false, before } = {}) {
    const visit = new Visit();
    visit.context = await browser.createBrowserContext();
    const page = (visit.page = await visit.context.newPage());
    page.setDefaultTimeout(PATIENCE);
    // puppeteer's own clicks where the element was: a chapter that still grows would move it from under the pointer.
    page.click = (selector) => page.locator(selector).click();
    await page.setViewport({ width, height });
    if (calm) await page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }]);
    if (!server.offline) await page.evaluateOnNewDocument(() => delete Navigator.prototype.serviceWorker);
    if (before) await page.evaluateOnNewDocument(before);
    page.on('pageerror', ({ message }) => EXPECTED.test(message) || visit.complaints.push(`uncaught: ${message}`));
    page.on('console', (message) => {
      if (message.type() === 'error' && !EXPECTED.test(message.text())) visit.complaints.push(`console: ${message.text()}`);
    });
    page.on('request', (request) => {
      const url = request.url();
      if (![server, also].some(({ url: own }) => url.startsWith(own)) && !/^(blob|data):/.test(url)) visit.complaints.push(`asked for ${url}`);
    });
    await page.goto(`${server.url}${file}${query && `?${query}`}${hash && `#${hash}`}`);
    return visit;
  }

  async close() {
    await this.context.close();
  }

  /**
   * Waits until the page that `act` loads anew has been read. puppeteer's own waiting for a navigation ends with a change of
   * the address's fragment, too, which this page makes whenever one goes to another chapter.
   */
  async reloaded(act) {
    await this.page.evaluate(() => (window.isOld = true));
    await act();
    await this.page.waitForFunction(() => !window.isOld && document.readyState === 'complete');
  }

  /** Waits for the player: 'playing', 'seeking', 'paused' or 'done'. */
  async state(state) {
    await this.page.waitForSelector(`#player[data-state=${state}]`).catch(async (error) => {
      throw new Error(`the player is not ${state}; the page says "${await this.text('status')}" and "${await this.alert()}"`, { cause: error });
    });
  }

  /** Waits until an element's `data-state` is the one that is named. */
  until(id, state) {
    return this.page.waitForSelector(`#${id}[data-state=${state}]`).catch(async (error) => {
      throw new Error(`#${id} is not ${state}; the page says "${await this.alert()}"`, { cause: error });
    });
  }

  /** Waits until a chapter's networks have answered: for a value, where one is named. */
  answered(id, value) {
    return this.page.waitForSelector(`#${id}[data-answered${value === undefined ? '' : `="${value}"`}]`).catch(async (error) => {
      const last = await this.page.$eval(`#${id}`, (section) => section.dataset.answered);
      throw new Error(`#${id} has not answered for ${value ?? 'anything'}, but for ${last ?? 'nothing'}; the page says "${await this.alert()}"`, { cause: error });
    });
  }

  /** Goes to a part of the page, as a visitor does who scrolls there. */
  goTo(id) {
    return this.page.$eval(`#${id}`, (element) => element.scrollIntoView({ behavior: 'instant' }));
  }

  /** The address of a module, by its place in www/. */
  module(name) {
    return this.page.evaluate((name) => {
      const [library] = name.match(/(?<=^unnoise\/).*/) ?? [];
      const beside = library ? document.querySelector('link[href$="/map.js"]').href : document.querySelector('script[type=module]').src;
      return new URL(library ?? `../${name}`, beside).href;
    }, name);
  }

  /** Waits until the page shows a step. */
  step(step, id = 'step-now') {
    return this.shows(id, String(step));
  }

  /** Waits until an element's text is, or matches, the one that is named. */
  shows(id, text) {
    const pattern = text instanceof RegExp ? text.source : null;
    return this.page.waitForFunction((id, text, pattern) => {
      const shown = document.getElementById(id).textContent.trim();
      return pattern === null ? shown === text : new RegExp(pattern).test(shown);
    }, {}, id, pattern === null ? text : null, pattern);
  }

  /** Where a pixel of a canvas lies in the window: its middle, after scrolling there. */
  async at(id, column, row) {
    const canvas = await this.page.$(`#${id}`);
    await canvas.evaluate((element) => element.scrollIntoView({ block: 'center', behavior: 'instant' }));
    const { left, top, width, height, columns, rows } = await canvas.evaluate((element) => {
      const { left, top, width, height } = element.getBoundingClientRect();
      return { left, top, width, height, columns: element.width, rows: element.height };
    });
    return [left + ((column + 0.5) / columns) * width, top + ((row + 0.5) / rows) * height];
  }

  /** Clicks a pixel of a canvas. */
  async pick(id, column, row) {
    await this.page.mouse.click(...(await this.at(id, column, row)));
  }

  /** Draws on a canvas with the mouse, from pixel to pixel: `[column, row]` each. */
  async stroke(id, [first, ...rest]) {
    await this.page.mouse.move(...(await this.at(id, ...first)));
    await this.page.mouse.down();
    for (const place of rest) await this.page.mouse.move(...(await this.at(id, ...place)), { steps: 5 });
    await this.page.mouse.up();
  }

  text(id) {
    return this.page.$eval(`#${id}`, (element) => element.textContent.trim());
  }

  click(id) {
    return this.page.click(`#${id}`);
  }

  press(key) {
    return this.page.keyboard.press(key);
  }

  alert() {
    return this.page.$eval('#alert', (element) => (element.classList.contains('shown') ? element.querySelector('p').textContent : ''));
  }

  /** Waits for a sentence in the alert, and returns it. */
  async sentence() {
    await this.page.waitForSelector('#alert.shown');
    return this.alert();
  }

  /** The grey values of a canvas. */
  pixels(id) {
    return this.page.$eval(`#${id}`, (canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]);
    });
  }

  /** The red, green and blue values of a canvas. */
  colours(id) {
    return this.page.$eval(`#${id}`, (canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return [...data].filter((_, i) => i % 4 !== 3);
    });
  }

  /** What a slider's handle does. */
  slide(selector, value) {
    return this.page.$eval(selector, (input, value) => {
      input.value = value;
      input.dispatchEvent(new Event('input', { bubbles: true }));
    }, value);
  }

  scrub(step) {
    return this.slide('#scrub', step);
  }

  /** Moves a slider's handle through `values`, as fast as a hand could not: nothing may wait for the networks. */
  async drag(selector, values) {
    await this.page.$eval(selector, (input, values) => {
      for (const value of values) {
        input.value = value;
        input.dispatchEvent(new Event('input', { bubbles: true }));
      }
    }, values);
  }

  /** What stands in the address behind its '#'. */
  hash() {
    return this.page.evaluate(() => location.hash.slice(1));
  }

  /** All frames of a run through the library: `{ step, sigma, nfe, x, denoised }`. */
  frames(settings) {
    return this.page.evaluate(async (settings) => {
      const frames = [];
      for await (const { x, denoised, ...rest } of window.unnoise.generate(settings)) {
        frames.push({ ...rest, x: [...x], denoised: denoised && [...denoised] });
      }
      return frames;
    }, settings);
  }

  /** The message of the error that a script in the page throws, or null. */
  failure(script) {
    return this.page.evaluate(`(async () => { ${script} })().then(() => null, (error) => error.message)`);
  }

  /** Grey values of a digit in a PNG file, read by the browser, without the file's margin. */
  png(bytes) {
    return this.page.evaluate(async (base64) => {
      const blob = new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], { type: 'image/png' });
      const bitmap = await createImageBitmap(blob);
      const { width, height } = document.getElementById('x');
      const context = new OffscreenCanvas(width, height).getContext('2d');
      context.drawImage(bitmap, (width - bitmap.width) / 2, (height - bitmap.height) / 2);
      const { data } = context.getImageData(0, 0, width, height);
      return Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]);
    }, bytes.toString('base64'));
  }
}

/** A visit whose first digit is there, which takes a single step; `hash` is what else the address asks for. */
export async function quick(t, hash = '', where = {}) {
  const visit = await t.visit({ hash: `steps=1&speed=max&${hash}`, ...where });
  await visit.state('done');
  return visit;
}

/** Such a visit that has gone on to a part of the page. */
export async function come(t, id, hash, where) {
  const visit = await quick(t, hash, where);
  await visit.goTo(id);
  return visit;
}

/** Opens every chapter, and waits until its networks have answered. */
export async function openChapters(visit) {
  await visit.goTo('introduction');
  await visit.goTo('scorer-climb');
  await visit.until('scorer-transport', 'done');
  for (const id of ['noise', 'schedule', 'vae']) {
    await visit.goTo(id);
    await visit.answered(id);
  }
  await visit.goTo('guidance');
  await visit.answered('guidance-stage');
  await visit.goTo('guidance-cost-text');
  await visit.answered('guidance-cost');
  await visit.goTo('clip-matrix');
  await visit.answered('clip-matrix');
  await visit.goTo('text-stage');
  await visit.until('text-transport', 'done');
  await visit.goTo('samplers-racers');
  await visit.until('samplers-race', 'done');
  await visit.page.waitForSelector('#samplers-charts[data-converged=yes]');
  await visit.goTo('samplers-descent-stage');
  await visit.until('samplers-descent', 'done');
  await visit.goTo('samplers-quality');
  await visit.page.waitForSelector('#samplers-table td button');
  await visit.goTo('training-work');
  await visit.page.waitForSelector('#training[data-sampled]');
  await visit.page.click('input[name="training-from"][value="drawings"] + span');
  await visit.page.waitForSelector('#training-own:not([hidden])');
}

/** The whole numbers from one to another. */
export const range = (from, to, by = 1) => Array.from({ length: (to - from) / by + 1 }, (_, i) => from + by * i);

/** A bold red one, drawn rather than generated, as text for the address: a GPU in software would take long to make one. */
export const DRAWN = `${range(0, 783).map((i) => ([13, 14].includes(i % 28) && i >= 4 * 28 && i < 24 * 28 ? '_' : 'A')).join('')}_red_white_bold_upright_large_2`;

/** What a canvas shows of values between -1 and 1. */
export const shades = (values) => values.map((value) => Math.min(255, Math.max(0, (value + 1) * 127.5)));

/** The largest difference between two lists of numbers. */
export function difference(a, b) {
  if (a.length !== b.length) throw new Error(`${a.length} values beside ${b.length}`);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}
