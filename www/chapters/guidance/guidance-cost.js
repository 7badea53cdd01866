// What guidance costs: how often digits are as asked, how real and how varied they are, as it was measured for some g.

import { LaneChart } from '../../page/lane-chart.js';
import { make } from '../../page/make.js';
import { say } from '../../page/notices.js';

const MODEL = 'digits';

/** What one judge says of a cell of the grid, as lanes of the chart. `top`: the distance at the top of its lane. */
const lanes = (top) => [
  { key: 'accuracy', name: 'Accuracy', what: 'read as the digit asked for', height: (value) => (value - 0.9) / 0.1, rules: [0.9, 0.95, 1] },
  { key: 'precision', name: 'Precision', what: 'lie among real digits', height: (value) => value, rules: [0, 0.5, 1] },
  { key: 'recall', name: 'Recall', what: 'of real digits lie among these', height: (value) => value, rules: [0, 0.5, 1] },
  { key: 'frechet', name: 'Fréchet distance', what: 'from real digits: less is nearer', height: (value) => value / top, rules: [0, top / 2, top] },
];

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const WRITTEN = { accuracy: percent, precision: percent, recall: percent, frechet: (value) => value.toPrecision(3) };

/** The next of 1, 2 and 5 times the powers of ten. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 5, 10].find((times) => value <= times * power);
}

export class Cost {
  #root;
  /** What is said of it beside the chart, and the figures at the handle. */
  #said = make('span');
  #beside = make('div', { class: 'beside' });
  #unnoise;
  #axis;
  #onPick;
  #chart = null;
  /** Whether it has been asked for. */
  #wanted = false;
  #lanes = [];
  #curve = [];
  #figures;
  #g;

  /** `root`: an empty element; `text`: what introduces it. `onPick` is called with the g that is picked, of those from one to another. */
  constructor(root, text, unnoise, { from, to, step, onPick }) {
    this.#root = root;
    text.append(this.#said);
    root.after(this.#beside);
    this.#unnoise = unnoise;
    unnoise.addEventListener('weights', () => this.#wanted && this.load());
    this.#axis = { label: 'How strongly, g', from, to, step, leap: 1 };
    this.#onPick = onPick;
    this.#g = from;
  }

  /** Fetches what was measured, and draws it. */
  load = async () => {
    this.#wanted = true;
    try {
      const { grid } = await this.#unnoise.quality(MODEL);
      this.#chart = null;
      delete this.#root.dataset.answered;
      for (const part of [this.#root, this.#said, this.#beside]) part.replaceChildren();
      if (grid) this.#show(grid);
      else this.#said.append(' How much was not measured for these weights: `unnoise eval grid` does.');
    } catch (error) {
      say(error.message, this.load);
    }
  };

  #show(grid) {
    const { sampler, schedule, steps } = grid.recommended;
    const alike = grid.cells.filter((cell) => cell.sampler === sampler && cell.schedule === schedule && cell.steps === steps);
    this.#curve = alike.sort((a, b) => a.guidance - b.guidance);
    const { from, to } = this.#axis;
    this.#lanes = lanes(roundUp(Math.max(...[grid.real, ...this.#curve].map(({ lenet }) => lenet.frechet))));
    const series = (at, cells) => ({ at, ...Object.fromEntries(this.#lanes.map(({ key }) => [key, cells.map(({ lenet }) => lenet[key])])) });
    this.#chart = new LaneChart(this.#root, {
      axis: { ...this.#axis, ticks: [[0, 'g = 0'], 1, 2, 3, 4, 5, 6], says: (g) => `g ${g}: ${this.#says(g)}` },
      lanes: this.#lanes,
      dots: true,
      onPick: this.#onPick,
    });
    this.#chart.show(series(this.#curve.map(({ guidance }) => guidance), this.#curve), series([from, to], [grid.real, grid.real]));
    const [plain, most] = [this.#curve.find(({ guidance }) => guidance === 1), this.#curve.at(-1)];
    if (plain) this.#said.append(` From g = 1 to g = ${most.guidance} accuracy goes from ${percent(plain.lenet.accuracy)} to ${percent(most.lenet.accuracy)}, and recall from ${percent(plain.lenet.recall)} to ${percent(most.lenet.recall)}.`);
    this.#figures = make('dl', { class: 'readout' });
    this.#beside.append(make('p', { class: 'hint' }, `${grid.count.toLocaleString('en')} digits for each dot, judged by a small network that has read MNIST. The paler line is what as many real digits reach that it has not seen.`), this.#figures);
    this.mark(this.#g);
    this.#root.dataset.answered = '';
  }

  /** Moves the handle to the slider's place. */
  mark(g) {
    this.#g = g;
    if (!this.#chart) return;
    this.#chart.mark(g);
    const { guidance, lenet } = this.#nearest(g);
    const entry = (term, value) => make('div', {}, make('dt', {}, term), make('dd', {}, value));
    this.#figures.replaceChildren(entry('Measured at g', guidance), ...this.#lanes.map(({ key, name }) => entry(name, WRITTEN[key](lenet[key]))));
  }

  #nearest(g) {
    return this.#curve.reduce((best, cell) => (Math.abs(cell.guidance - g) < Math.abs(best.guidance - g) ? cell : best));
  }

  #says(g) {
    const { guidance, lenet } = this.#nearest(g);
    return `measured at ${guidance}, ${this.#lanes.map(({ key, name }) => `${name.toLowerCase()} ${WRITTEN[key](lenet[key])}`).join(', ')}`;
  }
}
