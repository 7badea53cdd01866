// The coloured picture that a chapter starts from: a digit that is drawn or generated, painted anew as a scene says.

import { Classes } from './classes.js';
import { latest } from './latest.js';
import { make } from './make.js';
import { unpack } from './packed.js';
import { draw, toColourImage, wipe } from './pixels.js';
import { newSeed } from './seed.js';
import { parseSource, readMade, Specimen } from './specimen.js';

const TITLES = { ink: 'Ink', paper: 'Paper', thickness: 'Strokes', slant: 'Slant', size: 'Size' };
const NAMES = Object.keys(TITLES);

/** A colour as the painter has it, but for its small differences. */
export const cssColour = ({ colours }, name) => `rgb(${colours[name].map((part) => Math.round(255 * part)).join(' ')})`;

/**
 * `{ source, scene, seed }` of a picture's text, as it stands in the address, or undefined where it is none: the digit's
 * source, the words of its scene, and the painter's seed. The words come last, since a drawing's text may hold anything that
 * stands between them.
 */
function readPicture({ scene: words }, text) {
  const pattern = new RegExp(`^(.+)${NAMES.map((name) => `_(${words[name].join('|')})`).join('')}_(\\d{1,15})$`);
  const [, source, ...rest] = text.match(pattern) ?? [];
  if (source === undefined || parseSource(source) instanceof Error) return undefined;
  return { source, scene: Object.fromEntries(NAMES.map((name, i) => [name, rest[i]])), seed: Number(rest.at(-1)) };
}

/** The text of a picture. */
export const pictureText = ({ source, scene, seed }) => [source, ...NAMES.map((name) => scene[name]), seed].join('_');

/** A picture's text that stands in the address, or what is wrong with it. */
export const parsePicture = (info) => (text) => (readPicture(info, text) ? text : new Error('a picture that is none'));

/** A text for a picture of this digit that nobody has seen before, and the sentence that goes with it. */
export async function anyPicture(unnoise, digit = Math.floor(Math.random() * 10), seed = newSeed()) {
  const { scene, caption } = await unnoise.scene({ digit, seed });
  return { text: pictureText({ source: `${digit}-${seed}`, scene, seed }), caption };
}

/** A text for the same digit at the same place, in other colours and with other strokes. */
export function otherPaint({ info }, text) {
  const { source, scene, seed } = readPicture(info, text);
  const other = (name, ...not) => {
    const rest = info.scene[name].filter((value) => value !== scene[name] && !not.includes(value));
    return rest[Math.floor(Math.random() * rest.length)];
  };
  const ink = other('ink');
  return pictureText({ source, scene: { ...scene, ink, paper: other('paper', ink), thickness: other('thickness') }, seed });
}

/** The picture of a text, out of sight: the generator's digit or the drawing, painted. */
export async function paintPicture(unnoise, text, { signal } = {}) {
  const { source, scene, seed } = readPicture(unnoise.info, text);
  const x = readMade(source) ? await generated(unnoise, source, signal) : unpack(source);
  return (await unnoise.paint({ x, scene, seed, signal })).picture;
}

/** Digits of the generator, by their source: the last few. */
const digits = new Map();
const KEPT = 32;

async function generated(unnoise, source, signal) {
  if (!digits.has(source)) {
    const [digit, seed] = readMade(source);
    const classes = new Classes(unnoise, unnoise.info.defaults.model);
    let x;
    for await (const { denoised } of unnoise.generate({ digit: classes.within(digit), seed }, { signal })) x = denoised;
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
  /** What comes of it, where there is no room to see it further down: on a telephone. */
  #painted = make('canvas', { width: 64, height: 64 });
  #note = make('p', { class: 'hint', role: 'status' });
  #unnoise;
  #onChange;
  #onError;
  #picture = null;

  /**
   * `root`: an empty element. `id`: what the ids in it begin with.
   * `onChange` is called whenever there is another picture, or, where nothing is drawn, none; `onError` with what failed.
   */
  constructor(unnoise, root, { id, onChange, onError }) {
    unnoise.addEventListener('weights', () => digits.clear());
    this.#unnoise = unnoise;
    this.#onChange = onChange;
    this.#onError = onError;
    const canvas = make('canvas', { id: `${id}-sketch`, 'aria-label': 'The digit, to draw on' });
    const tools = make('div', { class: 'tools bench', id: `${id}-tools` });
    const keys = make('span', { class: 'by-keys' }, ' By keys: arrows, space, Backspace.');
    const any = make('button', { type: 'button', id: `${id}-any` }, 'Surprise me');
    any.addEventListener('click', () => this.surprise());
    root.classList.add('scene-picker');
    root.append(
      make('div', { class: 'seen' },
        make('figure', {},
          make('div', { class: 'screen' }, canvas),
          make('figcaption', {}, make('p', { class: 'name' }, 'The digit'), make('p', {}, 'Draw on it.', keys))),
        make('figure', { class: 'painted', 'aria-hidden': 'true' }, make('div', { class: 'screen' }, this.#painted))),
      make('div', { class: 'controls' },
        tools,
        make('div', { class: 'colours' }, this.#choice(id, 'ink'), this.#choice(id, 'paper')),
        make('div', { class: 'strokes' }, ...['thickness', 'slant', 'size'].map((name) => this.#choice(id, name)), any),
        this.#note));
    this.#specimen = new Specimen(unnoise, canvas, tools, { onChange: () => this.#repaint(), onError });
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

  /** Brings back the picture of a text. */
  restore(text) {
    const { source, scene, seed } = readPicture(this.#unnoise.info, text);
    this.#scene = scene;
    this.#seed = seed;
    this.#show();
    this.#specimen.restore(source);
  }

  /** Any other digit in any other scene. */
  async surprise() {
    try {
      this.restore((await anyPicture(this.#unnoise)).text);
    } catch (error) {
      this.#onError(error);
    }
  }

  /** An attribute's radio buttons: swatches for colours, words for the others. */
  #choice(id, name) {
    const { info } = this.#unnoise;
    const values = info.scene[name];
    const colour = values.every((value) => value in info.colours);
    const options = values.map((value) => {
      const radio = make('input', { type: 'radio', name: `${id}-${name}`, value });
      radio.addEventListener('change', () => this.#choose(name, value));
      this.#radios.push([name, radio]);
      if (!colour) return make('label', {}, radio, make('span', {}, value));
      const label = make('label', { title: value }, radio, make('span', {}, make('b', { class: 'hidden' }, value)));
      label.style.setProperty('--colour', cssColour(info, value));
      return label;
    });
    this.#names[name] = make('output', { 'aria-live': 'off' });
    const legend = make('legend', {}, TITLES[name], ...(colour ? [' ', this.#names[name]] : []));
    return make('fieldset', { class: `choice-field row${colour ? ' swatches' : ''}` }, legend, make('div', { class: 'choice' }, ...options));
  }

  #choose(name, value) {
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
    if (this.#picture) draw(this.#painted, toColourImage(this.#picture));
    else wipe(this.#painted);
    this.#onChange();
  });
}
