// The film strip: every step as a small picture of x above the estimate, and the curve of sigma below them.

import { denoisedImage, noisyImage } from './pixels.js';

/** The curve's range; what is below it, 0 at the end, lies on its floor. */
const SIGMA_MAX = 20;
const SIGMA_MIN = 0.01;
const RULES = [10, 1, 0.1];
const GAP = 2;

const SVG = 'http://www.w3.org/2000/svg';

export class Film {
  #root;
  #reel;
  #cells = [];
  #curve;
  #line;
  #dot;
  #points = [];

  /** `onSeek` is called with the number of the step that the visitor picks. */
  constructor(root, onSeek) {
    this.#root = root;
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
      canvas.width = width; // clears it
      canvas.height = 2 * height + GAP;
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
    for (const sigma of RULES) {
      const rule = document.createElementNS(SVG, 'line');
      for (const [name, value] of Object.entries({ x1: 0, x2: 1000, y1: height(sigma), y2: height(sigma) })) rule.setAttribute(name, value);
      svg.append(rule);
    }
    this.#line = document.createElementNS(SVG, 'polyline');
    svg.append(this.#line);
    this.#dot = document.createElement('i');
    const labels = document.createElement('div');
    labels.className = 'labels';
    labels.setAttribute('aria-hidden', 'true');
    for (const sigma of RULES) {
      const label = document.createElement('span');
      label.textContent = sigma === RULES[0] ? `σ ${sigma}` : String(sigma);
      label.style.top = `${height(sigma)}%`;
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
    context.putImageData(noisyImage(frame), 0, 0);
    if (frame.denoised) context.putImageData(denoisedImage(frame), 0, frame.height + GAP);
    cell.classList.add('drawn');
    cell.setAttribute('aria-label', `Step ${frame.step}, σ ${frame.sigma.toPrecision(2)}`);
    this.#points[frame.step] = `${this.#across(frame.step) * 10},${height(frame.sigma)}`;
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
    this.#dot.style.top = `${height(frame.sigma)}%`;
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

/** Distance from the top of the curve in per cent, on a logarithmic scale. */
function height(sigma) {
  const clamped = Math.min(Math.max(sigma, SIGMA_MIN), SIGMA_MAX);
  return 6 + 88 * (Math.log(SIGMA_MAX / clamped) / Math.log(SIGMA_MAX / SIGMA_MIN));
}
