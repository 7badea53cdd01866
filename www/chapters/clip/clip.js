// Chapter 6: CLIP. Pictures and captions in one table (here and in clip-matrix.js), and any text against any picture.

import { copyLink, followLinks, takeState, writeState } from '../../page/address.js';
import { parseWhole, parseWord, percent, signed } from '../../page/format.js';
import { listen } from '../../page/keys.js';
import { latest } from '../../page/latest.js';
import { showLoading } from '../../page/loading.js';
import { make } from '../../page/make.js';
import { say } from '../../page/notices.js';
import { draw, toColourImage, wipe } from '../../page/pixels.js';
import { reader, remarksOn, takeText } from '../../page/reading.js';
import { anyPicture, paintPicture, parsePicture, ScenePicker } from '../../page/scene-picker.js';
import { newSeed } from '../../page/seed.js';
import { bringIntoSight, whenSeen } from '../../page/seen.js';
import { Matrix } from './clip-matrix.js';

/** Pictures and captions of the table. */
const COUNT = 8;
const MAX_SEED = 1e9;
/** So many texts are remembered: those of the table, those to compare with, and what was typed last. */
const TEXTS = 200;
/** A longer text does not go into the address. */
const LONGEST_LINK = 1000;

/** Ten texts or fewer, of which one should fit: with them CLIP is a classifier. */
const NUMBERS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
const rivalsOf = ({ scene }) => ({
  digit: NUMBERS.map((number) => `${number === 'eight' ? 'an' : 'a'} ${number}`),
  ink: scene.ink.map((colour) => `a digit in ${colour} ink`),
  paper: scene.paper.map((colour) => `a digit on ${colour} paper`),
  strokes: ['thin', 'regular', 'bold'].map((word) => `a digit with ${word} strokes`),
  slant: ['a digit leaning left', 'a digit standing upright', 'a digit leaning right'],
  size: scene.size.map((word) => `a ${word} digit`),
});

const OPENING = {
  seed: 20,
  shown: 'cosine',
  picture: '3-5_red_white_bold_right_large_2',
  text: 'a bold red three on white paper',
  rivals: 'digit',
};
export function mount(section, unnoise) {
  const $ = (name) => section.querySelector(`#clip-${name}`);
  const radios = (name) => [...section.querySelectorAll(`input[name="clip-${name}"]`)];
  const RIVALS = rivalsOf(unnoise.info);
  const PARSE = {
    seed: (text) => parseWhole(text, 0, MAX_SEED),
    shown: (text) => parseWord(text, ['cosine', 'share']),
    picture: parsePicture(unnoise.info),
    text: (text) => text,
    rivals: (text) => parseWord(text, Object.keys(RIVALS)),
  };
  const settings = { ...OPENING };
  let making = new AbortController();
  /** Whether the table has been looked at. */
  let seen = false;
  /** The embedding of the visitor's picture, or null where there is none. */
  let embedding = null;
  /** The texts of the pictures in the table. */
  let pictures = [];
  const read = reader(unnoise, TEXTS);

  const matrix = new Matrix($('matrix'), COUNT, {
    onPoint: showPair,
    onTake: (row) => {
      if (!pictures[row]) return;
      picker.restore(pictures[row]);
      bringIntoSight($('ask'), { block: 'start' });
    },
  });
  const picker = new ScenePicker(unnoise, $('picker'), { id: 'clip', onChange: takePicture, onError: report });
  const own = new TextBar('Your text');
  $('own').append(own.row);
  let rivals = [];

  // --- the address ---

  function takeAddress() {
    Object.assign(settings, takeState('clip', OPENING, PARSE));
    $('text').value = settings.text;
    showSettings();
    picker.restore(settings.picture);
    compare();
    if (seen) fill();
  }

  function change(values) {
    Object.assign(settings, values);
    showSettings();
    const { text } = settings;
    writeState('clip', { ...settings, text: text.length > LONGEST_LINK ? undefined : text }, OPENING);
  }

  function showSettings() {
    for (const name of ['shown', 'rivals']) for (const radio of radios(name)) radio.checked = radio.value === settings[name];
    matrix.show(settings.shown);
  }

  // --- the table ---

  async function fill() {
    making.abort();
    const { signal } = (making = new AbortController());
    const { seed } = settings;
    delete $('matrix').dataset.answered;
    $('summary').textContent = 'The pictures are being made';
    try {
      // Eight different digits: 3 and 10 have no common divisor.
      const pairs = await Promise.all(Array.from({ length: COUNT }, (_, i) => anyPicture(unnoise, (seed + 3 * i) % 10, seed + i)));
      if (signal.aborted) return;
      pictures = pairs.map(({ text }) => text);
      matrix.reset(pairs.map(({ caption }) => caption));
      const columns = await read(pairs.map(({ caption }) => caption));
      for (const [row, { text }] of pairs.entries()) {
        const picture = await paintPicture(unnoise, text, { signal });
        const { embedding } = await unnoise.embedPicture({ picture, signal });
        if (signal.aborted) return;
        const cosines = columns.map((column) => dot(embedding, column.embedding));
        matrix.fill(row, picture, cosines, softmax(cosines, columns[0].scale));
      }
      const { hits } = matrix;
      $('summary').textContent = hits === COUNT ? `Each of the ${COUNT} pictures fits its own caption best.` : `${hits} of the ${COUNT} pictures fit their own caption best.`;
      $('matrix').dataset.answered = seed;
    } catch (error) {
      if (!signal.aborted) report(error);
    }
  }

  function showPair(pair) {
    $('pair').replaceChildren();
    if (!pair) return;
    const { picture, caption, cosine, share, row, column } = pair;
    const canvas = make('canvas', { 'aria-hidden': 'true' });
    draw(canvas, toColourImage(picture));
    const own = row === column;
    $('pair').append(
      canvas,
      make('div', {},
        make('p', { class: 'caption' }, `“${caption}”`),
        make('p', {}, `Picture ${row + 1} and ${own ? 'its own caption' : `the caption of picture ${column + 1}`}: cosine `, make('b', {}, signed(cosine, 2)), `, ${percent(share)} of the row.`)));
  }

  // --- any text against any picture ---

  function takePicture() {
    section.classList.toggle('empty', picker.picture === null);
    if (picker.text !== settings.picture) change({ picture: picker.text });
    if (picker.picture) draw($('picture'), toColourImage(picker.picture));
    else wipe($('picture'));
    look().catch(report);
  }

  const look = latest(async () => {
    const { picture } = picker;
    const seen = picture && (await unnoise.embedPicture({ picture })).embedding;
    embedding = picker.picture && seen;
    await judge();
  });

  /** Builds the bars of the texts to compare with. */
  function compare() {
    rivals = RIVALS[settings.rivals].map((text) => new TextBar(text));
    $('rivals').replaceChildren(...rivals.map(({ row }) => row));
    judge().catch(report);
  }

  const judge = latest(async () => {
    const { text, rivals: set } = settings;
    const taken = takeText(unnoise.info, text);
    const bars = rivals;
    const [answer, nothing, ...answers] = await read([taken, '', ...bars.map(({ text }) => text)]);
    // Where no word is known, the text says no more than an empty one does.
    const empty = answer.embedding.every((value, i) => value === nothing.embedding[i]);
    $('remark').textContent = [taken.trim() === '' ? 'Write something: an empty text says nothing.' : '', remarksOn(unnoise.info, text, answer), taken.trim() && empty ? 'No word of it is known, so there is nothing to compare.' : ''].filter(Boolean).join(' ');
    own.show(embedding && !empty ? dot(embedding, answer.embedding) : null, { best: true });
    const cosines = embedding && answers.map((answer) => dot(embedding, answer.embedding));
    const shares = embedding && softmax(cosines, answer.scale);
    for (const [i, bar] of bars.entries()) {
      if (embedding) bar.show(cosines[i], { share: shares[i], best: cosines[i] === Math.max(...cosines) });
      else bar.show(null);
    }
    if (embedding && bars === rivals) $('ask').dataset.answered = `${set} ${picker.text} ${taken}`;
  });

  // --- the engine ---

  function report(error) {
    say(error.message, start);
  }

  async function start() {
    try {
      const weights = unnoise.ready('clip');
      await Promise.all([$('table'), $('ask-stage')].map((place) => showLoading(place, unnoise, weights)));
      takeAddress();
      // The pictures are made when they are first looked at.
      if (!seen) whenSeen($('table'), () => {
        seen = true;
        fill();
      });
    } catch (error) {
      report(error);
    }
  }

  // --- controls ---

  const others = () => {
    change({ seed: newSeed() });
    if (seen) fill();
  };
  $('others').addEventListener('click', others);
  for (const radio of radios('shown')) radio.addEventListener('change', () => change({ shown: radio.value }));
  for (const radio of radios('rivals')) {
    radio.addEventListener('change', () => {
      change({ rivals: radio.value });
      compare();
    });
  }
  const write = (text) => {
    change({ text });
    judge().catch(report);
  };
  $('text').addEventListener('input', ({ target }) => write(target.value));
  $('form').addEventListener('submit', (event) => event.preventDefault());
  for (const button of section.querySelectorAll('#clip-examples button')) {
    button.addEventListener('click', () => {
      $('text').value = button.textContent;
      write(button.textContent);
    });
  }
  $('copy').addEventListener('click', () => copyLink($('copy'), 'clip'));

  listen(section, { r: others });

  return {
    begin() {
      followLinks('clip', takeAddress);
      start();
    },
  };
}

/** A text, a bar and a number: how well it fits. */
class TextBar {
  #bar = make('i');
  #value = make('span', { class: 'value' }, '–');
  #share = make('span', { class: 'share' });

  constructor(text) {
    this.text = text;
    this.row = make('li', {}, make('b', {}, text), make('span', { class: 'track' }, this.#bar), this.#value, this.#share);
  }

  /** Shows a cosine, or, with null, none; with it its share among its like, and whether it is the best of them. */
  show(cosine, { share, best = false } = {}) {
    this.#bar.style.width = `${100 * Math.max(0, cosine ?? 0)}%`;
    this.#value.textContent = cosine === null ? '–' : cosine.toFixed(2).replace('-', '−');
    this.#share.textContent = share === undefined ? '' : percent(share);
    this.row.classList.toggle('asked', best);
  }
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

/** Cosines as probabilities, the way that training compares them. */
function softmax(cosines, scale) {
  const most = Math.max(...cosines);
  const weights = cosines.map((cosine) => Math.exp(scale * (cosine - most)));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
}
