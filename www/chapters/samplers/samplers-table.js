// Chapter 8, last part: every sampler with where it comes from, what a step costs, its order, and how good its digits were measured to
// be; and a sheet of them, drawn on the spot.

import { count, parseWord } from '../../page/format.js';
import { make } from '../../page/make.js';
import { say, statusLine } from '../../page/notices.js';
import { draw, toImage } from '../../page/pixels.js';
import { samplerName } from '../../page/samplers.js';
import { bringIntoSight, whenSeen } from '../../page/seen.js';

/** Two of each. */
const SHEET = 20;

/** The fullest colour of a cell, on which the figure can still be read. */
const FULLEST = 0.5;

const percent = (share) => `${(100 * share).toFixed(1)} %`;

/**
 * What of a cell is shown, how it is written, how good it is, from 0 to 1, beside what real digits reach, and what it is in words. Distances
 * are compared by their logarithms.
 */
const MEASURES = {
  accuracy: { of: ({ accuracy }) => accuracy, write: percent, good: (value, real) => (value - 0.1) / (real - 0.1), words: (real) => `In how many of them a network that reads digits, an own LeNet-5, sees the digit that was asked for; of real ones, in ${real}.` },
  distance: { of: ({ times }) => times, write: (times) => `${times >= 10 ? Math.round(times).toLocaleString('en') : times.toFixed(1)} ×`, good: (value) => 1 - Math.log(Math.max(1, value)) / Math.log(100), words: () => 'Fréchet distance to real digits, by what an own LeNet-5 sees in them, in units of the distance of as many real ones.' },
  variety: { of: ({ recall }) => recall, write: percent, good: (value, real) => value / real, words: (real) => `Recall: how many real digits look like one of them, to an own LeNet-5; like other real ones ${real} do.` },
};

export const OPENING = { measure: 'accuracy', guided: 'yes' };
export const PARSE = {
  measure: (text) => parseWord(text, Object.keys(MEASURES)),
  guided: (text) => parseWord(text, ['yes', 'no']),
};

/** `settings`: the chapter's. `writeAddress`: called when one of them has changed. */
export function mountTable(section, unnoise, settings, { writeAddress }) {
  const $ = (id) => section.querySelector(`#samplers-${id}`);
  const radios = (name) => [...section.querySelectorAll(`input[name="samplers-${name}"]`)];
  const { samplers, digit: { width, height } } = unnoise.info;
  const status = statusLine($('sheet-status'));
  /** What was measured, once it is there; null where nothing was. */
  let grid = null;
  let sheet = new AbortController();
  let drawing = false;
  /** The cell that the sheet is of. */
  let chosen = null;
  /** Whether the figures have been looked at. */
  let wanted = false;

  // --- the table ---

  /** The cells that have the guidance at hand. */
  function cells() {
    const wanted = settings.guided === 'yes' ? grid.recommended.guidance : 1;
    return grid.cells.filter(({ guidance }) => guidance === wanted);
  }

  /** The network calls that have a column: those of samplers that ask once a step. */
  function columns(all) {
    const once = new Set(samplers.filter(({ calls }) => calls === 1).map(({ name }) => name));
    return [...new Set(all.filter(({ sampler }) => once.has(sampler)).map(({ calls }) => calls))].sort((a, b) => a - b);
  }

  /** The column whose calls are the nearest. */
  const columnOf = (calls, all) => all.reduce((nearest, column) => (Math.abs(Math.log(calls / column)) < Math.abs(Math.log(calls / nearest)) ? column : nearest));

  function show() {
    for (const name of Object.keys(OPENING)) for (const radio of radios(name)) radio.checked = radio.value === settings[name];
    const all = grid ? cells() : [];
    const calls = columns(all);
    const head = ['Sampler', 'Calls a step', 'Order', ...calls.map((calls, i) => (i ? calls : count(calls, 'call')))];
    const rows = samplers.flatMap(({ name, schedule: own, calls: each, order, sources }) => {
      const those = all.filter(({ sampler }) => sampler === name);
      const schedules = new Set([own, ...those.map(({ schedule }) => schedule)]);
      return [...schedules].map((schedule) => make('tr', {},
        make('th', { scope: 'row' }, make('b', {}, samplerName(name)), make('span', { class: 'sources' }, ...(schedule === own ? links(sources) : [`schedule ${schedule}`]))),
        make('td', { class: 'number' }, each),
        make('td', { class: 'number' }, order ?? '–'),
        ...calls.map((column) => make('td', { class: 'cell-of' }, ...those.filter((cell) => cell.schedule === schedule && columnOf(cell.calls, calls) === column).slice(0, 1).map((cell) => button(cell, column))))));
    });
    $('table').replaceChildren(
      make('thead', {}, make('tr', {}, ...head.map((text, i) => make('th', { scope: 'col', class: i ? 'number' : '' }, text)))),
      make('tbody', {}, ...rows));
    $('measures').hidden = !grid;
    $('measured').textContent = grid ? said() : '';
  }

  function said() {
    const { of, write, words } = MEASURES[settings.measure];
    return `${grid.count.toLocaleString('en')} digits a cell. ${words(write(of(grid.real.lenet)))}`;
  }

  function button(cell, column) {
    const { of, write, good } = MEASURES[settings.measure];
    const value = of(cell.lenet);
    const part = Math.min(1, Math.max(0, good(value, of(grid.real.lenet))));
    const made = make('button', { type: 'button', 'data-cell': `${cell.sampler} ${cell.calls}`, title: `${count(cell.steps, 'step')} on the schedule ${cell.schedule}, ${count(cell.calls, 'network call')}` },
      make('i', { style: `opacity: ${(FULLEST * part ** 2).toFixed(2)}` }), make('span', {}, make('span', { class: 'hidden' }, `${samplerName(cell.sampler)}: `), write(value)));
    if (cell.calls !== column) made.append(make('small', {}, ` ${count(cell.calls, 'call')}`));
    made.setAttribute('aria-pressed', String(chosen !== null && same(cell, chosen)));
    made.addEventListener('click', () => open(cell));
    return made;
  }

  // --- a sheet of digits ---

  async function open(cell) {
    chosen = cell;
    show();
    sheet.abort();
    const { signal } = (sheet = new AbortController());
    const { sampler, schedule, steps, guidance } = cell;
    drawing = true;
    $('sheet').hidden = false;
    $('sheet').dataset.state = 'drawing';
    $('sheet-title').textContent = `${samplerName(sampler)}: ${count(steps, 'step')}, ${count(cell.calls, 'network call')}`;
    const canvases = Array.from({ length: SHEET }, (_, i) => make('canvas', { width, height, role: 'img', 'aria-label': `A ${i % 10}, not drawn yet` }));
    $('sheet-digits').replaceChildren(...canvases);
    $('stop').hidden = false;
    bringIntoSight($('sheet'));
    let done = 0;
    try {
      for (const [i, canvas] of canvases.entries()) {
        const digit = i % 10;
        let x;
        for await (const frame of unnoise.generate({ model: grid.model, digit, seed: grid.seed + i, sampler, schedule, steps, guidance }, { signal })) ({ x } = frame);
        draw(canvas, toImage(x, width, height));
        canvas.setAttribute('aria-label', `A ${digit}`);
        done = i + 1;
        status(`${done} of ${SHEET}`);
      }
      status('The first digits of those that were measured');
    } catch (error) {
      if (signal !== sheet.signal) return; // another sheet has taken its place
      if (signal.aborted) status(`Stopped after ${done} of ${SHEET}`);
      else say(error.message, () => open(cell));
    }
    if (signal !== sheet.signal) return;
    drawing = false;
    $('sheet').dataset.state = done === SHEET ? 'done' : 'stopped';
    $('stop').hidden = true;
  }

  // --- the engine ---

  async function load() {
    wanted = true;
    try {
      ({ grid } = await unnoise.quality('digits'));
      $('unmeasured').hidden = grid !== null;
      if (grid) $('guidance-on').textContent = `guidance ${grid.recommended.guidance}`;
      show();
    } catch (error) {
      say(error.message, load);
    }
  }

  for (const name of Object.keys(OPENING)) {
    for (const radio of radios(name)) {
      radio.addEventListener('change', () => {
        settings[name] = radio.value;
        show();
        writeAddress();
      });
    }
  }
  $('stop').addEventListener('click', () => sheet.abort());
  unnoise.addEventListener('weights', () => {
    sheet.abort();
    $('sheet').hidden = true; // drawn with other weights
    chosen = null;
    if (wanted) load();
  });

  return {
    begin: () => whenSeen($('quality'), load),
    renew: show,
    get busy() {
      return drawing;
    },
  };
}

const links = (sources) => sources.flatMap(({ authors, year, title, url }, i) => [i ? '; ' : '', make('a', { href: url, title, rel: 'noreferrer' }, `${authors} ${year}`)]);

const same = (a, b) => ['sampler', 'schedule', 'steps', 'guidance'].every((name) => a[name] === b[name]);
