// Chapter 3: the schedule of the noise that training adds, what it does to a digit, and why the U-Net is told how much it was.

import { copyLink, followLinks, takeState, writeState } from '../../page/address.js';
import { Classes } from '../../page/classes.js';
import { parseSeed, parseWhole, parseWord, sigma as amount } from '../../page/format.js';
import { listen, playerKeys } from '../../page/keys.js';
import { LaneChart } from '../../page/lane-chart.js';
import { latest } from '../../page/latest.js';
import { showLoading } from '../../page/loading.js';
import { meanSquare, noised } from '../../page/noised.js';
import { say } from '../../page/notices.js';
import { draw, noisyImage, toImage } from '../../page/pixels.js';
import { PlayerGroup } from '../../page/player-group.js';
import { Runs } from '../../page/runs.js';
import { SeedField } from '../../page/seed.js';
import { whenSeen } from '../../page/seen.js';
import { parseSource, Specimen } from '../../page/specimen.js';
import { Transport } from '../../page/transport.js';

/** The noise that is put on the digit is always the same, so that only its amount changes. */
const NOISE_SEED = 1;
/** So many digits stand below the curves. */
const STILLS = 11;

/** The same network with σ, without it, and with what another network predicts of it. */
const MODELS = { told: 'digits', blind: 'digits-blind', estimated: 'digits-estimated' };
const WHICH = Object.keys(MODELS);

const log = (from, to) => (value) => Math.log(value / from) / Math.log(to / from);
const LANES = [
  // The cosine's beta leaves the lane near the end, on its way to 0.999.
  { key: 'beta', name: 'β', what: 'variance of the noise that this one step adds', height: (value) => value / 0.025, rules: [0, 0.01, 0.02] },
  { key: 'alphaBar', name: 'ᾱ', what: 'how much of the picture is left', height: (value) => value, rules: [0, 0.5, 1] },
  { key: 'sigma', name: 'σ', what: 'noise beside the picture, logarithmic', height: log(0.005, 300), rules: [0.01, 0.1, 1, 10, 100] },
];

const OPENING = { name: 'linear', t: 350, picture: '4-23', digit: 5, seed: 3 };
const PARSE = {
  seed: parseSeed,
  picture: parseSource,
};

export function mount(section, unnoise) {
  const $ = (name) => section.querySelector(`#schedule-${name}`);
  const names = [...section.querySelectorAll('input[name="schedule-name"]')];
  const { info } = unnoise;
  const { trainingSchedules: NAMES, trainingSteps, digit: { width, height } } = info;
  /** More noise than this is not taken; long before, nothing is left of a digit. */
  const [, sigmaMax] = info.limits.sigma;
  /** The t of the digits below the curves. */
  const STRIP = Array.from({ length: STILLS }, (_, i) => 1 + Math.round((i * (trainingSteps - 1)) / (STILLS - 1)));
  /** Every t. */
  const TIMES = Array.from({ length: trainingSteps }, (_, i) => i + 1);
  const settings = { ...OPENING };
  const classes = new Classes(unnoise, MODELS.told);
  let tables = null;
  let noise = null;
  let group = null;
  let seen = false;

  const chart = new LaneChart($('chart'), {
    axis: {
      label: 'Training time t', from: 1, to: trainingSteps, step: 1, leap: 100,
      ticks: [[1, 't = 1'], ...[0.2, 0.4, 0.6, 0.8, 1].map((part) => part * trainingSteps)],
      says: (t, [beta, alphaBar, sigma]) => `t ${t}: beta ${beta.toPrecision(2)}, alpha bar ${alphaBar.toPrecision(2)}, sigma ${sigma.toPrecision(2)}`,
    },
    lanes: LANES,
    onPick: (t) => change({ t }),
  });
  const specimen = new Specimen(unnoise, $('clean'), $('tools'), { onChange: takePicture, onError: (error) => say(error.message, () => specimen.restore(settings.picture)) });
  const seed = new SeedField($('seed-field'), {
    id: 'schedule',
    onSeed(seed) {
      change({ seed });
      if (group) generate();
    },
  });
  const transport = new Transport($('transport'));
  const runs = new Runs(() => group, runSettings);
  const strip = STRIP.map((t) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.tabIndex = -1; // the handle of the chart is for the keyboard
    button.setAttribute('aria-label', `The digit at t = ${t}`);
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [width, height];
    button.append(canvas);
    button.addEventListener('click', () => change({ t }));
    return canvas;
  });
  $('strip').append(...strip.map((canvas) => canvas.parentNode));

  // --- the address ---

  function takeAddress() {
    Object.assign(settings, takeState('schedule', { ...OPENING, digit: classes.within(OPENING.digit) }, { digit: classes.parse, name: (text) => parseWord(text, NAMES), t: (text) => parseWhole(text, 1, trainingSteps), ...PARSE }));
    specimen.restore(settings.picture);
  }

  // --- a digit at t ---

  function change(values) {
    Object.assign(settings, values);
    refresh();
    writeState('schedule', { ...settings, digit: settings.digit ?? 'any' }, OPENING);
  }

  /** The specimen is another one: by the visitor's hand, or as the address asked for. */
  function takePicture() {
    if (specimen.source === settings.picture) refresh();
    else change({ picture: specimen.source });
  }

  /** Everything that needs no network, at once; then the three networks' answers. */
  function refresh() {
    const { name, t, digit } = settings;
    for (const radio of names) radio.checked = radio.value === name;
    $('digit').value = digit ?? 'any';
    seed.show(settings.seed);
    $('slider').value = t;
    chart.mark(t);
    if (!tables) return;
    showNumbers();
    if (specimen.busy) return;
    const clean = specimen.picture;
    // Shown as √ᾱ x0 + √(1 - ᾱ) noise.
    const image = (t) => noisyImage(noised(clean, noise, tables[name].sigma[t - 1]));
    for (const [i, canvas] of strip.entries()) draw(canvas, image(STRIP[i]));
    draw($('noisy'), image(t));
    ask().catch((error) => say(error.message, refresh));
  }

  function showNumbers() {
    const { name, t } = settings;
    const [beta, alphaBar, sigma] = ['beta', 'alphaBar', 'sigma'].map((key) => tables[name][key][t - 1]);
    for (const place of ['t', 't-again']) $(place).textContent = t;
    $('slider').setAttribute('aria-valuetext', `t ${t}, sigma ${amount(sigma)}`);
    $('beta').textContent = beta.toPrecision(3);
    $('alpha-bar').textContent = fraction(alphaBar);
    $('sigma').textContent = sigma >= 100 ? Math.round(sigma).toLocaleString('en') : amount(sigma);
    $('signal').textContent = fraction(Math.sqrt(alphaBar));
    $('noise').textContent = fraction(Math.sqrt(1 - alphaBar));
    $('noisy').setAttribute('aria-label', `The digit at t = ${t}, with noise of sigma ${amount(sigma)}`);
  }

  const ask = latest(async () => {
    const clean = specimen.picture;
    const { x, sigma } = noised(clean, noise, Math.min(sigmaMax, tables[settings.name].sigma[settings.t - 1]));
    const t = settings.t;
    const errors = {};
    const show = (which, denoised) => {
      draw($(`estimate-${which}`), toImage(denoised, width, height));
      errors[which] = meanSquare(denoised, clean);
      $(`error-${which}`).textContent = errors[which].toFixed(3);
      $(`bar-${which}`).style.setProperty('--share', Math.min(1, errors[which]));
    };
    $('told').textContent = amount(sigma);
    for (const which of ['told', 'blind']) show(which, (await unnoise.denoise({ model: MODELS[which], x, sigma })).denoised);
    const predicted = await unnoise.noiseLevel({ x });
    $('predicted').textContent = amount(predicted.sigma);
    show('estimated', (await unnoise.denoise({ model: MODELS.estimated, x, sigma })).denoised);
    const least = Math.min(...Object.values(errors));
    for (const which of WHICH) $(`error-${which}`).classList.toggle('least', errors[which] === least);
    section.dataset.answered = t;
  });

  // --- digits from the same noise ---

  function generate() {
    seen = true;
    runs.begin();
  }

  /** Those of all three, of which weights of one's own may know other classes than the rest. */
  function runSettings() {
    const { digit, seed } = settings;
    return WHICH.map((which) => ({ model: MODELS[which], digit: new Classes(unnoise, MODELS[which]).within(digit), seed }));
  }

  function showFrame(which, { run }) {
    const { frame } = run;
    draw($(`run-${which}`), noisyImage(frame));
    $(`run-${which}`).nextElementSibling.hidden = true;
    $(`run-${which}`).setAttribute('aria-label', `${TITLES[which]}: step ${frame.step} of ${frame.steps}`);
  }

  function showState() {
    const { run, state } = group;
    $('runs').dataset.state = state;
    if (!run) return;
    if (state === 'playing') $('status').textContent = 'Three digits are forming out of the same noise';
    else if (state !== 'seeking') $('status').textContent = run.done ? `Finished: ${run.frame.steps} steps each` : `At step ${run.index} of ${run.frame.steps}`;
  }

  // --- the engine ---

  function begin() {
    group = new PlayerGroup(unnoise, WHICH.length);
    for (const [i, player] of group.players.entries()) {
      player.addEventListener('frame', () => showFrame(WHICH[i], player));
      player.addEventListener('state', showState);
      player.addEventListener('error', ({ detail }) => say(detail.message, runs.again));
    }
    transport.follow(group);
    takeAddress();
    followLinks('schedule', () => {
      takeAddress();
      if (tables) showCurves();
      refresh();
      if (seen) generate();
    });
    load();
  }

  async function load() {
    try {
      const load = Object.values(MODELS).map((model) => unnoise.ready(model));
      const [linear, cosine, drawn] = await Promise.all([...NAMES.map((name) => unnoise.scheduleTable(name)), unnoise.noise({ seed: NOISE_SEED })]);
      const at = TIMES;
      tables = { linear: { at, ...linear }, cosine: { at, ...cosine } };
      noise = drawn;
      showCurves();
      await showLoading($('answers'), unnoise, Promise.all(load));
      refresh();
      // They are made when they are first looked at.
      whenSeen($('runs'), () => seen || generate());
    } catch (error) {
      say(error.message, load);
    }
  }

  function showCurves() {
    chart.show(tables[settings.name], tables[NAMES.find((name) => name !== settings.name)]);
    showNumbers();
  }

  // --- controls ---

  for (const radio of names) {
    radio.addEventListener('change', () => {
      settings.name = radio.value;
      if (tables) showCurves();
      change({});
    });
  }
  $('slider').addEventListener('input', ({ target }) => change({ t: target.valueAsNumber }));
  $('form').addEventListener('submit', (event) => {
    event.preventDefault();
    if (group) generate();
  });
  classes.options($('digit'), 'any');
  $('digit').addEventListener('change', ({ target }) => {
    change({ digit: classes.parse(target.value) });
    if (group) generate();
  });

  $('copy').addEventListener('click', () => copyLink($('copy'), 'schedule'));

  listen(section, { ...playerKeys(() => group), r: seed.reroll });

  return { begin };
}

const TITLES = { told: 'The U-Net that is told sigma', blind: 'The U-Net that is not told', estimated: 'The U-Net that is told the predicted sigma' };

/** A share of the whole, which is never a round 0 or 1. */
const fraction = (value) => (value < 0.001 ? value.toExponential(1).replace('e-', ' · 10⁻').replace(/\d+$/, (n) => [...n].map((d) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[d]).join('')) : value > 0.9995 ? value.toFixed(5) : value.toFixed(3));
