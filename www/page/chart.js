// A chart of lines: two axes with their ticks, and a line with a dot at each of its points for each series.

import { make } from './make.js';

const SVG = 'http://www.w3.org/2000/svg';
/** The frame in units of its own: the browser stretches it. */
const SIDE = 1000;
/** What lies further outside of the frame, at the logarithm of 0 for one, is drawn so far outside. */
const OUTSIDE = 10;

/** Where a value stands on an axis, from 0 to 1. */
const placeOn = ({ from, to, log = false }) => (value) => (log ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from));

const within = (place) => Math.min(1 + OUTSIDE, Math.max(-OUTSIDE, place));

/** Round values for the ticks of a logarithmic axis: 1, 2 and 5 times the powers of ten, or 1 and 3 times. */
export function logTicks(from, to, steps = [1, 2, 5]) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(from)); 10 ** power <= to; power++) {
    for (const step of steps) {
      const value = Number(`${step}e${power}`);
      if (value >= from && value <= to) ticks.push(value);
    }
  }
  return ticks;
}

export class Chart {
  #root;
  #svg = document.createElementNS(SVG, 'svg');
  #across = make('div', { class: 'across' });
  #upright = make('div', { class: 'upright' });

  /** `root`: an empty element. `label` says what the chart shows, `x` and `y` what its axes are. */
  constructor(root, { label, x, y }) {
    this.#root = root;
    root.classList.add('chart');
    root.setAttribute('role', 'img');
    root.setAttribute('aria-label', label);
    for (const [name, value] of Object.entries({ viewBox: `0 0 ${SIDE} ${SIDE}`, preserveAspectRatio: 'none' })) this.#svg.setAttribute(name, value);
    root.append(make('p', { class: 'title' }, y), make('div', { class: 'plot' }, this.#svg, this.#upright), this.#across, make('p', { class: 'title' }, x));
  }

  set label(label) {
    this.#root.setAttribute('aria-label', label);
  }

  /**
   * - `x`, `y`: the axes, `{ from, to, log, ticks }`; a tick is a value, or `[value, text]`.
   * - `lines`: the series, the one in front last, `{ kind, points, dots, at }`: its class, `[x, y]` of each point, whether dots mark them,
   *   and the point that is marked, if one is.
   */
  show({ x, y, lines }) {
    const [left, up] = [placeOn(x), placeOn(y)];
    const point = ([a, b]) => `${(SIDE * within(left(a))).toFixed(1)} ${(SIDE * (1 - within(up(b)))).toFixed(1)}`;
    const rules = texts(y).map(([value]) => path('rule', `M0 ${SIDE * (1 - up(value))}H${SIDE}`));
    const drawn = lines.filter(({ points }) => points.length).flatMap(({ kind, points, dots, at }) => {
      const places = points.map(point);
      const parts = [path(`line ${kind}`, `M${places.join('L')}`)];
      // A way of no length, with round ends, is a dot, however the frame is stretched.
      if (dots) parts.push(path(`dots ${kind}`, places.map((place) => `M${place}h0`).join('')));
      if (at !== undefined) parts.push(path(`at ${kind}`, `M${places[at]}h0`));
      return parts;
    });
    this.#svg.replaceChildren(...rules, ...drawn);
    this.#across.replaceChildren(...texts(x).map(([value, text]) => tick(left(value), text)));
    this.#upright.replaceChildren(...texts(y).map(([value, text]) => tick(up(value), text)));
  }
}

const texts = ({ ticks }) => ticks.map((tick) => (Array.isArray(tick) ? tick : [tick, String(tick)]));

function tick(place, text) {
  const made = make('span', {}, text);
  made.style.setProperty('--at', place);
  return made;
}

function path(kind, way) {
  const made = document.createElementNS(SVG, 'path');
  made.setAttribute('class', kind);
  made.setAttribute('d', way);
  return made;
}
