// Chapter 2: how much noise, and which.

import assert from 'node:assert/strict';

import { status } from './server.mjs';
import { come, difference, range } from './visit.mjs';

/** The chapter, with its networks' answers. */
async function open(t, hash) {
  const visit = await come(t, 'noise', hash);
  await visit.answered('noise');
  return visit;
}

/** Waits until the networks have answered for an amount. */
const answered = (visit, sigma) => visit.answered('noise', sigma);

const number = async (visit, id) => Number(await visit.text(id));

/** What the noisy picture must look like: the clean one as it is shown, plus the noise of a seed. */
async function noised(visit, seed, sigma) {
  const noise = await visit.page.evaluate(async (seed) => [...(await window.unnoise.noise({ seed }))], seed);
  const clean = await visit.pixels('noise-clean');
  return clean.map((grey, i) => {
    const value = (grey / 127.5 - 1 + sigma * noise[i]) / Math.hypot(1, sigma);
    return Math.min(255, Math.max(0, (value + 1) * 127.5));
  });
}

export const noise = {
  async 'a digit under noise: how much is told, and which is taken away'(t) {
    const visit = await open(t);
    const clean = await visit.pixels('noise-clean');
    assert.ok(clean.filter((grey) => grey > 200).length > 20, 'the generator made no digit');
    assert.ok(difference(await visit.pixels('noise-noisy'), await noised(visit, 7, 0.6)) <= 2);
    // The real network is off by less than 8 % at every amount, of which 2 % are this noise's own.
    const predicted = await number(visit, 'noise-predicted');
    assert.ok(Math.abs(predicted / 0.6 - 1) < 0.15, `0.6 is seen as ${predicted}`);
    assert.equal(await visit.text('noise-told-times'), await visit.text('noise-predicted'));
    const error = await number(visit, 'noise-error');
    assert.ok(error > 0 && error < 0.06, `the estimate is off by ${error}, the noisy picture by 0.36`);
    assert.equal(await visit.alert(), '');

    await visit.page.click('input[value="true"] + span');
    await visit.shows('noise-told-times', '0.600');
  },

  async 'the slider answers at once, the networks for the newest amount'(t) {
    const visit = await open(t);
    await visit.drag('#noise-sigma', range(400, 800, 20));
    assert.equal(await visit.text('noise-true'), '6.03');
    await answered(visit, 6.03);
    const predicted = await number(visit, 'noise-predicted');
    assert.ok(Math.abs(predicted / 6.03 - 1) < 0.15, `6.03 is seen as ${predicted}`);
    assert.ok(difference(await visit.pixels('noise-noisy'), await noised(visit, 7, 6.03)) <= 2);

    await visit.page.focus('#noise-sigma');
    await visit.press('ArrowRight');
    await visit.shows('noise-true', '6.22');
    await visit.press('Home');
    await visit.shows('noise-true', '0.050');
    await answered(visit, 0.05);
  },

  async 'other noise is other noise'(t) {
    const visit = await open(t);
    const before = await visit.pixels('noise-added');
    const seed = await visit.text('noise-seed');
    await visit.click('noise-reroll');
    await visit.page.waitForFunction((seed) => document.getElementById('noise-seed').textContent !== seed, {}, seed);
    assert.ok(difference(await visit.pixels('noise-added'), before) > 50);
  },

  async 'a digit is drawn with the mouse, and a link brings it back'(t) {
    const visit = await open(t, 'noise.sigma=0.1');
    await visit.page.click('#noise-tools [data-tool="clear"]');
    assert.deepEqual(new Set(await visit.pixels('noise-clean')), new Set([0]));
    await visit.stroke('noise-clean', [[14, 5], [14, 22]]);
    const drawn = await visit.pixels('noise-clean');
    const row = drawn.slice(13 * 28, 14 * 28);
    assert.equal(row[14], 255);
    const ink = row.filter((grey) => grey > 0).length;
    assert.ok(ink >= 2 && ink <= 4, `the stroke is ${ink} pixels wide`);
    assert.equal(row[14 - 4], 0);
    await visit.page.waitForFunction(() => document.getElementById('noise-noisy').getContext('2d').getImageData(14, 13, 1, 1).data[0] > 150);

    await visit.page.click('#noise-tools [data-tool="eraser"]');
    await visit.stroke('noise-clean', [[8, 13], [20, 13]]);
    assert.equal((await visit.pixels('noise-clean'))[13 * 28 + 14], 0);

    // The address is written soon, not at once.
    await visit.page.waitForFunction(async (drawn, packed) => {
      const { unpack } = await import(packed);
      const kept = unpack(new URLSearchParams(location.hash.slice(1)).get('noise.picture') ?? '');
      return kept?.every((value, i) => Math.abs((value + 1) * 127.5 - drawn[i]) <= 3);
    }, {}, await visit.pixels('noise-clean'), await visit.module('page/packed.js'));
    const copy = await come(t, 'noise', await visit.hash());
    await answered(copy, 0.1);
    assert.ok(difference(await copy.pixels('noise-clean'), await visit.pixels('noise-clean')) <= 3);
    assert.deepEqual(await copy.pixels('noise-noisy'), await visit.pixels('noise-noisy'));
  },

  async 'a digit is drawn with the keyboard'(t) {
    const visit = await open(t);
    await visit.page.focus('#noise-clean');
    await visit.press('Delete');
    assert.deepEqual(new Set(await visit.pixels('noise-clean')), new Set([0]));
    const ink = async (column, row) => (await visit.pixels('noise-clean'))[row * 28 + column];
    await visit.press(' ');
    assert.ok((await ink(14, 14)) > 200);
    for (let i = 0; i < 4; i++) await visit.press('ArrowRight');
    assert.equal(await ink(18, 14), 0);
    await visit.page.keyboard.down(' ');
    for (let i = 0; i < 3; i++) await visit.press('ArrowDown');
    await visit.page.keyboard.up(' ');
    assert.equal(await ink(18, 16), 255);
    await visit.press('Backspace');
    assert.equal(await ink(18, 17), 0);
    assert.match(await visit.page.$eval('#noise-clean ~ [role=status]', (element) => element.textContent), /Column 19, row 18: paper/);
    assert.equal(await visit.page.$eval('#noise-clean', (canvas) => document.activeElement === canvas), true);
  },

  async 'the gradient of the amount leads out of the noise'(t) {
    const visit = await open(t);
    const figures = async () => [await number(visit, 'noise-seen'), await number(visit, 'noise-left')];
    /** Waits until the walk is at a step, and the networks have answered for it. */
    const at = async (step) => {
      await visit.step(step, 'noise-step-now');
      await visit.answered('noise-walk', step);
      return figures();
    };
    const [said, left] = await at(0);
    const start = await visit.pixels('noise-x');
    assert.ok(difference(start, await visit.pixels('noise-noisy')) <= 1, 'the run does not start from the noisy picture');
    // 784 draws of noise are together within a tenth of the amount that was asked for.
    assert.ok(Math.abs(left - 0.6) < 0.06, `0.6 was added, ${left} is there`);

    await visit.page.click('#noise-transport [data-do="step"]');
    const [saidOnce] = await at(1);
    assert.ok(saidOnce < said, `a step against the gradient took the amount from ${said} to ${saidOnce}`);
    const one = await visit.pixels('noise-x');
    assert.notDeepEqual(one, start);
    await visit.page.click('#noise-transport [data-do="back"]');
    await at(0);
    assert.deepEqual(await visit.pixels('noise-x'), start);

    // The last step goes all of the way, and may go too far: it is the one before that tells whether the descent works.
    await visit.page.focus('#noise');
    await visit.press('End');
    await visit.until('noise-transport', 'done');
    await visit.press('ArrowLeft');
    const steps = await number(visit, 'noise-step-all');
    const [saidLast, leftLast] = await at(steps - 1);
    assert.ok(saidLast < said / 2, `the network said ${said}, and says ${saidLast}`);
    assert.ok(leftLast < left, `there was ${left}, and is ${leftLast}`);
    await visit.press('Home');
    await at(0);

    // The U-Net is a denoiser: of the noise that is truly there, it leaves less than half.
    await visit.page.click('input[value="unet"] + span');
    await visit.page.waitForFunction(() => location.hash.includes('noise.lead=unet'));
    await visit.page.focus('#noise');
    await visit.press(' ');
    await visit.until('noise-transport', 'done');
    const [, leftByUnet] = await at(await number(visit, 'noise-step-all'));
    assert.ok(leftByUnet < left / 2 && leftByUnet < leftLast, `of ${left} the U-Net leaves ${leftByUnet}, the gradient ${leftLast}`);
  },

  async 'a link restores the noise and the step'(t) {
    const visit = await open(t, 'noise.sigma=2&noise.seed=5&noise.told=true&noise.step=4&noise.picture=3-1');
    await answered(visit, 2);
    await visit.shows('noise-step-now', '4');
    assert.equal(await visit.text('noise-seed'), '5');
    assert.equal(await visit.text('noise-told-times'), '2.00');
    assert.equal(await visit.page.$eval('#noise-tools [aria-pressed="true"]:not([data-tool])', (button) => button.textContent), '3');
    assert.ok(difference(await visit.pixels('noise-noisy'), await noised(visit, 5, 2)) <= 2);
  },

  async 'an amount of noise that cannot be had gets a sentence'(t) {
    const visit = await open(t, 'noise.sigma=much&noise.picture=nothing');
    assert.match(await visit.sentence(), /noise\.sigma = much, noise\.picture, a drawing that is none/);
    assert.equal(await visit.text('noise-true'), '0.600');
  },

  async 'weights that are missing: a sentence, and trying again'(t) {
    t.server.faults.set('weights/noise-level.safetensors', status(404));
    const visit = await come(t, 'noise');
    assert.match(await visit.sentence(), /noise-level\.safetensors is missing/);
    t.server.faults.clear();
    await visit.click('alert button');
    await visit.answered('noise');
    assert.equal(await visit.alert(), '');
  },
};
