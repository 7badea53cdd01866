// Probabilities as bars: the ten digits, and no digit.

import { percent } from './format.js';

const LABELS = [...'0123456789', 'none'];

export class Bars {
  #rows;

  /** `root`: an empty <ol>. */
  constructor(root) {
    root.classList.add('bars');
    this.#rows = LABELS.map((label) => {
      const row = document.createElement('li');
      const name = document.createElement('b');
      name.textContent = label;
      if (label === 'none') name.title = 'No digit';
      const track = document.createElement('span');
      track.className = 'track';
      track.append(document.createElement('i'));
      const value = document.createElement('span');
      value.className = 'value';
      row.append(name, track, value);
      return row;
    });
    root.append(...this.#rows);
  }

  /** Shows probabilities, or, with null, none; marks the digit that is asked for, null being any. */
  show(probabilities, digit) {
    for (const [i, row] of this.#rows.entries()) {
      const p = probabilities?.[i];
      row.querySelector('i').style.width = `${100 * (p ?? 0)}%`;
      row.querySelector('.value').textContent = p === undefined ? '–' : percent(p);
      row.classList.toggle('asked', digit === null ? i < 10 : i === digit);
    }
  }
}

/** The probability of what is asked for: a digit, or, with null, any. */
export function probabilityOf(probabilities, digit) {
  return digit === null ? 1 - probabilities[10] : probabilities[digit];
}
