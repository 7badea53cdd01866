// The film strip: every step as two small pictures, one above the other, and a curve below them.

import { sigma } from './format.js';
import { denoisedImage, noisyImage } from './pixels.js';

const GAP = 2;

const SVG = 'http://www.w3.org/2000/svg';

/**
 * The curve of amounts of noise, on a logarithmic scale; what is below it, 0 at the end, lies on its floor. `of` takes the
 * amount from a frame, `ghost` that of a paler curve. `rules`: the lines behind a curve, from the top: height in per cent, label, and where else than at its
 * line the label stands.
 */
export function sigmaCurve({ sigmas: [least, most] }, { of = ({ sigma }) => sigma, ghost = null, name = 'σ ' } = {}) {
  const floor = least / 2;
  const height = (sigma) => 6 + 88 * (Math.log(most / Math.min(Math.max(sigma, floor), most)) / Math.log(most / floor));
  return { height: (frame) => height(of(frame)), ghost: ghost && ((frame) => height(ghost(frame))), rules: [[height(10), `${name}10`], [height(1), '1'], [height(0.1), '0.1']] };
}

/** The noisy picture above, the estimate below; nothing there before the network has been asked. */
const PICTURES = (frame) => [noisyImage(frame), frame.denoised && denoisedImage(frame)];

export class Film {
  #root;
  #reel;
  #cells = [];
  #curve;
  #line;
  #dot;
  #points = [];
  /** The paler curve, if there is one. */
  #ghost = null;
  #ghostPoints = [];
  #pictures;
  #curveOf;
  #side;
  /** Who waits for all of a run's steps. */
  #waiting = [];

  /**
   * `onSeek` is called with the number of the step that the visitor picks.
   * - `curve`: `{ height(frame), rules }`, heights in per cent from the top; with `ghost(frame)`, a paler curve to compare with.
   * - `pictures`: the two images of a frame; the lower one may be null.
   * - `side`: width and height of the images, where they are not those of the frame.
   */
  constructor(root, onSeek, { curve, pictures = PICTURES, side = null }) {
    this.#root = root;
    this.#pictures = pictures;
    this.#curveOf = curve;
    this.#side = side;
    this.#reel = root.querySelector('.reel');
    this.#reel.addEventListener('click', ({ target }) => {
      const cell = target.closest('[data-step]');
      if (cell) onSeek(Number(cell.dataset.step));
    });
  }

  /** Cells for a new run. What they show of the run before stays until it is drawn over, or cleared. */
  reset(steps, width, height) {
    this.#settle(false);
    if (this.#cells.length !== steps + 1) this.#build(steps);
    for (const { classList, firstChild: canvas } of this.#cells) {
      classList.remove('drawn');
      const [wide, high] = [this.#side ?? width, 2 * (this.#side ?? height) + GAP];
      if (canvas.width === wide && canvas.height === high) continue;
      canvas.width = wide;
      canvas.height = high;
    }
  }

  /** Empties the cells from a step on that the run at hand has not come to; there are none before the first run. */
  clear(from) {
    if (!this.#line) return;
    for (const [step, cell] of this.#cells.entries()) {
      if (step < from || cell.classList.contains('drawn')) continue;
      cell.setAttribute('aria-label', `Step ${step}, not computed yet`);
      const canvas = cell.firstChild;
      canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
      delete this.#points[step];
      delete this.#ghostPoints[step];
    }
    this.#trace();
  }

  #trace() {
    this.#line.setAttribute('points', this.#points.filter(Boolean).join(' '));
    this.#ghost?.setAttribute('points', this.#ghostPoints.filter(Boolean).join(' '));
  }

  #build(steps) {
    this.#points = [];
    this.#ghostPoints = [];
    this.#cells = Array.from({ length: steps + 1 }, (_, step) => {
      const cell = document.createElement('button');
      cell.type = 'button';
      cell.className = 'cell';
      cell.dataset.step = step;
      cell.tabIndex = -1;
      cell.setAttribute('aria-label', `Step ${step}, not computed yet`);
      cell.append(document.createElement('canvas'));
      return cell;
    });
    const strip = document.createElement('div');
    strip.className = 'strip';
    strip.append(...this.#cells);

    this.#curve = document.createElement('div');
    this.#curve.className = 'curve';
    this.#curve.setAttribute('aria-hidden', 'true');
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('viewBox', '0 0 1000 100');
    svg.setAttribute('preserveAspectRatio', 'none');
    for (const [y] of this.#curveOf.rules) {
      const rule = document.createElementNS(SVG, 'line');
      for (const [name, value] of Object.entries({ x1: 0, x2: 1000, y1: y, y2: y })) rule.setAttribute(name, value);
      svg.append(rule);
    }
    if (this.#curveOf.ghost) {
      this.#ghost = document.createElementNS(SVG, 'polyline');
      this.#ghost.setAttribute('class', 'ghost');
      svg.append(this.#ghost);
    }
    this.#line = document.createElementNS(SVG, 'polyline');
    svg.append(this.#line);
    this.#dot = document.createElement('i');
    this.#dot.className = 'dot';
    const labels = document.createElement('div');
    labels.className = 'labels';
    labels.setAttribute('aria-hidden', 'true');
    for (const [y, text, labelled = y] of this.#curveOf.rules) {
      const label = document.createElement('span');
      label.textContent = text;
      label.style.top = `${labelled}%`;
      labels.append(label);
    }
    this.#curve.append(labels, svg, this.#dot);
    this.#reel.style.setProperty('--cells', steps + 1);
    this.#reel.replaceChildren(strip, this.#curve);
  }

  /** Draws a frame into its cell. */
  draw(frame) {
    const cell = this.#cells[frame.step];
    if (!cell || cell.classList.contains('drawn')) return;
    const context = cell.firstChild.getContext('2d');
    const [above, below] = this.#pictures(frame);
    context.putImageData(above, 0, 0);
    if (below) context.putImageData(below, 0, (this.#side ?? frame.height) + GAP);
    cell.classList.add('drawn');
    cell.setAttribute('aria-label', `Step ${frame.step}, σ ${sigma(frame.sigma)}`);
    const place = (height) => `${this.#across(frame.step) * 10},${height}`;
    this.#points[frame.step] = place(this.#curveOf.height(frame));
    if (this.#ghost) this.#ghostPoints[frame.step] = place(this.#curveOf.ghost(frame));
    this.#trace();
    if (this.#whole) this.#settle(true);
  }

  /** Resolves to true once every step of the run at hand is drawn, or to false when another run takes its place. */
  whole() {
    return this.#whole ? Promise.resolve(true) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  get #whole() {
    return this.#cells.every(({ classList }) => classList.contains('drawn'));
  }

  #settle(whole) {
    for (const resolve of this.#waiting.splice(0)) resolve(whole);
  }

  /** The two pictures of each step as they are drawn; black where there is none. */
  pictures() {
    return this.#cells.map(({ firstChild: canvas }) => {
      const context = canvas.getContext('2d');
      const side = (canvas.height - GAP) / 2;
      return [0, side + GAP].map((top) => {
        const image = context.getImageData(0, top, canvas.width, side);
        for (let i = 3; i < image.data.length; i += 4) image.data[i] = 255;
        return image;
      });
    });
  }

  /** Marks the current step, and keeps it in view. */
  mark(frame) {
    for (const [step, cell] of this.#cells.entries()) {
      const current = step === frame.step;
      cell.tabIndex = current ? 0 : -1;
      if (current) cell.setAttribute('aria-current', 'step');
      else cell.removeAttribute('aria-current');
    }
    this.#dot.style.left = `${this.#across(frame.step)}%`;
    this.#dot.style.top = `${this.#curveOf.height(frame)}%`;
    const cell = this.#cells[frame.step];
    const { scrollLeft, clientWidth } = this.#root;
    const margin = 2 * cell.offsetWidth;
    if (cell.offsetLeft - margin < scrollLeft) this.#root.scrollLeft = cell.offsetLeft - margin;
    else if (cell.offsetLeft + cell.offsetWidth + margin > scrollLeft + clientWidth) {
      this.#root.scrollLeft = cell.offsetLeft + cell.offsetWidth + margin - clientWidth;
    }
  }

  /** The middle of a cell, in per cent. */
  #across(step) {
    return ((step + 0.5) / this.#cells.length) * 100;
  }
}
