// A small picture to draw in: mouse, finger, pen or keyboard, with strokes as thick and as soft as MNIST's.

import { make } from './make.js';

const SIZE = 28;
/** Around the middle of a stroke ink is full up to here, and fades out over one pixel more. */
const PEN = 0.85;
/** The eraser is wider, so that a stroke goes in one sweep. */
const ERASER = 1.6;
/** Shift and an arrow key. */
const LEAP = 4;

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const HELP = 'Arrow keys move the cursor, with Shift in leaps. Space draws, and held down it draws a line. Backspace erases, Delete clears all.';

const TOOLS = [['pen', 'Pen'], ['eraser', 'Eraser'], ['clear', 'Clear']];

let sketches = 0;

export class Sketch {
  #canvas;
  #onChange;
  #tools;
  #cursor = document.createElement('i');
  #voice = document.createElement('span');
  /** 0 black paper, 1 white ink. */
  #ink = new Float32Array(SIZE * SIZE);
  #image = new ImageData(SIZE, SIZE);
  #at = [SIZE / 2, SIZE / 2];
  #last = null;
  #erasing = false;
  #penDown = false;

  /**
   * `canvas` stands in an element of its own, with class "screen".
   * - `onChange`: called with the picture whenever the visitor has changed it; not by `set` and `clear`.
   * - `tools`: an element that gets the buttons for the pen, the eraser, and to clear all.
   */
  constructor(canvas, { onChange = () => {}, tools = null } = {}) {
    this.#canvas = canvas;
    this.#onChange = onChange;
    this.#tools = tools;
    this.#prepare();
    for (const [tool, label] of TOOLS) {
      const button = make('button', { type: 'button', 'data-tool': tool }, label);
      button.addEventListener('click', () => (tool === 'clear' ? this.#clearAll() : (this.erasing = tool === 'eraser')));
      tools?.append(button);
    }
    canvas.addEventListener('pointerdown', (event) => this.#press(event));
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    for (const type of ['pointerup', 'pointercancel']) canvas.addEventListener(type, () => (this.#last = null));
    canvas.addEventListener('keydown', (event) => this.#key(event));
    canvas.addEventListener('keyup', ({ key }) => key === ' ' && (this.#penDown = false));
    canvas.addEventListener('blur', () => {
      this.#penDown = false;
      this.#canvas.classList.remove('keyed');
    });
    this.erasing = false;
    this.#draw();
  }

  /** The picture, a copy: -1 black paper, 1 white ink. */
  get picture() {
    return this.#ink.map((ink) => 2 * ink - 1);
  }

  /** Whether there is nothing but paper. */
  get empty() {
    return this.#ink.every((ink) => ink === 0);
  }

  /** Whether the pen takes ink away. */
  get erasing() {
    return this.#erasing;
  }

  set erasing(erasing) {
    this.#erasing = erasing;
    this.#canvas.classList.toggle('erasing', erasing);
    for (const button of this.#tools?.querySelectorAll('[data-tool="pen"], [data-tool="eraser"]') ?? []) {
      button.setAttribute('aria-pressed', String((button.dataset.tool === 'eraser') === erasing));
    }
  }

  /** Shows another picture; what is darker than paper or brighter than ink is not kept so. */
  set(picture) {
    this.#ink = Float32Array.from(picture, (value) => Math.min(1, Math.max(0, (value + 1) / 2)));
    this.#draw();
  }

  clear() {
    this.#ink.fill(0);
    this.#draw();
  }

  #prepare() {
    const canvas = this.#canvas;
    canvas.width = canvas.height = SIZE;
    canvas.classList.add('sketch');
    canvas.tabIndex = 0;
    // An application, since arrow keys must reach it rather than the screen reader.
    canvas.setAttribute('role', 'application');
    canvas.setAttribute('aria-roledescription', 'drawing area');
    const help = document.createElement('span');
    help.id = `sketch-help-${++sketches}`;
    help.hidden = true;
    help.textContent = HELP;
    canvas.setAttribute('aria-describedby', help.id);
    this.#cursor.className = 'pixel-cursor';
    this.#voice.className = 'hidden';
    this.#voice.setAttribute('role', 'status');
    canvas.after(this.#cursor, this.#voice, help);
    this.#place();
  }

  // --- pointers ---

  #press(event) {
    if (event.button !== 0 && !(event.buttons & 32)) return; // 32: the other end of a pen
    this.#canvas.setPointerCapture(event.pointerId);
    this.#canvas.classList.remove('keyed');
    this.#last = this.#where(event);
    this.#stroke(this.#last, this.#last, this.#erasing || event.buttons & 32);
    this.#changed();
  }

  #move(event) {
    if (!this.#last) return;
    // A quick hand moves several times between two frames.
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const move of moves.length ? moves : [event]) {
      const to = this.#where(move);
      this.#stroke(this.#last, to, this.#erasing || event.buttons & 32);
      this.#last = to;
    }
    this.#changed();
  }

  /** Place of a pointer, in pixels of the picture. */
  #where({ clientX, clientY }) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return [((clientX - left) / width) * SIZE, ((clientY - top) / height) * SIZE];
  }

  // --- keys ---

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (arrow) this.#walk(arrow, event.shiftKey ? LEAP : 1);
    else if (event.key === ' ') {
      this.#penDown = true;
      if (!event.repeat) this.#dot(this.#erasing);
    } else if (event.key === 'Backspace') this.#dot(true);
    else if (event.key === 'Delete') this.#clearAll();
    else return;
    event.preventDefault();
    this.#canvas.classList.add('keyed');
  }

  #walk([x, y], far) {
    const from = this.#at;
    const inside = (value) => Math.min(SIZE - 0.5, Math.max(0.5, value));
    this.#at = [inside(Math.floor(from[0]) + 0.5 + x * far), inside(Math.floor(from[1]) + 0.5 + y * far)];
    this.#place();
    if (this.#penDown) {
      this.#stroke(from, this.#at, this.#erasing);
      this.#changed();
    }
    this.#speak();
  }

  #dot(erase) {
    this.#stroke(this.#at, this.#at, erase);
    this.#changed();
    this.#speak();
  }

  #clearAll() {
    this.clear();
    this.#voice.textContent = 'Cleared';
    this.#changed();
  }

  #place() {
    this.#cursor.style.setProperty('--x', Math.floor(this.#at[0]) / SIZE);
    this.#cursor.style.setProperty('--y', Math.floor(this.#at[1]) / SIZE);
  }

  #speak() {
    const [x, y] = this.#at.map(Math.floor);
    const ink = this.#ink[y * SIZE + x];
    const what = ink === 0 ? 'paper' : ink === 1 ? 'ink' : `${Math.round(100 * ink)} per cent ink`;
    this.#voice.textContent = `Column ${x + 1}, row ${y + 1}: ${what}`;
  }

  // --- ink ---

  /** A line with round ends from one place to another. */
  #stroke(from, to, erase) {
    const radius = erase ? ERASER : PEN;
    const reach = radius + 1;
    const range = (axis) => [
      Math.max(0, Math.floor(Math.min(from[axis], to[axis]) - reach)),
      Math.min(SIZE - 1, Math.ceil(Math.max(from[axis], to[axis]) + reach)),
    ];
    const [[left, right], [top, bottom]] = [range(0), range(1)];
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const cover = Math.min(1, Math.max(0, reach - distance([x + 0.5, y + 0.5], from, to)));
        const i = y * SIZE + x;
        this.#ink[i] = erase ? Math.min(this.#ink[i], 1 - cover) : Math.max(this.#ink[i], cover);
      }
    }
  }

  #changed() {
    this.#draw();
    this.#onChange(this.picture);
  }

  #draw() {
    for (const [i, ink] of this.#ink.entries()) {
      const grey = 255 * ink;
      this.#image.data.set([grey, grey, grey, 255], 4 * i);
    }
    this.#canvas.getContext('2d').putImageData(this.#image, 0, 0);
    this.#canvas.classList.toggle('empty', this.empty);
  }
}

/** From a point to the line between two others. */
function distance([x, y], [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const along = dx || dy ? Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy))) : 0;
  return Math.hypot(x - ax - along * dx, y - ay - along * dy);
}
