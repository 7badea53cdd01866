// A range on a logarithmic scale: a slider with two handles, each with the keys that any slider has.

import { make } from '../../page/make.js';

/** Places of a handle along the scale. */
const PLACES = 200;

export class SigmaRange {
  #from;
  #to;
  #rule;
  #handles;
  #said;
  #onRange;

  /**
   * Fills `root` with a slider from one amount of noise to another, with these `ticks`. `onRange` is called with the low and
   * the high end, when the visitor has moved one.
   */
  constructor(root, { id, from, to, ticks, onRange }) {
    this.#from = from;
    this.#to = to;
    this.#onRange = onRange;
    this.#handles = ['low', 'high'].map((end) => make('input', { type: 'range', class: 'slider', id: `${id}-${end}`, min: 0, max: PLACES, step: 1, 'aria-label': end === 'low' ? 'Guide above σ' : 'Guide up to σ' }));
    for (const [i, handle] of this.#handles.entries()) handle.addEventListener('input', () => this.#move(i, handle.valueAsNumber));
    const marks = ticks.map((value) => {
      const mark = make('span', {}, value);
      mark.style.setProperty('--at', this.#along(value));
      return mark;
    });
    this.#rule = make('div', { class: 'rule' }, make('i', { class: 'between' }), ...this.#handles, make('div', { class: 'ticks', 'aria-hidden': 'true' }, ...marks));
    this.#said = make('output', { 'aria-live': 'off', for: `${id}-low ${id}-high` });
    root.append(make('p', { class: 'says' }, 'The middle: ', this.#said), this.#rule);
    // The track between the handles: the nearer one comes.
    this.#rule.addEventListener('pointerdown', (event) => event.target === this.#rule && this.#jump(event));
  }

  /** The ends as `[low, high]`. */
  show([low, high]) {
    for (const [i, value] of [low, high].entries()) {
      this.#handles[i].value = PLACES * this.#along(value);
      this.#handles[i].setAttribute('aria-valuetext', `sigma ${value}`);
    }
    this.#rule.style.setProperty('--low', this.#along(low));
    this.#rule.style.setProperty('--high', this.#along(high));
    this.#said.textContent = `${low} < σ ≤ ${high}`;
  }

  /** Where an amount stands, from 0 to 1, and back. */
  #along(value) {
    return Math.log(value / this.#from) / Math.log(this.#to / this.#from);
  }

  #amount(place) {
    return Number((this.#from * (this.#to / this.#from) ** (place / PLACES)).toPrecision(3));
  }

  /** One end to a place; the two never meet. */
  #move(i, place) {
    const places = this.#handles.map((handle) => handle.valueAsNumber);
    places[i] = i === 0 ? Math.min(place, places[1] - 1) : Math.max(place, places[0] + 1);
    this.#onRange(places.map((place) => this.#amount(place)));
  }

  #jump({ clientX }) {
    const { left, width } = this.#handles[0].getBoundingClientRect();
    const thumb = 20;
    const place = Math.round(PLACES * Math.min(1, Math.max(0, (clientX - left - thumb / 2) / (width - thumb))));
    const [low, high] = this.#handles.map((handle) => handle.valueAsNumber);
    const i = Math.abs(place - low) <= Math.abs(place - high) ? 0 : 1;
    this.#handles[i].focus({ focusVisible: false });
    this.#move(i, place);
  }
}
