// Picks single pixels of a picture: by pointer, or with the arrow keys.

const LEAP = 4;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
/** What the keys do to a pixel, beside the pointer's way of doing it. */
const SIGNS = { '+': 1, '=': 1, '-': -1, Enter: 0, ' ': 0 };

export class PixelPicker {
  #canvas;
  #cursor = document.createElement('i');
  #size;
  #at;
  #onPoint;
  #onPick;

  /**
   * `canvas` stands in an element of its own, with class "screen".
   * - `onPoint(index)`: another pixel is pointed at; null when none is any more.
   * - `onPick(index, sign)`: a pixel is picked, to be brighter (1), darker (-1), or whichever is chosen (0).
   * - `size`: its width and height.
   */
  constructor(canvas, { onPoint, onPick, size = 28 }) {
    this.#size = size;
    this.#at = [size / 2, size / 2];
    this.#canvas = canvas;
    this.#onPoint = onPoint;
    this.#onPick = onPick;
    canvas.tabIndex = 0;
    canvas.setAttribute('role', 'application');
    canvas.setAttribute('aria-roledescription', 'picture of pixels');
    canvas.classList.add('picker');
    this.#cursor.className = 'pixel-cursor';
    this.#cursor.style.setProperty('--pixels', size);
    canvas.after(this.#cursor);
    canvas.addEventListener('pointermove', (event) => this.#point(event));
    canvas.addEventListener('pointerleave', () => this.#canvas !== document.activeElement && this.#rest());
    canvas.addEventListener('click', (event) => {
      this.#point(event);
      this.#onPick(this.index, event.shiftKey ? -1 : 0);
    });
    canvas.addEventListener('focus', () => canvas.matches(':focus-visible') && this.#go(...this.#at));
    canvas.addEventListener('blur', () => this.#rest());
    canvas.addEventListener('keydown', (event) => this.#key(event));
  }

  /** The pixel pointed at, row by row from 0. */
  get index() {
    return this.#at[1] * this.#size + this.#at[0];
  }

  #rest() {
    this.#cursor.classList.remove('shown');
    this.#onPoint(null);
  }

  #point({ clientX, clientY }) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    this.#go(Math.floor(((clientX - left) / width) * this.#size), Math.floor(((clientY - top) / height) * this.#size));
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    const far = event.shiftKey ? LEAP : 1;
    if (arrow) this.#go(this.#at[0] + arrow[0] * far, this.#at[1] + arrow[1] * far);
    else if (event.key in SIGNS) this.#onPick(this.index, SIGNS[event.key]);
    else return;
    event.preventDefault();
  }

  #go(x, y) {
    const inside = (value) => Math.min(this.#size - 1, Math.max(0, value));
    const before = this.#cursor.classList.contains('shown') ? this.index : null;
    this.#at = [inside(x), inside(y)];
    if (this.index === before) return; // what was said of it stays
    this.#cursor.style.setProperty('--x', this.#at[0] / this.#size);
    this.#cursor.style.setProperty('--y', this.#at[1] / this.#size);
    this.#cursor.classList.add('shown');
    this.#onPoint(this.index);
  }
}
