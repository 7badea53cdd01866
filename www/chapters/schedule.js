// Chapter 3: the schedule of the noise that training adds, what it does to a digit, and why the U-Net is told how much it was.

import { followLinks, takeState, writeState } from '../page/address.js';
import { parseSeed, parseWhole, parseWord, sigma as amount } from '../page/format.js';
import { listen, playerKeys } from '../page/keys.js';
import { latest } from '../page/latest.js';
import { showLoading } from '../page/loading.js';
import { meanSquare, noised } from '../page/noised.js';
import { say } from '../page/notices.js';
import { draw, noisyImage, toImage } from '../page/pixels.js';
import { PlayerGroup } from '../page/player-group.js';
import { fromStart } from '../page/runs.js';
import { ScheduleChart, T_MAX } from '../page/schedule-chart.js';
import { SeedField } from '../page/seed.js';
import { whenSeen } from '../page/seen.js';
import { parseSource, Specimen } from '../page/specimen.js';
import { Transport } from '../page/transport.js';

const SIZE = 28;
/** The noise that is put on the digit is always the same, so that only its amount changes. */
const NOISE_SEED = 1;
/** The digit at these t, below the curves. */
const STRIP = [1, 101, 201, 301, 401, 501, 600, 700, 800, 900, T_MAX];

/** The cosine schedule ends at 20,000; long before, nothing is left of a digit, and the library takes no more than this. */
const SIGMA_MAX = 1000;

const NAMES = ['linear', 'cosine'];
/** The same network with σ, without it, and with what another network predicts of it. */
const MODELS = { told: 'digits', blind: 'digits-blind', estimated: 'digits-estimated' };
const WHICH = Object.keys(MODELS);

const OPENING = { name: 'linear', t: 350, picture: '4-23', digit: '5', seed: 3 };
const PARSE = {
  name: (text) => parseWord(text, NAMES),
  t: (text) => parseWhole(text, 1, T_MAX),
  digit: (text) => parseWord(text, [...'0123456789', 'any']),
  seed: parseSeed,
  picture: parseSource,
};

export function mount(section) {
  const $ = (name) => section.querySelector(`#schedule-${name}`);
  const names = [...section.querySelectorAll('input[name="schedule-name"]')];
  const settings = { ...OPENING };
  let unnoise = null;
  let tables = null;
  let noise = null;
  let group = null;
  let seen = false;

  const chart = new ScheduleChart($('chart'), (t) => change({ t }));
  const specimen = new Specimen($('clean'), $('tools'), { onChange: takePicture, onError: (error) => say(error.message) });
  const seed = new SeedField($('seed-field'), {
    id: 'schedule',
    onSeed(seed) {
      change({ seed });
      if (group) generate();
    },
  });
  const transport = new Transport($('transport'));
  const strip = STRIP.map((t) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.tabIndex = -1; // the handle of the chart is for the keyboard
    button.setAttribute('aria-label', `The digit at t = ${t}`);
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = SIZE;
    button.append(canvas);
    button.addEventListener('click', () => change({ t }));
    return canvas;
  });
  $('strip').append(...strip.map((canvas) => canvas.parentNode));

  // --- the address ---

  function takeAddress() {
    Object.assign(settings, takeState('schedule', OPENING, PARSE));
    specimen.restore(settings.picture);
  }

  // --- a digit at t ---

  function change(values) {
    Object.assign(settings, values);
    refresh();
    writeState('schedule', settings, OPENING);
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
    $('digit').value = digit;
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
    ask().catch(report);
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
    const { x, sigma } = noised(clean, noise, Math.min(SIGMA_MAX, tables[settings.name].sigma[settings.t - 1]));
    const t = settings.t;
    const errors = {};
    const show = (which, denoised) => {
      draw($(`estimate-${which}`), toImage(denoised, SIZE, SIZE));
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
    const { digit, seed } = settings;
    const runs = WHICH.map((which) => ({ model: MODELS[which], digit: digit === 'any' ? null : Number(digit), seed }));
    group.open(runs, fromStart());
  }

  function showFrame(which, { run }) {
    const { frame } = run;
    draw($(`run-${which}`), noisyImage(frame));
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

  function report(error) {
    say(error.message, start);
  }

  async function start() {
    group = new PlayerGroup(unnoise, WHICH.length);
    for (const [i, player] of group.players.entries()) {
      player.addEventListener('frame', () => showFrame(WHICH[i], player));
      player.addEventListener('state', showState);
      player.addEventListener('error', ({ detail }) => report(detail));
    }
    transport.follow(group);
    try {
      const load = Object.values(MODELS).map((model) => unnoise.ready(model));
      const [linear, cosine, drawn] = await Promise.all([...NAMES.map((name) => unnoise.scheduleTable(name)), unnoise.noise({ seed: NOISE_SEED })]);
      tables = { linear, cosine };
      noise = drawn;
      showCurves();
      await showLoading($('answers'), unnoise, Promise.all(load));
      refresh();
      // They are made when they are first looked at.
      whenSeen($('runs'), () => seen || generate());
    } catch (error) {
      report(error);
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
  $('digit').addEventListener('change', ({ target }) => {
    change({ digit: target.value });
    if (group) generate();
  });

  listen(section, { ...playerKeys(() => group), r: seed.reroll });

  return {
    begin(engine) {
      unnoise = engine;
      specimen.begin(engine);
      takeAddress();
      followLinks('schedule', () => {
        takeAddress();
        if (tables) showCurves();
        refresh();
        if (seen) generate();
      });
      start();
    },
  };
}

const TITLES = { told: 'The U-Net that is told sigma', blind: 'The U-Net that is not told', estimated: 'The U-Net that is told the predicted sigma' };

/** A share of the whole, which is never a round 0 or 1. */
const fraction = (value) => (value < 0.001 ? value.toExponential(1).replace('e-', ' · 10⁻').replace(/\d+$/, (n) => [...n].map((d) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[d]).join('')) : value > 0.9995 ? value.toFixed(5) : value.toFixed(3));
