// What f takes a picture for: the digit that was asked for and its probability, and bars for the ten digits and for none.

import { question } from './digits.js';
import { percent } from './format.js';
import { make } from './make.js';

const LABELS = [...'0123456789', 'none'];

export class Bars {
  #asked;
  #p;
  #rows;

  /** `root`: an empty element. `id`: what the ids of the parts begin with. `label`: the name of the bars for a screen reader. */
  constructor(root, { id, label }) {
    this.#asked = make('span', { id: `${id}-asked` });
    this.#p = make('b', { id: `${id}-p` }, '–');
    this.#rows = LABELS.map((label) => {
      const name = make('b', label === 'none' ? { title: 'No digit' } : {}, label);
      return make('li', {}, name, make('span', { class: 'track' }, make('i')), make('span', { class: 'value' }));
    });
    const bars = make('ol', { class: 'bars', id: `${id}-bars`, 'aria-label': label }, ...this.#rows);
    root.append(make('p', { class: 'says' }, this.#asked, ' ', this.#p), bars);
  }

  /** Shows probabilities, or, with null, none; marks the digit that is asked for, null being any. */
  show(probabilities, digit) {
    for (const [i, row] of this.#rows.entries()) {
      const p = probabilities?.[i];
      row.querySelector('i').style.width = `${100 * (p ?? 0)}%`;
      row.querySelector('.value').textContent = p === undefined ? '–' : percent(p);
      row.classList.toggle('asked', digit === null ? i < 10 : i === digit);
    }
    this.#asked.textContent = question(digit);
    if (probabilities) this.#p.textContent = percent(probabilityOf(probabilities, digit));
  }
}

/** The probability of what is asked for: a digit, or, with null, any. */
export function probabilityOf(probabilities, digit) {
  return digit === null ? 1 - probabilities[10] : probabilities[digit];
}
