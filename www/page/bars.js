// What f takes a picture for: what was asked for and its probability, and bars for each of its classes and for none.

import { percent } from './format.js';
import { make } from './make.js';

export class Bars {
  #asked;
  #classes;
  #p;
  #rows;

  /** `root`: an empty element. `classes`: what f knows. `id`: what the ids of the parts begin with. `label`: the name of the bars for a screen reader. */
  constructor(root, classes, { id, label }) {
    this.#classes = classes;
    this.#asked = make('span', { id: `${id}-asked` });
    this.#p = make('b', { id: `${id}-p` }, '–');
    const bars = make('ol', { class: 'bars', id: `${id}-bars`, 'aria-label': label });
    classes.whenKnown(() => {
      this.#rows = classes.all.map((number) => {
        const name = number === null ? make('b', { title: classes.areDigits ? 'No digit' : 'None of them' }, 'none') : make('b', {}, classes.label(number));
        return make('li', {}, name, make('span', { class: 'track' }, make('i')), make('span', { class: 'value' }));
      });
      bars.replaceChildren(...this.#rows);
      bars.classList.toggle('named', !classes.areDigits);
    });
    root.append(make('p', { class: 'says' }, this.#asked, ' ', this.#p), bars);
  }

  /** Shows probabilities, or, with null, none; marks the digit that is asked for, null being any. */
  show(probabilities, digit) {
    for (const [i, row] of this.#rows.entries()) {
      const p = probabilities?.[i];
      row.querySelector('i').style.width = `${100 * (p ?? 0)}%`;
      row.querySelector('.value').textContent = p === undefined ? '–' : percent(p);
      row.classList.toggle('asked', digit === null ? i < this.#rows.length - 1 : i === digit);
    }
    this.#asked.textContent = this.#classes.question(digit);
    if (probabilities) this.#p.textContent = percent(probabilityOf(probabilities, digit));
  }
}

/** The probability of what is asked for: a class, or, with null, any. "None of them" is the last one. */
export function probabilityOf(probabilities, digit) {
  return digit === null ? 1 - probabilities.at(-1) : probabilities[digit];
}
