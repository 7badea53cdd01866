// The coloured picture that a chapter starts from: a digit that is drawn or generated, painted anew as a scene says.

import { SCENE } from '../unnoise.js';
import { latest } from './latest.js';
import { make } from './make.js';
import { unpack } from './packed.js';
import { newSeed } from './seed.js';
import { parseSource, readMade, Specimen } from './specimen.js';

/** The colours as the painter has them, but for their small differences. */
export const RGB = {
  red: '#d41a1f', orange: '#f2850d', yellow: '#fae640', green: '#1a9433', cyan: '#26ccd9',
  blue: '#1a40cc', purple: '#8526ad', pink: '#f78cbf', white: '#f5f5f5', black: '#0f0f12',
};

const NAMES = Object.keys(SCENE);
const TITLES = { ink: 'Ink', paper: 'Paper', thickness: 'Strokes', slant: 'Slant', size: 'Size' };

// A picture as text, for the address: the digit's source, the words of its scene, and the painter's seed. The words come
// last, since a drawing's text may hold anything that stands between them.
const PATTERN = new RegExp(`^(.+)${NAMES.map((name) => `_(${SCENE[name].join('|')})`).join('')}_(\\d{1,15})$`);

/** `{ source, scene, seed }` of a picture's text, or undefined where it is none. */
function readPicture(text) {
  const [, source, ...rest] = text.match(PATTERN) ?? [];
  if (source === undefined || parseSource(source) instanceof Error) return undefined;
  return { source, scene: Object.fromEntries(NAMES.map((name, i) => [name, rest[i]])), seed: Number(rest.at(-1)) };
}

/** The text of a picture. */
export const pictureText = ({ source, scene, seed }) => [source, ...NAMES.map((name) => scene[name]), seed].join('_');

/** A picture's text that stands in the address, or what is wrong with it. */
export const parsePicture = (text) => (readPicture(text) ? text : new Error('a picture that is none'));

/** A text for a picture of this digit that nobody has seen before, and the sentence that goes with it. */
export async function anyPicture(unnoise, digit = Math.floor(Math.random() * 10), seed = newSeed()) {
  const { scene, caption } = await unnoise.scene({ digit, seed });
  return { text: pictureText({ source: `${digit}-${seed}`, scene, seed }), caption };
}

/** A text for the same digit at the same place, in other colours and with other strokes. */
export function otherPaint(text) {
  const { source, scene, seed } = readPicture(text);
  const other = (name, ...not) => {
    const rest = SCENE[name].filter((value) => value !== scene[name] && !not.includes(value));
    return rest[Math.floor(Math.random() * rest.length)];
  };
  const ink = other('ink');
  return pictureText({ source, scene: { ...scene, ink, paper: other('paper', ink), thickness: other('thickness') }, seed });
}

/** The picture of a text, out of sight: the generator's digit or the drawing, painted. */
export async function paintPicture(unnoise, text, { signal } = {}) {
  const { source, scene, seed } = readPicture(text);
  const x = readMade(source) ? await generated(unnoise, source, signal) : unpack(source);
  return (await unnoise.paint({ x, scene, seed, signal })).picture;
}

/** Digits of the generator, by their source: the last few. */
const digits = new Map();
const KEPT = 32;

async function generated(unnoise, source, signal) {
  if (!digits.has(source)) {
    const [digit, seed] = readMade(source);
    let x;
    for await (const { denoised } of unnoise.generate({ digit, seed }, { signal })) x = denoised;
    digits.set(source, x);
    if (digits.size > KEPT) digits.delete(digits.keys().next().value);
  }
  return digits.get(source);
}

export class ScenePicker {
  #specimen;
  #scene = {};
  #seed = 1;
  #radios = [];
  #names = {};
  #note = make('p', { class: 'hint', role: 'status' });
  #unnoise = null;
  #onChange;
  #onError;
  #picture = null;

  /**
   * `root`: an empty element. `id`: what the ids in it begin with.
   * `onChange` is called whenever there is another picture, or, where nothing is drawn, none; `onError` with what failed.
   */
  constructor(root, { id, onChange, onError }) {
    this.#onChange = onChange;
    this.#onError = onError;
    const canvas = make('canvas', { id: `${id}-sketch`, 'aria-label': 'The digit, to draw on' });
    const tools = make('div', { class: 'tools bench', id: `${id}-tools` });
    const keys = make('span', { class: 'by-keys' }, ' By keys: arrows, space, Backspace.');
    const any = make('button', { type: 'button', id: `${id}-any` }, 'Surprise me');
    any.addEventListener('click', () => this.surprise());
    root.classList.add('scene-picker');
    root.append(
      make('figure', {},
        make('div', { class: 'screen' }, canvas),
        make('figcaption', {}, make('h4', {}, 'The digit'), make('p', {}, 'Draw on it.', keys))),
      make('div', { class: 'controls' },
        tools,
        make('div', { class: 'colours' }, this.#choice(id, 'ink'), this.#choice(id, 'paper')),
        make('div', { class: 'strokes' }, ...['thickness', 'slant', 'size'].map((name) => this.#choice(id, name)), any),
        this.#note));
    this.#specimen = new Specimen(canvas, tools, { onChange: () => this.#repaint(), onError });
  }

  /** The picture, 64 × 64 × 3 numbers; null where nothing is drawn. */
  get picture() {
    return this.#picture;
  }

  /** Whether the generator is still at the digit. */
  get busy() {
    return this.#specimen.busy;
  }

  /** The picture as text, for the address. */
  get text() {
    return pictureText({ source: this.#specimen.source, scene: this.#scene, seed: this.#seed });
  }

  /** From now on pictures can be made. */
  begin(unnoise) {
    this.#unnoise = unnoise;
    this.#specimen.begin(unnoise);
  }

  /** Brings back the picture of a text. */
  restore(text) {
    const { source, scene, seed } = readPicture(text);
    this.#scene = scene;
    this.#seed = seed;
    this.#show();
    this.#specimen.restore(source);
  }

  /** Any other digit in any other scene. */
  async surprise() {
    try {
      if (this.#unnoise) this.restore((await anyPicture(this.#unnoise)).text);
    } catch (error) {
      this.#onError(error);
    }
  }

  /** An attribute's radio buttons: swatches for colours, words for the others. */
  #choice(id, name) {
    const colour = SCENE[name].includes('red');
    const options = SCENE[name].map((value) => {
      const radio = make('input', { type: 'radio', name: `${id}-${name}`, value });
      radio.addEventListener('change', () => this.#choose(name, value));
      this.#radios.push([name, radio]);
      if (!colour) return make('label', {}, radio, make('span', {}, value));
      const label = make('label', { title: value }, radio, make('span', {}, make('b', { class: 'hidden' }, value)));
      label.style.setProperty('--colour', RGB[value]);
      return label;
    });
    this.#names[name] = make('output', {});
    const legend = make('legend', {}, TITLES[name], ...(colour ? [' ', this.#names[name]] : []));
    return make('fieldset', { class: `choice-field row${colour ? ' swatches' : ''}` }, legend, make('div', { class: 'choice' }, ...options));
  }

  #choose(name, value) {
    if (!this.#unnoise) return this.#show();
    // Red on red would be nothing to look at: the two change places.
    if (name === 'ink' && value === this.#scene.paper) this.#scene.paper = this.#scene.ink;
    if (name === 'paper' && value === this.#scene.ink) this.#scene.ink = this.#scene.paper;
    this.#scene[name] = value;
    this.#show();
    if (!this.busy) this.#repaint();
  }

  #show() {
    for (const [name, radio] of this.#radios) radio.checked = radio.value === this.#scene[name];
    for (const [name, output] of Object.entries(this.#names)) output.textContent = this.#scene[name];
  }

  #repaint() {
    this.#paint().catch(this.#onError);
  }

  #paint = latest(async () => {
    let note = '';
    try {
      ({ picture: this.#picture } = await this.#unnoise.paint({ x: this.#specimen.picture, scene: this.#scene, seed: this.#seed }));
    } catch (error) {
      if (error.code !== 'settings') throw error;
      this.#picture = null;
      note = error.message;
    }
    if (this.busy) return; // another digit is on its way
    this.#note.textContent = note;
    this.#onChange();
  });
}
