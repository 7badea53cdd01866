// Numbers of which one is 1: the digit as the network gets it, and buttons that move the 1.

import { make } from '../../page/make.js';

export class OneHot {
  #buttons;
  #hot;

  /** Fills `root` with a number for each of the classes. `onPick` is called with the one that is picked; null is any. */
  constructor(root, classes, onPick) {
    const places = make('div', { class: 'places' });
    root.append(places);
    classes.whenKnown(() => {
      this.#buttons = classes.all.map((digit) => {
        const button = make('button', { type: 'button', 'data-digit': digit ?? 'any' }, make('b', {}, classes.label(digit)), make('span', { 'aria-hidden': 'true' }));
        button.addEventListener('click', () => onPick(digit));
        return button;
      });
      places.replaceChildren(...this.#buttons);
      places.classList.toggle('named', !classes.areDigits);
      if (this.#hot !== undefined) this.show(this.#hot);
    });
  }

  show(digit) {
    this.#hot = digit;
    for (const button of this.#buttons) {
      const hot = button.dataset.digit === String(digit ?? 'any');
      button.setAttribute('aria-pressed', String(hot));
      button.lastChild.textContent = hot ? '1' : '0';
    }
  }
}
