// Chapter 8, first part: one noise, and up to six samplers that start from it, in step.

import { Chart, logTicks } from '../../page/chart.js';
import { count, parseSlider, parseWhole, parseWord, sigma as amount } from '../../page/format.js';
import { make } from '../../page/make.js';
import { distance } from '../../page/noised.js';
import { say, statusLine } from '../../page/notices.js';
import { denoisedImage, draw, noisyImage, toImage } from '../../page/pixels.js';
import { PlayerGroup } from '../../page/player-group.js';
import { calm, Runs } from '../../page/runs.js';
import { samplerName } from '../../page/samplers.js';
import { isFor, OWN, parseSchedule, scheduleHint, scheduleOptions } from '../../page/schedules.js';
import { whenSeen } from '../../page/seen.js';
import { Transport } from '../../page/transport.js';
import { Plane } from './samplers-plane.js';

const MODEL = 'digits';
const [FEWEST, MOST] = [2, 6];
/** From here on it is the end of the way, in lengths of the whole. */
const END = 0.85;
/** Between two names in the address. */
const AND = '.';

export const OPENING = { which: 'euler.heun.dpmpp-2m.euler-ancestral', steps: 10, schedule: OWN, show: 'noisy', part: 'whole', speed: '3' };

export const parse = (section, info) => ({
  which(text) {
    const names = text.split(AND);
    const known = names.every((name) => info.samplers.some((sampler) => sampler.name === name));
    return known && new Set(names).size === names.length && names.length >= FEWEST && names.length <= MOST ? text : undefined;
  },
  steps: parseSlider(section.querySelector('#samplers-steps')),
  schedule: parseSchedule(info, MODEL),
  show: (text) => parseWord(text, ['noisy', 'estimate']),
  part: (text) => parseWord(text, ['whole', 'end']),
});

/**
 * `settings`: the chapter's. `converged`: the path that all are compared with. `writeAddress`: called when a setting, or the step, has
 * changed.
 */
export function mountRace(section, unnoise, settings, { converged, writeAddress }) {
  const $ = (id) => section.querySelector(`#samplers-${id}`);
  const { info } = unnoise;
  const { samplers, digit: { width, height } } = info;
  const status = statusLine($('status'));
  const radios = (name) => [...section.querySelectorAll(`input[name="samplers-${name}"]`)];
  let group = null;
  /** The plane of the converged path, once that is there. */
  let plane = null;
  /** The step that the address asks for, or null. */
  let goal = null;
  let begun = false;
  let drawing = 0;
  /** Which of the six looks each chosen sampler has, so that it keeps it while others come and go. */
  const looks = new Map();

  const far = new Chart($('far'), { label: 'Distance to the converged picture over network calls', x: 'network calls', y: 'Distance of the estimate from the converged picture' });
  const way = new Chart($('way'), { label: 'The paths in the plane of the converged one', x: 'from the noise to the picture', y: 'Where x goes, and the way that it bends' });
  const transport = new Transport($('transport'), {
    onSpeed(speed) {
      settings.speed = speed;
      writeAddress();
    },
  });
  const runs = new Runs(() => group, runSettings);

  const chips = samplers.map(({ name }) => {
    const chip = make('button', { type: 'button', 'data-sampler': name }, samplerName(name));
    chip.addEventListener('click', () => toggle(name));
    return chip;
  });
  $('which').append(...chips);
  $('schedule').append(...scheduleOptions(info, MODEL));

  // --- which ---

  const chosen = () => settings.which.split(AND);

  function toggle(name) {
    const names = chosen();
    const next = names.includes(name) ? names.filter((other) => other !== name) : [...names, name];
    change({ which: next.join(AND) });
  }

  /** A free look for every sampler that has none. */
  function dress() {
    const names = chosen();
    for (const name of looks.keys()) if (!names.includes(name)) looks.delete(name);
    for (const name of names) {
      if (looks.has(name)) continue;
      const taken = [...looks.values()];
      looks.set(name, [...Array(MOST).keys()].find((look) => !taken.includes(look)));
    }
  }

  const seriesOf = (name) => `series-${looks.get(name)}`;

  // --- the pictures ---

  let figures = [];

  function buildFigures() {
    figures = chosen().map((name) => {
      const canvas = make('canvas', { width, height, role: 'img', 'aria-label': samplerName(name) });
      const figure = make('figure', { 'data-sampler': name },
        make('div', { class: 'screen' }, canvas, make('p', { class: 'unasked', hidden: '' }, 'not asked yet')),
        make('figcaption', {},
          make('p', { class: 'name' }, key(seriesOf(name)), samplerName(name)),
          make('p', { class: 'calls' }, '–'),
          make('p', { class: 'away' }, '–')));
      return { name, figure, canvas };
    });
    $('racers').replaceChildren(...figures.map(({ figure }) => figure), $('converged-figure'));
  }

  function showFigure({ name, figure, canvas }, { run }) {
    const { frame } = run;
    const estimate = settings.show === 'estimate';
    draw(canvas, estimate ? denoisedImage(frame) : noisyImage(frame));
    canvas.setAttribute('aria-label', `${samplerName(name)}: ${estimate ? 'its estimate' : 'the picture'} at step ${frame.step} of ${frame.steps}`);
    figure.querySelector('.unasked').hidden = !estimate || frame.denoised !== null;
    figure.querySelector('.calls').textContent = count(frame.nfe, 'network call');
    const away = converged.picture && frame.denoised && distance(frame.denoised, converged.picture);
    figure.querySelector('.away').textContent = away ? `${away.toFixed(3)} away` : '–';
    figure.dataset.away = away ?? '';
  }

  function showConverged() {
    const { picture, step, steps } = converged;
    $('converged-state').textContent = picture ? `${steps} steps` : `step ${step} of ${steps}`;
    if (picture) draw($('converged'), toImage(picture, width, height));
    $('converged').parentNode.classList.toggle('waiting', !picture);
    $('charts').dataset.converged = picture ? 'yes' : 'no';
  }

  // --- the charts, once for all that has changed before the browser draws ---

  function drawCharts() {
    drawing ||= requestAnimationFrame(() => {
      drawing = 0;
      const shown = figures.map(({ name }, i) => ({ name, kind: seriesOf(name), run: group.players[i]?.run })).filter(({ run }) => run);
      if (!plane || !shown.length) return;
      drawFar(shown);
      drawWay(shown);
    });
  }

  function drawFar(shown) {
    const points = ({ frames, index }) => frames.slice(1, index + 1).map(({ nfe, denoised }) => [nfe, distance(denoised, converged.picture)]);
    const asks = settings.guidance === 1 ? 1 : 2;
    const most = Math.max(2, ...shown.map(({ name, run }) => Math.max(run.frame.nfe, settings.steps * asks * samplers.find((sampler) => sampler.name === name).calls)));
    const all = shown.flatMap(({ run }) => points({ frames: run.frames, index: run.frames.length - 1 }).map(([, away]) => away));
    const least = 10 ** Math.floor(Math.log10(Math.min(0.1, ...all.filter((away) => away > 0))));
    const highest = Math.max(1, ...all);
    far.show({
      x: { from: asks, to: most, log: true, ticks: logTicks(asks, most) },
      y: { from: least, to: highest, log: true, ticks: logTicks(least, highest, [1, 3]) },
      lines: shown.map(({ run, kind }) => ({ kind, points: points(run), dots: true, at: run.index > 0 ? run.index - 1 : undefined })),
    });
    far.label = `Distance of each estimate from the converged picture over network calls: ${shown.map(({ name, run }) => `${samplerName(name)} ${points(run).at(-1)?.[1].toFixed(3) ?? 'not asked yet'} after ${run.frame.nfe}`).join(', ')}`;
  }

  function drawWay(shown) {
    const path = converged.path.map((frame) => plane.place(frame));
    const places = shown.map(({ run }) => run.frames.map((frame) => plane.place(frame)));
    const all = [...path, ...places.flat()].filter(([along]) => settings.part === 'whole' || along > END);
    way.show({
      x: { ...extent(all.map(([along]) => along)), ticks: settings.part === 'whole' ? [[0, 'noise'], [1, 'picture']] : [[1, 'picture']] },
      y: { ...extent(all.map(([, bend]) => bend)), ticks: [[0, '0']] },
      lines: [
        { kind: 'exact', points: path },
        ...shown.map(({ run, kind }, i) => ({ kind, points: places[i].slice(0, run.index + 1), dots: true, at: run.index })),
      ],
    });
  }

  // --- runs ---

  /** Those of all, in the order of the players, and the steps that they have in common. */
  function runSettings() {
    const { digit, seed, guidance, steps, schedule } = settings;
    const table = schedule === OWN ? {} : { schedule };
    return Object.assign(chosen().map((sampler) => ({ model: MODEL, digit, seed, guidance, steps, sampler, ...table })), { steps });
  }

  function set(values = {}) {
    Object.assign(settings, values);
    if (!isFor(info, MODEL, settings.schedule, settings.steps)) settings.schedule = OWN;
    showSettings();
  }

  function change(values) {
    set(values);
    if (begun) arrange(runs.keepPlace);
    writeAddress();
  }

  /** As many players as there are samplers, and a picture for each; then runs. */
  function arrange(then) {
    const names = figures.map(({ name }) => name).join(AND);
    if (names !== settings.which) buildFigures();
    group.resize(figures.length);
    then();
  }

  function showSettings() {
    dress();
    const names = chosen();
    for (const chip of chips) {
      const pressed = names.includes(chip.dataset.sampler);
      chip.setAttribute('aria-pressed', String(pressed));
      chip.disabled = pressed ? names.length === FEWEST : names.length === MOST;
    }
    for (const name of ['show', 'part']) for (const radio of radios(name)) radio.checked = radio.value === settings[name];
    $('steps').value = settings.steps;
    $('steps-value').textContent = settings.steps;
    for (const option of $('schedule').options) option.disabled = !isFor(info, MODEL, option.value, settings.steps);
    $('schedule').value = settings.schedule;
    $('schedule-hint').textContent = settings.schedule === OWN ? 'Each walks the table that it is customarily used with.' : scheduleHint(info, MODEL, settings);
    transport.speed = settings.speed;
  }

  function showFrame(player) {
    const i = group.players.indexOf(player);
    if (i < 0 || !player.run || !figures[i] || player.approaching) return;
    if (calm.matches && player.seeking && player.run.index > 0) return;
    showFigure(figures[i], player);
    drawCharts();
    writeAddress();
  }

  /** What stands there, once more: it is compared with something else, or shown in another way. */
  function showAll() {
    for (const [i, player] of group.players.entries()) if (player.run) showFigure(figures[i], player);
    drawCharts();
  }

  function showState() {
    const { run, state } = group;
    $('race').dataset.state = state;
    if (!run) return;
    const { frame } = run;
    if (state === 'playing') status('All are on their way from the same noise');
    else if (state !== 'seeking') status(run.done ? `Finished: ${count(frame.steps, 'step')} each` : `At step ${run.index} of ${frame.steps}, σ ${amount(frame.sigma)}`);
  }

  // --- the engine ---

  function begin() {
    group = new PlayerGroup(unnoise, chosen().length);
    group.addEventListener('frame', ({ target }) => showFrame(target));
    group.addEventListener('state', showState);
    group.addEventListener('error', ({ detail }) => say(detail.message, runs.again));
    transport.follow(group);
    converged.addEventListener('progress', () => {
      const path = converged.path;
      if (!path) plane = null;
      else plane ??= new Plane(path);
      showConverged();
      showAll();
    });
    whenSeen($('racers'), () => {
      begun = true;
      arrange(() => runs.beginAt(goal));
    });
  }

  /** The settings that all parts share have changed; `step`: where the address asks to begin, or null. */
  function renew({ keep = false, step = null } = {}) {
    goal = step;
    set();
    if (begun) arrange(keep ? runs.keepPlace : () => runs.beginAt(step));
    else if (!figures.length || figures.map(({ name }) => name).join(AND) !== settings.which) buildFigures();
  }

  // --- controls ---

  $('steps').addEventListener('input', ({ target }) => change({ steps: target.valueAsNumber }));
  $('schedule').addEventListener('change', ({ target }) => change({ schedule: target.value }));
  for (const name of ['show', 'part']) {
    for (const radio of radios(name)) {
      radio.addEventListener('change', () => {
        settings[name] = radio.value;
        showAll();
        writeAddress();
      });
    }
  }

  return {
    begin,
    renew,
    player: () => group,
    /** What the address keeps of it beside the settings. */
    get step() {
      return group?.run?.index ?? goal ?? undefined;
    },
    get speeds() {
      return transport.speeds;
    },
    get busy() {
      return group?.state === 'seeking';
    },
  };
}

export const parseStep = (text, { steps }) => parseWhole(text, 0, steps);

/** A short piece of a series' line. */
function key(kind) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  for (const [name, value] of Object.entries({ class: `series-key ${kind}`, viewBox: '0 0 26 8', 'aria-hidden': 'true' })) made.setAttribute(name, value);
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  line.setAttribute('d', 'M0 4h26');
  made.append(line);
  return made;
}

/** An axis that shows all of these values, with a margin. */
function extent(values) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const margin = 0.06 * (most - least);
  return { from: least - margin, to: most + margin };
}
