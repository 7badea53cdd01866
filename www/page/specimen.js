// The clean picture that a chapter starts from: drawn by the visitor, or made by the generator, and never one of MNIST's.

import { Classes } from './classes.js';
import { make } from './make.js';
import { pack, snap, unpack } from './packed.js';
import { newSeed } from './seed.js';
import { Sketch } from './sketch.js';

/** The digit and the seed of a `source`, or undefined where it is none of the generator's. */
export const readMade = (source) => source.match(/^(\d{1,2})-(\d{1,15})$/)?.slice(1).map(Number);

/** A `source` that stands in the address, or what is wrong with it. */
export const parseSource = (text) => (readMade(text) || unpack(text) ? text : new Error('a drawing that is none'));

export class Specimen {
  #sketch;
  #buttons = [];
  #classes;
  #unnoise;
  #onChange;
  #onError;
  /** `{ digit, seed }` of the generator, or null for a drawing. */
  #made = null;
  #making = new AbortController();
  #busy = false;

  /**
   * `tools`: an element that gets the drawing tools and the generator's buttons.
   * `onChange` is called whenever there is another picture, `onError` with what the generator failed of.
   */
  constructor(unnoise, canvas, tools, { onChange, onError }) {
    this.#unnoise = unnoise;
    this.#onChange = onChange;
    this.#onError = onError;
    const pens = group('Drawing tools', 'Draw a digit');
    const digits = group('Digits from the generator', 'or take one from the generator');
    digits.dataset.digits = '';
    tools.append(pens, digits);
    this.#sketch = new Sketch(canvas, { tools: pens, onChange: () => this.#drawn() });
    const classes = (this.#classes = new Classes(unnoise, unnoise.info.defaults.model));
    classes.whenKnown(() => {
      for (const button of this.#buttons) button.remove();
      this.#buttons = classes.names.map((label, digit) => {
        const button = make('button', { type: 'button', 'aria-label': `Take ${classes.name(digit)} from the generator` }, label);
        // Another one each time.
        button.addEventListener('click', () => this.make(digit, newSeed()));
        return button;
      });
      digits.append(...this.#buttons);
      digits.classList.toggle('named', !classes.areDigits);
      this.#mark();
    });
  }

  /** The picture, a copy. A drawing has the 64 levels that the address keeps, so that a link brings back the same one. */
  get picture() {
    const { picture } = this.#sketch;
    return this.#made ? picture : snap(picture);
  }

  /** Whether the generator is still at it. */
  get busy() {
    return this.#busy;
  }

  /** The picture as text for the address: "3-7" for the 3 of seed 7, or the drawing itself. */
  get source() {
    return this.#made ? `${this.#made.digit}-${this.#made.seed}` : pack(this.picture);
  }

  /** Brings back the picture of a `source`. */
  restore(source) {
    const made = readMade(source);
    if (made) return this.make(...made);
    this.#sketch.set(unpack(source));
    this.#drawn();
  }

  /** Lets the generator make a digit, which is seen to form. */
  async make(digit, seed) {
    this.#making.abort();
    const { signal } = (this.#making = new AbortController());
    this.#made = { digit, seed };
    this.#busy = true;
    this.#mark();
    try {
      for await (const { denoised } of this.#unnoise.generate({ digit: this.#classes.within(digit), seed }, { signal })) {
        if (denoised && !signal.aborted) this.#sketch.set(denoised);
      }
      if (signal.aborted) return;
      this.#busy = false;
      this.#onChange();
    } catch (error) {
      if (signal.aborted) return;
      this.#busy = false;
      this.#onError(error);
    }
  }

  #drawn() {
    this.#making.abort();
    this.#made = null;
    this.#busy = false;
    this.#mark();
    this.#onChange();
  }

  #mark() {
    const made = this.#made && this.#classes.within(this.#made.digit);
    for (const [digit, button] of this.#buttons.entries()) button.setAttribute('aria-pressed', String(made === digit));
  }
}

function group(label, words) {
  return make('div', { class: 'group', role: 'group', 'aria-label': label }, make('span', { class: 'label' }, words));
}
