// The error over the steps: that of each mini-batch, and the mean of the last twenty.

import { make } from '../../page/make.js';

const SVG = 'http://www.w3.org/2000/svg';
const RULES = [1, 0.3, 0.1, 0.03];
const [TOP, FLOOR] = [3, 0.02];
const MEAN = 20;
/** Enough points for any screen. */
const POINTS = 400;

/** Place of an error on the logarithmic scale, in per cent from the top. */
const height = (loss) => 100 * (Math.log(TOP / Math.min(TOP, Math.max(FLOOR, loss))) / Math.log(TOP / FLOOR));

export class LossCurve {
  #root;
  #least;
  #each = line('polyline', { class: 'each' });
  #mean = line('polyline', { class: 'mean' });
  #steps = make('span', { class: 'steps' });

  /** `root`: an empty element. `least`: so many steps fit at first. */
  constructor(root, least) {
    this.#root = root;
    this.#least = least;
    const rules = RULES.map((value) => line('line', { x1: 0, x2: 1000, y1: height(value), y2: height(value) }));
    const svg = line('svg', { viewBox: '0 0 1000 100', preserveAspectRatio: 'none' });
    svg.append(...rules, this.#each, this.#mean);
    const labels = RULES.map((value) => make('span', { class: 'value', style: `top: ${height(value)}%` }, value));
    root.append(svg, ...labels, this.#steps);
    this.show([]);
  }

  /** @param {{ step: number, loss: number }[]} losses */
  show(losses) {
    const most = Math.max(this.#least, losses.at(-1)?.step ?? 0);
    const every = Math.ceil(losses.length / POINTS);
    const points = (value) => losses
      .map(({ step }, i) => (i % every === 0 || i === losses.length - 1 ? `${((1000 * step) / most).toFixed(1)},${height(value(i)).toFixed(2)}` : null))
      .filter(Boolean)
      .join(' ');
    this.#each.setAttribute('points', points((i) => losses[i].loss));
    this.#mean.setAttribute('points', points((i) => {
      const last = losses.slice(Math.max(0, i + 1 - MEAN), i + 1);
      return last.reduce((sum, { loss }) => sum + loss, 0) / last.length;
    }));
    this.#steps.textContent = `${most} steps`;
    const now = losses.at(-1);
    this.#root.setAttribute('aria-label', now ? `The error, step by step: ${now.loss.toPrecision(2)} at step ${now.step}` : 'The error, step by step: no step yet');
  }
}

function line(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
