// Curves over one axis, each in a lane of its own, and a handle that picks a place on the axis.

const SVG = 'http://www.w3.org/2000/svg';
/** Enough points for any screen. */
const POINTS = 250;

export class LaneChart {
  #root;
  #handle;
  #lanes;
  #axis;
  #drawn;
  #series = null;
  #at;
  #onPick;

  /**
   * `root`: an empty element. `onPick` is called with the place that the visitor picks.
   * - `axis`: `{ label, from, to, step, leap, ticks, says }`. A tick is a value, or `[value, text]`; `leap` is what Page Up and
   *   Page Down do; `says(place, values)` is what a screen reader hears.
   * - `lanes`: for each `{ key, name, what, height, rules }`, with the `height` of a value above the lane's floor, from 0 to 1,
   *   and the values of the lines behind the curve. `dots`: whether they mark its points.
   */
  constructor(root, { axis, lanes, dots = false, onPick }) {
    this.#root = root;
    this.#axis = axis;
    this.#lanes = lanes;
    this.#at = axis.from;
    this.#onPick = onPick;
    root.classList.add('lane-chart');
    this.#drawn = lanes.map((lane) => build(root, lane, dots));
    const ticks = element('div', 'axis', root);
    ticks.setAttribute('aria-hidden', 'true');
    for (const [value, text] of axis.ticks.map((tick) => [tick].flat())) {
      const tick = element('span', '', ticks);
      tick.textContent = text ?? value;
      tick.style.setProperty('--at', this.#across(value));
    }
    this.#handle = element('div', 'handle', root);
    this.#handle.tabIndex = 0;
    for (const [name, value] of Object.entries({ role: 'slider', 'aria-label': axis.label, 'aria-valuemin': axis.from, 'aria-valuemax': axis.to })) this.#handle.setAttribute(name, value);
    this.#handle.addEventListener('keydown', (event) => this.#key(event));
    root.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      root.setPointerCapture(event.pointerId);
      this.#handle.focus({ preventScroll: true, focusVisible: false });
      event.preventDefault(); // no text is selected while dragging
      this.#point(event);
    });
    root.addEventListener('pointermove', (event) => root.hasPointerCapture(event.pointerId) && this.#point(event));
    this.mark(this.#at);
  }

  /** Draws a series, `{ at, … }`: places on the axis, rising, and under each lane's key its values there; and, paler, another one. */
  show(series, other) {
    this.#series = series;
    for (const [i, lane] of this.#lanes.entries()) {
      const { curve, ghost, dots } = this.#drawn[i];
      curve.setAttribute('points', this.#points(series, lane).join(' '));
      ghost.setAttribute('points', this.#points(other, lane).join(' '));
      dots?.setAttribute('d', this.#points(series, lane).map((point) => `M${point}h0`).join(''));
    }
    this.mark(this.#at);
  }

  /** Moves the handle. */
  mark(at) {
    this.#at = at;
    this.#root.style.setProperty('--at', this.#across(at));
    this.#handle.setAttribute('aria-valuenow', at);
    if (!this.#series) return;
    const values = this.#lanes.map(({ key }) => valueAt(this.#series.at, this.#series[key], at));
    this.#handle.setAttribute('aria-valuetext', this.#axis.says(at, values));
    const { at: places } = this.#series;
    for (const [i, { height }] of this.#lanes.entries()) {
      const high = height(values[i]);
      const { dot } = this.#drawn[i];
      dot.hidden = at < places.at(0) || at > places.at(-1);
      dot.style.setProperty('--high', Math.min(1, Math.max(0, high)));
      dot.classList.toggle('beyond', high > 1 || high < 0);
    }
  }

  /** Where a place on the axis is, from 0 to 1. */
  #across(at) {
    const { from, to } = this.#axis;
    return (at - from) / (to - from);
  }

  #points(series, { key, height }) {
    const every = Math.ceil(series.at.length / POINTS);
    const chosen = Array.from(series.at, (at, i) => [at, series[key][i]]).filter((_, i) => i % every === 0 || i === series.at.length - 1);
    return chosen.map(([at, value]) => `${(1000 * this.#across(at)).toFixed(1)},${(100 - 100 * height(value)).toFixed(2)}`);
  }

  #point({ clientX }) {
    const { left, width } = this.#drawn[0].plot.getBoundingClientRect();
    const { from, to } = this.#axis;
    this.#pick(from + ((clientX - left) / width) * (to - from));
  }

  #key(event) {
    const { key, shiftKey, ctrlKey, metaKey, altKey } = event;
    if (ctrlKey || metaKey || altKey) return;
    const { from, to, step, leap } = this.#axis;
    const far = shiftKey ? 10 * step : step;
    const at = {
      ArrowLeft: this.#at - far, ArrowDown: this.#at - far, ArrowRight: this.#at + far, ArrowUp: this.#at + far,
      PageDown: this.#at - leap, PageUp: this.#at + leap, Home: from, End: to,
    }[key];
    if (at === undefined) return;
    event.preventDefault();
    this.#pick(at);
  }

  #pick(at) {
    const { from, to, step } = this.#axis;
    this.#onPick(Math.min(to, Math.max(from, from + Math.round((at - from) / step) * step)));
  }
}

/** A curve's value at a place, on the straight line between its neighbours. */
function valueAt(places, values, at) {
  const right = Array.prototype.findIndex.call(places, (place) => place >= at);
  if (right <= 0) return values.at(right);
  const part = (at - places[right - 1]) / (places[right] - places[right - 1]);
  return values[right - 1] + part * (values[right] - values[right - 1]);
}

function element(tag, className, parent) {
  const made = document.createElement(tag);
  made.className = className;
  parent.append(made);
  return made;
}

function build(root, { name, what, height, rules }, dotted) {
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
  // A way of no length, with round ends, is a dot, however the plot is stretched.
  const dots = dotted ? add('path', 'dots') : null;
  plot.prepend(svg);
  return { plot, ghost, curve, dots, dot: element('i', 'dot', plot) };
}
