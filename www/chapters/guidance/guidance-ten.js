// Digits from one and the same noise: not guided, guided at every noise level, and only in the middle.

import { count } from '../../page/format.js';
import { latest } from '../../page/latest.js';
import { make } from '../../page/make.js';
import { draw, noisyImage } from '../../page/pixels.js';

/** So many at most, where the network knows more. */
const TEN = 10;

export class Ten {
  #unnoise;
  #classes;
  #rows;
  #onError;
  #root;
  #settings = null;
  #making = new AbortController();

  /** Fills `root` with rows of what the model is asked for, one for each of the names in `rows`. `onPick(row, digit)`: a digit was picked. */
  constructor(root, unnoise, classes, { rows, onPick, onError }) {
    const { width, height } = unnoise.info.digit;
    this.#root = root;
    this.#unnoise = unnoise;
    this.#classes = classes;
    this.#onError = onError;
    unnoise.addEventListener('weights', () => {
      for (const row of this.#rows) row.made = null;
    });
    this.#rows = rows.map((row) => {
      const title = make('b', {});
      const calls = make('span', {}, ' ');
      const pictures = make('div', { class: 'row', 'data-row': row });
      root.append(make('p', {}, title, calls), pictures);
      return { row, title, calls, pictures, made: null };
    });
    classes.whenKnown(() => {
      for (const made of this.#rows) {
        made.canvases = classes.names.slice(0, TEN).map(() => make('canvas', { width, height }));
        made.buttons = made.canvases.map((canvas, digit) => {
          const button = make('button', { type: 'button' }, canvas);
          button.addEventListener('click', () => onPick(made.row, digit));
          return button;
        });
        made.pictures.replaceChildren(...made.buttons);
      }
    });
  }

  /** Names the rows, in their order. */
  name(titles) {
    for (const [i, title] of titles.entries()) {
      this.#rows[i].title.textContent = title;
      for (const [digit, button] of this.#rows[i].buttons.entries()) button.setAttribute('aria-label', `${this.#classes.name(digit)}: ${title}`);
    }
  }

  /** Draws them by these settings, in the order of the rows; what is there already stays. */
  show(settings) {
    this.#settings = settings;
    this.#making.abort();
    delete this.#root.dataset.answered;
    this.#make().catch((error) => this.#onError(error, () => this.show(this.#settings)));
  }

  #make = latest(async () => {
    const { signal } = (this.#making = new AbortController());
    try {
      for (const [i, settings] of this.#settings.entries()) await this.#fill(this.#rows[i], settings, signal);
      this.#root.dataset.answered = '';
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  });

  async #fill(row, settings, signal) {
    const wanted = JSON.stringify(settings);
    if (row.made === wanted) return;
    row.made = null;
    row.calls.textContent = ' ';
    for (const [digit, canvas] of row.canvases.entries()) {
      let last;
      for await (const frame of this.#unnoise.generate({ ...settings, digit }, { signal })) last = frame;
      draw(canvas, noisyImage(last));
      row.calls.textContent = `${count(last.nfe, 'network call')} each`;
    }
    row.made = wanted;
  }
}
