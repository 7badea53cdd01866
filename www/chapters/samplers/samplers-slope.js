// Chapter 8, third part: the slope of the converged path at a point, a straight step along it, and how far that leads astray.

import { Chart, logTicks } from '../../page/chart.js';
import { Film } from '../../page/film.js';
import { count, parseSlider, parseWhole, sigma as amount } from '../../page/format.js';
import { latest } from '../../page/latest.js';
import { distance } from '../../page/noised.js';
import { say } from '../../page/notices.js';
import { draw, noisyImage, signedImage, SignedLegend } from '../../page/pixels.js';

export const OPENING = { pieces: 8, piece: 4 };
export const parse = (section) => ({
  pieces: parseSlider(section.querySelector('#samplers-pieces')),
  piece: (text, { pieces }) => parseWhole(text, 0, pieces - 1),
});

/** Of steps of so many lengths the error is drawn. */
const POINTS = 80;
/** The film's curve: the error of each step, on a logarithmic scale. */
const ERRORS = { least: 0.0003, most: 3 };
const height = (error) => 6 + 88 * (Math.log(ERRORS.most / Math.min(ERRORS.most, Math.max(ERRORS.least, error))) / Math.log(ERRORS.most / ERRORS.least));
const CURVE = { height: ({ error }) => height(error), rules: [[height(1), 'error 1'], [height(0.1), '0.1'], [height(0.01), '0.01'], [height(0.001), '0.001']] };

/** `settings`: the chapter's. `converged`: the path. `writeAddress`: called when a setting has changed. */
export function mountSlope(section, unnoise, settings, { converged, writeAddress }) {
  const $ = (id) => section.querySelector(`#samplers-${id}`);
  const film = new Film($('slope-film'), (piece) => change({ piece: Math.min(piece, settings.pieces - 1) }), { curve: CURVE });
  const chart = new Chart($('slope-chart'), { label: 'The error of a step over its length', x: 'the length of the step, σ before it − σ after it', y: 'The error of one straight step from here' });
  new SignedLegend($('slope-legend'));
  new SignedLegend($('astray-legend'));
  let path = null;
  /** The steps at hand: `{ from, to }`, numbers of frames of the path. */
  let pieces = [];

  // --- arithmetic on the path, which costs no network call: the slope at each of its points is known ---

  /** The frame after has the answer of the network here. */
  const denoisedAt = (i) => path[i + 1].denoised;

  /** Where a straight step along the slope at one frame ends, at the σ of a later one. */
  function straight(from, to) {
    const { x, sigma } = path[from];
    const denoised = denoisedAt(from);
    return x.map((value, i) => value + (path[to].sigma - sigma) * ((value - denoised[i]) / sigma));
  }

  const errorOf = (from, to) => distance(straight(from, to), path[to].x);

  /** The frames at which a run of so many steps on the same table stands. */
  function split(steps) {
    const last = path.length - 1;
    const stands = Array.from({ length: steps }, (_, i) => (steps > 1 ? Math.round((i * (last - 1)) / (steps - 1)) : 0));
    return stands.map((from, i) => ({ from, to: stands[i + 1] ?? last }));
  }

  // --- what is seen ---

  function change(values) {
    Object.assign(settings, values);
    settings.piece = Math.min(settings.piece, settings.pieces - 1);
    showSettings();
    writeAddress();
    if (path) show();
  }

  function showSettings() {
    $('pieces').value = settings.pieces;
    $('pieces-value').textContent = settings.pieces;
    $('piece').max = settings.pieces;
    $('piece').value = settings.piece + 1;
    $('piece-value').textContent = `${settings.piece + 1} of ${settings.pieces}`;
  }

  function showFilm() {
    pieces = split(settings.pieces);
    const { width, height } = path[0];
    film.reset(pieces.length, width, height);
    for (const [step, { from, to }] of pieces.entries()) film.draw({ ...path[from], denoised: denoisedAt(from), step, error: errorOf(from, to) });
    film.draw({ ...path.at(-1), step: pieces.length, error: 0 });
  }

  function show() {
    showFilm();
    const { from, to } = pieces[settings.piece];
    const [here, there] = [path[from], path[to]];
    const error = errorOf(from, to);
    film.mark({ step: settings.piece, error });
    const end = straight(from, to);
    const slope = here.x.map((value, i) => (value - denoisedAt(from)[i]) / here.sigma);
    draw($('slope-here'), noisyImage(here));
    draw($('slope-slope'), signedImage(slope));
    draw($('slope-straight'), noisyImage({ ...there, x: end }));
    draw($('slope-many'), noisyImage(there));
    draw($('slope-astray'), signedImage(end.map((value, i) => value - there.x[i])));
    $('slope-from').textContent = amount(here.sigma);
    $('slope-to').textContent = amount(there.sigma);
    $('slope-length').textContent = amount(here.sigma - there.sigma);
    $('slope-error').textContent = error.toFixed(3);
    for (const place of ['slope-small', 'slope-small-again']) $(place).textContent = count(to - from, 'small step');
    showHalf(from, to, error);
    showChart(from, to);
    $('slope').dataset.piece = settings.piece;
    lookAhead(from, to, end, slope).catch((failed) => say(failed.message, show));
  }

  /** What half of the step would cost: by the length of σ, the nearest point of the path. */
  function showHalf(from, to, error) {
    const middle = (path[from].sigma + path[to].sigma) / 2;
    const half = path.findIndex(({ sigma }) => sigma <= middle);
    const part = errorOf(from, half) / error;
    $('slope-half').textContent = half > from && half < to && error > 0 ? `A step half as long has ${part.toFixed(2)} of this error. Where the path bends evenly it is a quarter, so that twice as many steps have half the error in all: order 1.` : '';
  }

  function showChart(from, to) {
    const { sigma } = path[from];
    const points = [];
    const stride = Math.ceil((path.length - from) / POINTS);
    for (let end = from + 1; end < path.length; end += stride) points.push([sigma - path[end].sigma, errorOf(from, end)]);
    const seen = points.filter(([, error]) => error > 0);
    if (seen.length < 2) return chart.show({ x: { from: 0, to: 1, ticks: [] }, y: { from: 0, to: 1, ticks: [] }, lines: [] });
    const most = Math.max(...seen.map(([, error]) => error));
    const x = { from: seen[0][0], to: sigma, log: true };
    const y = { from: 10 ** Math.floor(Math.log10(Math.max(1e-5, seen[0][1]))), to: 1.2 * most, log: true };
    chart.show({
      x: { ...x, ticks: logTicks(x.from, x.to) },
      y: { ...y, ticks: logTicks(y.from, y.to, [1]) },
      lines: [
        { kind: 'exact', points: [[x.to / 10, most / 100], [x.to, most]] },
        { kind: 'series-0', points: seen },
        { kind: 'series-0', points: [[sigma - path[to].sigma, errorOf(from, to)]], at: 0 },
      ],
    });
  }

  /** Heun's step: the mean of the slopes at both ends of the straight one. It asks the network where that one ends. */
  const lookAhead = latest(async (from, to, end, slope) => {
    const [here, there] = [path[from], path[to]];
    $('slope-heun').textContent = '–';
    $('slope-heun-note').textContent = there.sigma === 0 ? 'A step to σ = 0 cannot: there is no slope at its end.' : '';
    if (there.sigma === 0) return;
    const denoised = await answer(end, there.sigma);
    if (path[to] !== there || pieces[settings.piece]?.from !== from) return;
    const half = (there.sigma - here.sigma) / 2;
    const ahead = here.x.map((value, i) => value + half * (slope[i] + (end[i] - denoised[i]) / there.sigma));
    $('slope-heun').textContent = distance(ahead, there.x).toFixed(3);
  });

  /** The network's answer with the chapter's guidance. */
  async function answer(x, sigma) {
    const { digit, guidance } = settings;
    const ask = async (digit) => (await unnoise.denoise({ model: 'digits', x, sigma, digit })).denoised;
    const cond = await ask(digit);
    if (guidance === 1 || digit === null) return cond;
    const uncond = await ask(null);
    return uncond.map((value, i) => value + guidance * (cond[i] - value));
  }

  // --- the engine ---

  function begin() {
    converged.addEventListener('progress', () => {
      const { path: next, step, steps } = converged;
      $('slope-waits').textContent = next ? '' : `The path is being walked: step ${step} of ${steps}.`;
      if (next === path) return;
      path = next;
      $('slope').classList.toggle('waiting', !path);
      if (path) show();
    });
  }

  $('pieces').addEventListener('input', ({ target }) => change({ pieces: target.valueAsNumber }));
  $('piece').addEventListener('input', ({ target }) => change({ piece: target.valueAsNumber - 1 }));

  /** Returns whether there was a step to take. */
  function step(by) {
    const before = settings.piece;
    change({ piece: Math.max(0, before + by) });
    return settings.piece !== before;
  }

  return { begin, renew: showSettings, step };
}
