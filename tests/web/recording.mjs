// The recording that is seen while the first weights are on their way.

import assert from 'node:assert/strict';

import { status } from './server.mjs';

/** Of 255: what packing the pictures may cost, on the average of a picture's pixels. */
const LOSS = 12;

/** Of the opening run. */
const STEPS = 10;

const recorded = (visit) => visit.page.$eval('#recorded', (mark) => mark.checkVisibility());

/** Holds the weights of the first network back; `go()` sends them. */
function hold(t) {
  let go;
  const held = new Promise((resolve) => (go = resolve));
  t.server.faults.set('weights/unet.safetensors', async (response, body) => {
    await held;
    response.end(body);
  });
  return go;
}

export const recording = {
  async 'a recording plays while the network is loaded, says that it is one, and the run goes on from its step'(t) {
    const go = hold(t);
    const visit = await t.visit();
    await visit.page.waitForSelector('[data-recorded]');
    assert.ok(await recorded(visit));
    const ink = () => visit.pixels('denoised').then((pixels) => pixels.filter((grey) => grey > 200).length);
    await visit.page.waitForFunction(() => {
      const canvas = document.getElementById('denoised');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((grey, i) => i % 4 === 0 && grey > 200).length > 20;
    });
    assert.ok((await ink()) < 300);
    assert.equal(await visit.text('step-now'), '–');

    // From here on, every picture that is seen is written down: none may be of an earlier step.
    await visit.page.evaluate(() => {
      window.steps = [];
      const now = document.getElementById('step-now');
      new MutationObserver(() => window.steps.push(Number(now.textContent))).observe(now, { childList: true, subtree: true, characterData: true });
    });
    // It ends where the run ends, and stays there.
    await visit.page.waitForSelector(`[data-recorded="${STEPS}"]`);
    go();
    await visit.state('done');
    assert.ok(!(await recorded(visit)));
    assert.deepEqual(new Set(await visit.page.evaluate(() => window.steps)), new Set([STEPS]));
    assert.equal(await visit.alert(), '');
  },

  async 'the recording is of the weights that are shipped'(t) {
    const visit = await t.visit();
    await visit.state('done');
    const away = await visit.page.evaluate(async (address) => {
      const film = new Image();
      film.src = address;
      await film.decode();
      const cells = [...document.querySelectorAll('#film canvas')];
      const side = cells[0].width;
      if (film.width !== side * cells.length || film.height !== 2 * side) return [Infinity];
      const grey = (image, x, y) => {
        const context = new OffscreenCanvas(side, side).getContext('2d');
        context.drawImage(image, x, y, side, side, 0, 0, side, side);
        return context.getImageData(0, 0, side, side).data.filter((_, i) => i % 4 === 0);
      };
      return cells.flatMap((cell, step) => [0, 1].map((row) => {
        // Before the network is asked there is no estimate to compare.
        if (step === 0 && row === 1) return 0;
        const live = grey(cell, 0, row && cell.height - side);
        const kept = grey(film, step * side, row * side);
        return live.reduce((sum, value, i) => sum + Math.abs(value - kept[i]), 0) / live.length;
      }));
    }, await visit.module('chapters/generate/recording.webp'));
    assert.ok(Math.max(...away) < LOSS, `record it anew: node tests/web/record.mjs --site dist --weights weights (${away.map((loss) => loss.toFixed(1)).join(' ')})`);
  },

  async 'who asks for something else, or comes by a link, sees no recording of another run'(t) {
    const go = hold(t);
    const linked = await t.visit({ hash: 'digit=5&seed=4' });
    await linked.shows('status', 'Loading the network');
    assert.ok(!(await recorded(linked)));
    const visit = await t.visit();
    await visit.page.waitForSelector('[data-recorded]');
    go();
    await visit.page.waitForSelector('#digit [aria-pressed="true"]');
    await visit.page.$eval('#digit [data-digit="8"]', (button) => button.click());
    await visit.page.waitForFunction(() => location.hash.includes('digit=8'));
    assert.ok(!(await recorded(visit)));
    await visit.state('done');
    assert.equal(await visit.page.$eval('#x', (canvas) => canvas.getAttribute('aria-label').includes('an 8')), true);
  },

  async 'a recording that cannot be had is not missed'(t) {
    for (const file of ['chapters/generate/recording.webp', 'page/recording.js']) {
      t.server.faults.set(file, status(404));
      const visit = await t.visit();
      await visit.state('done');
      assert.equal(await visit.text('step-now'), String(STEPS));
      assert.equal(await visit.alert(), '');
      t.server.faults.delete(file);
    }
  },
};
