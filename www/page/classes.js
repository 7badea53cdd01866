// What a model can be asked for, in words, and buttons to choose one. The site's own models know the ten digits; weights of
// others may know other classes, by the names that their manifest says.

import { parseWhole } from './format.js';
import { make } from './make.js';

export const capital = (text) => text[0].toUpperCase() + text.slice(1);

export class Classes {
  #unnoise;
  #model;

  /** `model`: the name of a generator. */
  constructor(unnoise, model) {
    this.#unnoise = unnoise;
    this.#model = model;
  }

  /** By number. */
  get names() {
    return this.#unnoise.info.generators.find(({ name }) => name === this.#model).classes;
  }

  /** The number of each, and null, which is any. */
  get all() {
    return [...this.names.keys(), null];
  }

  /** Whether they are the ten digits. */
  get areDigits() {
    return this.names.join() === '0,1,2,3,4,5,6,7,8,9';
  }

  /** One of them where a sentence speaks of it. */
  name(number) {
    if (!this.areDigits) return number === null ? 'a picture' : `“${this.label(number)}”`;
    return number === null ? 'a digit' : number === 8 ? 'an 8' : `a ${number}`;
  }

  /** One of them by itself. */
  label(number) {
    return number === null ? 'any' : (this.names[number] ?? String(number));
  }

  question(number) {
    return number !== null ? `${capital(this.name(number))}?` : this.areDigits ? 'Any digit?' : 'Anything that it knows?';
  }

  /** A number, or the last one where there are not so many. */
  within(number) {
    return number === null ? null : Math.min(number, this.names.length - 1);
  }

  /** What an address says, or undefined. */
  parse = (text) => (text === 'any' ? null : parseWhole(text, 0, this.names.length - 1));

  /** The keys that choose one: of the first ten, and any. */
  keys = (onPick) => Object.fromEntries([...Array(10).keys(), null].map((number) => [number ?? 'a', () => number < this.names.length && onPick(number)]));

  /** Calls `build` now, and again when weights come that know others. */
  whenKnown(build) {
    let known = this.names.join();
    build();
    this.#unnoise.addEventListener('weights', () => {
      if (this.names.join() === known) return;
      known = this.names.join();
      build();
    });
  }

  /** Fills a `select` with options that choose one; `any`: what any digit is called there, where it can be chosen. */
  options(select, any = null) {
    this.whenKnown(() => {
      const options = this.names.map((name, number) => new Option(name, number));
      if (any !== null) options.push(new Option(this.areDigits ? any : 'any', 'any'));
      select.replaceChildren(...options);
    });
  }

  /** Buttons that choose one. `root` may hold those of the digits already. */
  buttons(root, onPick) {
    let buttons;
    let shown;
    const show = (number) => {
      shown = number;
      for (const button of buttons) button.setAttribute('aria-pressed', String(button.dataset.digit === String(number ?? 'any')));
    };
    this.whenKnown(() => {
      const there = [...root.querySelectorAll('[data-digit]')];
      const kept = !buttons && this.areDigits ? there : [];
      for (const button of there) if (!kept.includes(button)) button.remove();
      buttons = this.all.map((number) => {
        const label = this.label(number);
        const button = kept.find(({ dataset }) => dataset.digit === String(number ?? 'any')) ?? make('button', { type: 'button', 'data-digit': number ?? 'any', class: label.length > 2 ? 'word' : '' }, label);
        button.addEventListener('click', () => onPick(number));
        return button;
      });
      root.append(...buttons);
      root.classList.toggle('named', !this.areDigits);
      if (shown !== undefined) show(shown);
    });
    return { show };
  }
}
