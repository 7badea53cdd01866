// The film strip: every step as two small pictures, one above the other, and a curve below them.

import { denoisedImage, noisyImage } from './pixels.js';

/** The curve's range; what is below it, 0 at the end, lies on its floor. */
const SIGMA_MAX = 20;
const SIGMA_MIN = 0.01;
const GAP = 2;

const SVG = 'http://www.w3.org/2000/svg';

/** Distance from the top of the curve in per cent, on a logarithmic scale. */
function height(sigma) {
  const clamped = Math.min(Math.max(sigma, SIGMA_MIN), SIGMA_MAX);
  return 6 + 88 * (Math.log(SIGMA_MAX / clamped) / Math.log(SIGMA_MAX / SIGMA_MIN));
}

/** The noise that is left. `rules`: the lines behind a curve, from the top: height, label, and where else than at its line the label stands. */
const SIGMA_CURVE = { height: ({ sigma }) => height(sigma), rules: [[height(10), 'σ 10'], [height(1), '1'], [height(0.1), '0.1']] };

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
  #pictures;
  #curveOf;
  #side;

  /**
   * `onSeek` is called with the number of the step that the visitor picks.
   * - `pictures`: the two images of a frame; the lower one may be null.
   * - `curve`: `{ height(frame), rules }`, heights in per cent from the top.
   * - `side`: width and height of the images, where they are not those of the frame.
   */
  constructor(root, onSeek, { pictures = PICTURES, curve = SIGMA_CURVE, side = null } = {}) {
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

  /** Empty cells for a new run. */
  reset(steps, width, height) {
    this.#points = [];
    if (this.#cells.length !== steps + 1) this.#build(steps);
    for (const [step, cell] of this.#cells.entries()) {
      cell.classList.remove('drawn');
      cell.setAttribute('aria-label', `Step ${step}, not computed yet`);
      const canvas = cell.firstChild;
      canvas.width = this.#side ?? width; // clears it
      canvas.height = 2 * (this.#side ?? height) + GAP;
    }
    this.#line.setAttribute('points', '');
  }

  #build(steps) {
    this.#cells = Array.from({ length: steps + 1 }, (_, step) => {
      const cell = document.createElement('button');
      cell.type = 'button';
      cell.className = 'cell';
      cell.dataset.step = step;
      cell.tabIndex = -1;
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
    cell.setAttribute('aria-label', `Step ${frame.step}, σ ${frame.sigma.toPrecision(2)}`);
    this.#points[frame.step] = `${this.#across(frame.step) * 10},${this.#curveOf.height(frame)}`;
    this.#line.setAttribute('points', this.#points.filter(Boolean).join(' '));
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
