// Chapter 6: pictures and sentences in one space.

import assert from 'node:assert/strict';

import { status } from './server.mjs';
import { come, difference, DRAWN, range } from './visit.mjs';

const PICTURE = '3-5_red_white_bold_right_large_2';

/** The chapter, with its table filled. */
async function open(t, hash, where) {
  const visit = await come(t, 'clip', hash, where);
  await visit.answered('clip-matrix');
  return visit;
}

/** Waits until a text has been compared, with these rivals, of a picture. */
const answered = (visit, text, rivals = 'digit', picture = PICTURE) => visit.page.waitForFunction((rivals, picture, text) => {
  const { answered } = document.getElementById('clip-ask').dataset;
  return answered?.startsWith(`${rivals} ${picture}`) && answered.endsWith(` ${text}`);
}, {}, rivals, picture, text);

/** Types a text in the place of the one at hand. */
async function write(visit, text) {
  await visit.page.$eval('#clip-text', (input, text) => {
    input.value = text;
    input.dispatchEvent(new Event('input', { bubbles: true }));
  }, text);
}

/** The library's cosine of a canvas and each of some texts. */
const cosines = (visit, id, texts) => visit.page.evaluate(async (id, texts) => {
  const { data } = document.querySelector(id).getContext('2d').getImageData(0, 0, 64, 64);
  const { embedding } = await window.unnoise.embedPicture({ picture: [...data].filter((_, i) => i % 4 !== 3).map((value) => value / 127.5 - 1) });
  const answers = await Promise.all(texts.map((text) => window.unnoise.embedText({ text })));
  return answers.map((answer) => answer.embedding.reduce((sum, value, i) => sum + value * embedding[i], 0));
}, id, texts);

const numbers = (texts) => texts.map((text) => Number(text.replace('−', '-').replace(' %', '')));

/** What the bars say: `[text, value]` each. */
const bars = (visit, id) => visit.page.$$eval(`#${id} li`, (rows) => rows.map((row) => [row.querySelector('b').textContent, row.querySelector('.value').textContent]));

export const clip = {
  async 'the table: every picture with every caption'(t) {
    const visit = await open(t);
    assert.equal(await visit.alert(), '');
    const captions = await visit.page.$$eval('#clip-matrix thead th span', (heads) => heads.map((head) => head.textContent));
    assert.equal(new Set(captions).size, 8);
    const shown = await visit.page.$$eval('#clip-matrix tbody tr', (rows) => rows.map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent)));
    for (const row of range(0, 7)) {
      const expected = await cosines(visit, `#clip-matrix tbody tr:nth-child(${row + 1}) canvas`, captions);
      assert.ok(difference(numbers(shown[row]), expected) < 0.03, `row ${row + 1}: ${shown[row]}, and it is ${expected}`);
    }
    // It has learned its lesson: most pictures fit their own caption best.
    const hits = shown.filter((row, i) => numbers(row).every((value) => value <= numbers(row)[i])).length;
    assert.ok(hits >= 6, `${hits} of 8 fit best`);
    assert.match(await visit.text('clip-summary'), /pictures fit/);

    // The frame marks the diagonal.
    assert.equal(await visit.page.$$eval('#clip-matrix tbody tr', (rows) => rows.every((row, i) => row.querySelectorAll('td')[i].className === 'own')), true);

    await visit.page.click('input[name="clip-shown"][value="share"] + span');
    const shares = await visit.page.$$eval('#clip-matrix tbody tr', (rows) => rows.map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent)));
    for (const row of shares) assert.ok(Math.abs(numbers(row).reduce((a, b) => a + b) - 100) <= 4, `the shares are ${row}`);
  },

  async 'a cell says what it compares: to the pointer and to the keys'(t) {
    const visit = await open(t);
    const captions = await visit.page.$$eval('#clip-matrix thead th span', (heads) => heads.map((head) => head.textContent));
    await visit.page.hover('[data-row="2"][data-column="5"]');
    await visit.shows('clip-pair', /Picture 3 and the caption of picture 6: cosine/);
    assert.ok((await visit.text('clip-pair')).includes(captions[5]));
    await visit.page.focus('[data-row="2"][data-column="5"]');
    for (const key of ['ArrowLeft', 'ArrowLeft', 'ArrowLeft', 'ArrowUp', 'ArrowDown']) await visit.press(key);
    await visit.shows('clip-pair', /Picture 3 and its own caption: cosine/);
    const label = await visit.page.evaluate(() => document.activeElement.getAttribute('aria-label'));
    assert.ok(label.startsWith(`Picture 3 and “${captions[2]}”, its own caption: `), label);
    assert.equal(await visit.page.$$eval('#clip-matrix [data-row][tabindex="0"]', (cells) => cells.length), 1);
  },

  async 'other pictures, and a link that keeps them'(t) {
    const visit = await open(t);
    await visit.click('clip-others');
    await visit.page.waitForFunction(() => /clip\.seed=\d+/.test(location.hash));
    const seed = new URLSearchParams(await visit.hash()).get('clip.seed');
    await visit.answered('clip-matrix', seed);
    const copy = await open(t, await visit.hash());
    await copy.answered('clip-matrix', seed);
    const table = (visit) => visit.page.$eval('#clip-matrix', (table) => table.textContent);
    assert.equal(await table(copy), await table(visit));
    // A picture of the table is taken below.
    await visit.page.click('#clip-matrix tbody tr:nth-child(2) .take');
    await visit.page.waitForFunction((seed) => new RegExp(`^digit \\d-${Number(seed) + 1}_`).test(document.getElementById('clip-ask').dataset.answered), {}, seed);
    const canvases = await visit.page.evaluate(() => ['#clip-matrix tbody tr:nth-child(2) canvas', '#clip-picture'].map((id) => [...document.querySelector(id).getContext('2d').getImageData(0, 0, 64, 64).data]));
    assert.ok(difference(...canvases) <= 3);
  },

  async 'any text against any picture'(t) {
    const visit = await open(t);
    await answered(visit, 'a bold red three on white paper');
    const digits = await bars(visit, 'clip-rivals');
    assert.equal(digits.length, 10);
    const expected = await cosines(visit, '#clip-picture', ['a bold red three on white paper', ...digits.map(([text]) => text)]);
    const [[, own]] = await bars(visit, 'clip-own');
    assert.ok(difference(numbers([own, ...digits.map(([, value]) => value)]), expected) < 0.03);
    assert.equal(await visit.page.$eval('#clip-rivals .asked b', (best) => best.textContent), 'a three');
    assert.equal(await visit.text('clip-remark'), '');

    for (const [rivals, best] of [['ink', 'a digit in red ink'], ['paper', 'a digit on white paper']]) {
      await visit.page.click(`input[name="clip-rivals"][value="${rivals}"] + span`);
      await answered(visit, 'a bold red three on white paper', rivals);
      assert.equal(await visit.page.$eval('#clip-rivals .asked b', (best) => best.textContent), best);
    }
    await write(visit, 'a thin green eight on black paper');
    await answered(visit, 'a thin green eight on black paper', 'paper');
    const [[, worse]] = await bars(visit, 'clip-own');
    assert.ok(numbers([worse])[0] < numbers([own])[0] - 0.2, `${worse} beside ${own}`);
    await visit.page.waitForFunction(() => location.hash.includes('clip.text=a+thin+green'));
  },

  async 'chapter 6 names unknown words, and nothing that is typed breaks it'(t) {
    const visit = await open(t);
    await write(visit, 'a red Zebra, zebra and 🦓');
    await answered(visit, 'a red Zebra, zebra and 🦓');
    assert.equal(await visit.text('clip-remark'), 'Left out, as not known: zebra, 🦓.');

    await write(visit, '');
    await answered(visit, '');
    assert.match(await visit.text('clip-remark'), /an empty text says nothing/);
    assert.equal((await bars(visit, 'clip-own'))[0][1], '–');

    await write(visit, 'ein roter Dreier');
    await answered(visit, 'ein roter Dreier');
    assert.match(await visit.text('clip-remark'), /ein, roter, dreier.*No word of it is known/);
    assert.equal((await bars(visit, 'clip-own'))[0][1], '–');

    const markup = '<img src=x onerror="document.title=1"> three';
    await write(visit, markup);
    await answered(visit, markup);
    assert.match(await visit.text('clip-remark'), /not known: img/);
    assert.equal(await visit.page.$('#clip-remark img'), null);
    assert.notEqual(await visit.page.title(), '1');

    await write(visit, 'three '.repeat(2000));
    await answered(visit, 'three '.repeat(2000).slice(0, 10_000));
    assert.match(await visit.text('clip-remark'), /Only the first 10,000 characters are read.*as a text may have 23 words/);

    await write(visit, '🦓'.repeat(6000));
    await answered(visit, '🦓'.repeat(5000));
    const remark = await visit.text('clip-remark');
    assert.ok(remark.length < 500, `a remark of ${remark.length} characters`);

    await visit.page.click('#clip-examples button:nth-of-type(2)');
    await answered(visit, await visit.page.$eval('#clip-text', (input) => input.value));
    assert.equal(await visit.alert(), '');
    assert.equal(await visit.page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), true);
  },

  async 'a digit is drawn, and judged'(t) {
    const visit = await open(t);
    await visit.page.click('#clip-tools [data-tool="clear"]');
    await visit.page.waitForFunction(() => document.getElementById('clip').classList.contains('empty'));
    await visit.page.waitForFunction(() => document.querySelector('#clip-own .value').textContent === '–');
    await visit.stroke('clip-sketch', [[14, 4], [14, 23]]);
    await visit.page.waitForFunction(() => document.querySelector('#clip-own .value').textContent !== '–');
    await visit.page.waitForFunction(() => /^digit [\w.-]{20,}_red_white_bold_right_large_2 a bold/.test(document.getElementById('clip-ask').dataset.answered));
    assert.equal(await visit.alert(), '');
  },

  async 'chapter 6 without its weights: a sentence, and trying again'(t) {
    t.server.faults.set('weights/clip.safetensors', status(404));
    const visit = await come(t, 'clip');
    assert.match(await visit.sentence(), /clip\.safetensors is missing/);
    t.server.faults.clear();
    await visit.click('alert button');
    await visit.answered('clip-matrix');
    assert.equal(await visit.alert(), '');
  },

  async 'a table that cannot be had gets a sentence'(t) {
    const visit = await open(t, 'clip.seed=-1&clip.rivals=smells');
    assert.match(await visit.sentence(), /clip\.seed = -1, clip\.rivals = smells/);
    await visit.answered('clip-matrix', 20);
  },
};

export const clipWebgpu = {
  async 'CLIP on WebGPU, and on the CPU once the device is lost'(t) {
    const visit = await come(t, 'clip-ask', `guidance=1&sampler=euler&clip.rivals=slant&clip.picture=${DRAWN}`, { query: 'backend=webgpu' });
    await answered(visit, 'a bold red three on white paper', 'slant', '');
    const texts = ['a bold red three on white paper', 'a four', 'blue paper'];
    const gpu = await cosines(visit, '#clip-picture', texts);
    assert.equal(await visit.page.evaluate(() => window.unnoise.backend), 'webgpu');
    await visit.page.evaluate(() => window.unnoise.loseDevice());
    const cpu = await cosines(visit, '#clip-picture', texts);
    assert.equal(await visit.page.evaluate(() => window.unnoise.backend), 'cpu');
    assert.ok(difference(gpu, cpu) <= 0.02, `${gpu} and ${cpu}`);
    await write(visit, 'a four');
    await answered(visit, 'a four', 'slant', '');
  },
};
