// The table of chapter 6: how well every picture fits every caption, as a heat map that can be walked through.

import { make } from '../../page/make.js';
import { draw, toColourImage } from '../../page/pixels.js';

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
/** From here on the colour is so strong that the number on it must be light. */
const STRONG = 0.62;

/** A cosine, whose 0 before the point can be left out where there is no room for it. */
function cosineText(value) {
  const [, whole, rest] = Math.abs(value).toFixed(2).match(/^(\d)(.*)$/);
  return [value <= -0.005 ? '−' : '', make('span', { class: whole === '0' ? 'zero' : '' }, whole), rest];
}

export class Matrix {
  #count;
  #heads;
  #rows;
  #captions = [];
  /** Of each row: `{ picture, cosines, shares }`, once they are known. */
  #known = [];
  #shown = 'cosine';
  #at = [0, 0];
  #onPoint;

  /**
   * `root`: an empty table.
   * - `onPoint({ row, column, picture, caption, cosine, share })`: a cell is pointed at; null when there is none to speak of.
   * - `onTake(row)`: a picture is picked.
   */
  constructor(root, count, { onPoint, onTake }) {
    this.#count = count;
    this.#onPoint = onPoint;
    const numbers = [...Array(count).keys()];
    this.#heads = numbers.map((column) => make('th', { scope: 'col' }, make('b', {}, column + 1), make('span', {})));
    this.#rows = numbers.map((row) => {
      const canvas = make('canvas', { width: 64, height: 64, 'aria-hidden': 'true' });
      const take = make('button', { type: 'button', class: 'take', disabled: '', title: 'Ask about this picture below' }, canvas);
      take.addEventListener('click', () => onTake(row));
      const cells = numbers.map((column) => this.#cell(row, column));
      return { take, canvas, cells, element: make('tr', {}, make('th', { scope: 'row' }, make('b', {}, row + 1), take), ...cells.map(({ element }) => element)) };
    });
    root.append(
      make('thead', {}, make('tr', {}, make('td', {}), ...this.#heads)),
      make('tbody', {}, ...this.#rows.map(({ element }) => element)));
    root.addEventListener('keydown', (event) => this.#key(event));
    this.reset(numbers.map(() => ''));
  }

  #cell(row, column) {
    const heat = make('i');
    const text = make('span', {}, '');
    const button = make('button', { type: 'button', tabindex: '-1', 'data-row': row, 'data-column': column }, heat, text);
    for (const type of ['click', 'focus', 'pointerenter']) button.addEventListener(type, () => this.#point(row, column));
    return { heat, text, button, element: make('td', { class: row === column ? 'own' : '' }, button) };
  }

  /** Empties the table, for other captions. */
  reset(captions) {
    this.#captions = captions;
    this.#known = [];
    for (const [i, head] of this.#heads.entries()) head.lastChild.textContent = captions[i];
    for (const { take, cells } of this.#rows) {
      take.disabled = true;
      for (const cell of cells) {
        cell.text.textContent = '';
        cell.heat.style.opacity = 0;
        cell.button.classList.remove('strong', 'best');
        cell.button.setAttribute('aria-label', 'not known yet');
      }
    }
    this.#focusable();
    this.#onPoint(null);
  }

  /** Fills a row: the picture, its cosine with each caption, and each one's share. */
  fill(row, picture, cosines, shares) {
    this.#known[row] = { picture, cosines, shares };
    const { take, canvas } = this.#rows[row];
    draw(canvas, toColourImage(picture));
    take.disabled = false;
    take.setAttribute('aria-label', `Picture ${row + 1}, whose caption is “${this.#captions[row]}”: ask about it below`);
    this.#showRow(row);
    if (row === this.#at[0]) this.#point(...this.#at);
  }

  /** What the cells show: 'cosine', or 'share', that of the row after the softmax. */
  show(shown) {
    this.#shown = shown;
    for (const row of this.#known.keys()) if (this.#known[row]) this.#showRow(row);
  }

  /** How many pictures fit their own caption best. */
  get hits() {
    return this.#known.filter(({ cosines }, row) => cosines[row] === Math.max(...cosines)).length;
  }

  #showRow(row) {
    const { cosines, shares } = this.#known[row];
    const best = Math.max(...cosines);
    for (const [column, { heat, text, button }] of this.#rows[row].cells.entries()) {
      const share = this.#shown === 'share';
      const strength = share ? shares[column] : Math.max(0, cosines[column]);
      heat.style.opacity = strength;
      if (share) text.textContent = `${Math.round(100 * shares[column])} %`;
      else text.replaceChildren(...cosineText(cosines[column]));
      button.classList.toggle('strong', strength > STRONG);
      button.classList.toggle('best', cosines[column] === best);
      button.setAttribute('aria-label', `Picture ${row + 1} and “${this.#captions[column]}”${row === column ? ', its own caption' : ''}: ${text.textContent}`);
    }
  }

  #point(row, column) {
    this.#at = [row, column];
    this.#focusable();
    for (const each of this.#rows.flatMap(({ cells }) => cells)) each.button.classList.remove('at');
    this.#rows[row].cells[column].button.classList.add('at');
    for (const [i, head] of this.#heads.entries()) head.classList.toggle('at', i === column);
    const known = this.#known[row];
    this.#onPoint(known ? { row, column, picture: known.picture, caption: this.#captions[column], cosine: known.cosines[column], share: known.shares[column] } : null);
  }

  /** One cell can be reached with the tab key; the arrow keys lead to the others. */
  #focusable() {
    for (const { button } of this.#rows.flatMap(({ cells }) => cells)) {
      button.tabIndex = Number(button.dataset.row) === this.#at[0] && Number(button.dataset.column) === this.#at[1] ? 0 : -1;
    }
  }

  #key(event) {
    const step = STEPS[event.key];
    if (!step || !event.target.dataset.column || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const inside = (value) => Math.min(this.#count - 1, Math.max(0, value));
    const [row, column] = [inside(this.#at[0] + step[0]), inside(this.#at[1] + step[1])];
    this.#rows[row].cells[column].button.focus();
  }
}
