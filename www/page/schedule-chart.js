// The curves of a training schedule over t, and a handle that picks one t: beta, alpha_bar and sigma, each in a lane of its own.

export const T_MAX = 1000;
/** Far from where it starts: what Page Up and Page Down do. */
const PAGE = 100;
/** Enough points for any screen. */
const EVERY = 4;

const SVG = 'http://www.w3.org/2000/svg';

const log = (from, to) => (value) => Math.log(value / from) / Math.log(to / from);

/** `height` of a value above the lane's floor, from 0 to 1; `rules` are the lines behind the curve. */
const LANES = [
  // The cosine's beta leaves the lane near the end, on its way to 0.999.
  { key: 'beta', name: 'β', what: 'variance of the noise that this one step adds', height: (value) => value / 0.025, rules: [0, 0.01, 0.02] },
  { key: 'alphaBar', name: 'ᾱ', what: 'how much of the picture is left', height: (value) => value, rules: [0, 0.5, 1] },
  { key: 'sigma', name: 'σ', what: 'noise beside the picture, logarithmic', height: log(0.005, 300), rules: [0.01, 0.1, 1, 10, 100] },
];

export class ScheduleChart {
  #root;
  #handle;
  #lanes;
  #table = null;
  #t = 1;
  #onPick;

  /** `root`: an empty element. `onPick` is called with the t that the visitor picks. */
  constructor(root, onPick) {
    this.#root = root;
    this.#onPick = onPick;
    root.classList.add('schedule-chart');
    this.#lanes = LANES.map((lane) => build(root, lane));
    const axis = element('div', 'axis', root);
    axis.setAttribute('aria-hidden', 'true');
    for (const t of [1, 200, 400, 600, 800, T_MAX]) {
      const tick = element('span', '', axis);
      tick.textContent = t === 1 ? 't = 1' : t;
      tick.style.setProperty('--at', across(t));
    }
    this.#handle = element('div', 'handle', root);
    this.#handle.tabIndex = 0;
    for (const [name, value] of Object.entries({ role: 'slider', 'aria-label': 'Training time t', 'aria-valuemin': 1, 'aria-valuemax': T_MAX })) this.#handle.setAttribute(name, value);
    this.#handle.addEventListener('keydown', (event) => this.#key(event));
    root.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      root.setPointerCapture(event.pointerId);
      this.#handle.focus({ preventScroll: true, focusVisible: false });
      event.preventDefault(); // no text is selected while dragging
      this.#point(event);
    });
    root.addEventListener('pointermove', (event) => root.hasPointerCapture(event.pointerId) && this.#point(event));
  }

  /** Draws a schedule, and, paler, the other one. */
  show(table, other) {
    this.#table = table;
    for (const [i, { key, height }] of LANES.entries()) {
      this.#lanes[i].curve.setAttribute('points', points(table[key], height));
      this.#lanes[i].ghost.setAttribute('points', points(other[key], height));
    }
    this.mark(this.#t);
  }

  /** Moves the handle. */
  mark(t) {
    this.#t = t;
    this.#root.style.setProperty('--at', across(t));
    this.#handle.setAttribute('aria-valuenow', t);
    if (!this.#table) return;
    const values = LANES.map(({ key }) => this.#table[key][t - 1]);
    this.#handle.setAttribute('aria-valuetext', `t ${t}: beta ${values[0].toPrecision(2)}, alpha bar ${values[1].toPrecision(2)}, sigma ${values[2].toPrecision(2)}`);
    for (const [i, { height }] of LANES.entries()) {
      const high = height(values[i]);
      this.#lanes[i].dot.style.setProperty('--high', Math.min(1, high));
      this.#lanes[i].dot.classList.toggle('beyond', high > 1);
    }
  }

  #point({ clientX }) {
    const { left, width } = this.#lanes[0].plot.getBoundingClientRect();
    this.#pick(1 + ((clientX - left) / width) * (T_MAX - 1));
  }

  #key(event) {
    const { key, shiftKey, ctrlKey, metaKey, altKey } = event;
    if (ctrlKey || metaKey || altKey) return;
    const step = shiftKey ? 10 : 1;
    const to = {
      ArrowLeft: this.#t - step, ArrowDown: this.#t - step, ArrowRight: this.#t + step, ArrowUp: this.#t + step,
      PageDown: this.#t - PAGE, PageUp: this.#t + PAGE, Home: 1, End: T_MAX,
    }[key];
    if (to === undefined) return;
    event.preventDefault();
    this.#pick(to);
  }

  #pick(t) {
    this.#onPick(Math.min(T_MAX, Math.max(1, Math.round(t))));
  }
}

/** Place of a t on the axis, from 0 to 1. */
export const across = (t) => (t - 1) / (T_MAX - 1);

function element(tag, className, parent) {
  const made = document.createElement(tag);
  made.className = className;
  parent.append(made);
  return made;
}

function build(root, { name, what, height, rules }) {
  const lane = element('div', 'lane', root);
  lane.setAttribute('aria-hidden', 'true');
  const title = element('p', 'title', lane);
  element('b', '', title).textContent = name;
  title.append(` ${what}`);
  const plot = element('div', 'plot', lane);
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 1000 100');
  svg.setAttribute('preserveAspectRatio', 'none');
  const add = (tag, className) => {
    const made = document.createElementNS(SVG, tag);
    made.setAttribute('class', className);
    svg.append(made);
    return made;
  };
  for (const value of rules) {
    const y = 100 - 100 * height(value);
    const rule = add('line', 'rule');
    for (const [attribute, place] of Object.entries({ x1: 0, x2: 1000, y1: y, y2: y })) rule.setAttribute(attribute, place);
    const label = element('span', 'value', plot);
    label.textContent = value;
    label.style.setProperty('--high', height(value));
  }
  const ghost = add('polyline', 'ghost');
  const curve = add('polyline', 'curve');
  plot.prepend(svg);
  return { plot, ghost, curve, dot: element('i', 'dot', plot) };
}

function points(values, height) {
  const chosen = Array.from(values, (value, i) => [i, value]).filter(([i]) => i % EVERY === 0 || i === values.length - 1);
  return chosen.map(([i, value]) => `${(1000 * across(i + 1)).toFixed(1)},${(100 - 100 * height(value)).toFixed(2)}`).join(' ');
}
