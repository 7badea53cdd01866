// Chapter 2: how much noise is in a picture, and which. One network tells the amount, the U-Net tells the noise itself;
// and the gradient of the amount is a direction that a picture can be led along.

import { copyLink, followLinks, takeState, writeState } from '../../page/address.js';
import { Film, sigmaCurve } from '../../page/film.js';
import { parseNumber, parseSeed, parseWhole, parseWord, sigma as amount } from '../../page/format.js';
import { listen, playerKeys } from '../../page/keys.js';
import { latest } from '../../page/latest.js';
import { showLoading } from '../../page/loading.js';
import { meanSquare, noised } from '../../page/noised.js';
import { say } from '../../page/notices.js';
import { draw, noisyImage, signedImage, SignedLegend, toImage } from '../../page/pixels.js';
import { openPlayer, Runs } from '../../page/runs.js';
import { newSeed } from '../../page/seed.js';
import { parseSource, Specimen } from '../../page/specimen.js';
import { Transport } from '../../page/transport.js';

/** The networks know less noise than this, but a picture that clean has nowhere to go. */
const SIGMA_MIN = 0.05;
const TICKS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20];
/** Two standard deviations of noise are shown black and white. */
const NOISE_SCALE = 1 / 2;
/** How long everything rests before a run is started from the new picture. */
const REST_MS = 200;

const OPENING = { picture: '2-11', sigma: 0.6, seed: 7, told: 'predicted', lead: 'gradient' };
const MODELS = { gradient: 'noise-level', unet: 'digits' };
const PARSE = {
  seed: parseSeed,
  told: (text) => parseWord(text, ['predicted', 'true']),
  lead: (text) => parseWord(text, Object.keys(MODELS)),
  step: (text) => parseWhole(text, 0, 1000),
  picture: parseSource,
};

export function mount(section, unnoise) {
  const $ = (name) => section.querySelector(`#noise-${name}`);
  const radios = (name) => [...section.querySelectorAll(`input[name="noise-${name}"]`)];
  const { sigmas: [, sigmaMax], digit: { width, height } } = unnoise.info;
  /** Place of an amount on the logarithmic ruler, 0 to 1, and back. */
  const along = (sigma) => Math.min(1, Math.max(0, Math.log(sigma / SIGMA_MIN) / Math.log(sigmaMax / SIGMA_MIN)));
  const sigmaAt = (place) => Number((SIGMA_MIN * (sigmaMax / SIGMA_MIN) ** place).toPrecision(3));
  const settings = { ...OPENING };
  let player = null;
  let noise = null;
  let noisy = null;
  let rest;
  /** What the network says of a frame, once it has been asked: `{ sigma, gradient }`. */
  const readings = new WeakMap();
  /** The step that the address asks for, until the run is there. */
  let goal = 0;

  const specimen = new Specimen(unnoise, $('clean'), $('tools'), { onChange: takePicture, onError: (error) => say(error.message, () => specimen.restore(settings.picture)) });
  const film = new Film($('film'), (step) => player?.seek(step), { curve: sigmaCurve(unnoise.info, { of: (frame) => readings.get(frame)?.sigma ?? 0, name: '' }) });
  const transport = new Transport($('transport'));
  const runs = new Runs(() => player, runSettings);
  new SignedLegend($('legend'));

  for (const value of TICKS) {
    const tick = document.createElement('span');
    tick.textContent = value;
    tick.style.setProperty('--at', along(value));
    section.querySelector('.ticks').append(tick);
  }

  // --- the address ---

  function takeAddress() {
    const { step, ...values } = takeState('noise', { ...OPENING, step: 0 }, { sigma: (text) => parseNumber(text, SIGMA_MIN, sigmaMax), ...PARSE });
    Object.assign(settings, values);
    goal = step;
    specimen.restore(settings.picture);
  }

  function writeAddress() {
    writeState('noise', { ...settings, step: player?.run?.index || undefined }, OPENING);
  }

  // --- the picture under noise ---

  function change(values) {
    Object.assign(settings, values);
    goal = 0;
    refresh();
  }

  /** The specimen is another one: by the visitor's hand, or as the address asked for. */
  function takePicture() {
    if (specimen.source === settings.picture) refresh();
    else change({ picture: specimen.source });
  }

  /** Everything that needs no network, at once; then the networks' answers. */
  function refresh() {
    showSettings();
    if (!noise || specimen.busy) return;
    const frame = noised(specimen.picture, noise, settings.sigma);
    noisy = frame.x;
    draw($('added'), toImage(noise, width, height, NOISE_SCALE));
    const image = noisyImage(frame);
    draw($('noisy'), image);
    draw($('again'), image);
    ask().catch((error) => say(error.message, refresh));
    clearTimeout(rest);
    rest = setTimeout(lead, REST_MS);
  }

  function showSettings() {
    const { sigma, seed, told, lead } = settings;
    $('sigma').value = 1000 * along(sigma);
    $('sigma').setAttribute('aria-valuetext', `sigma ${amount(sigma)}`);
    for (const name of ['true', 'times']) $(name).textContent = amount(sigma);
    $('seed').textContent = seed;
    for (const radio of radios('told')) radio.checked = radio.value === told;
    for (const radio of radios('lead')) radio.checked = radio.value === lead;
  }

  const ask = latest(async () => {
    const { sigma: truth, told } = settings;
    const [x, clean] = [noisy, specimen.picture];
    const { sigma: predicted } = await unnoise.noiseLevel({ x });
    showPredicted(predicted, truth);
    const sigma = told === 'true' ? truth : Math.min(sigmaMax, Math.max(SIGMA_MIN, predicted));
    const { denoised } = await unnoise.denoise({ model: 'digits', x, sigma, digit: null });
    $('told-times').textContent = amount(sigma);
    draw($('predicted-noise'), toImage(x.map((value, i) => (value - denoised[i]) / sigma), width, height, NOISE_SCALE));
    draw($('estimate'), toImage(denoised, width, height));
    $('error').textContent = meanSquare(denoised, clean).toFixed(3);
    section.dataset.answered = truth;
  });

  function showPredicted(predicted, truth) {
    const off = Math.round(100 * (predicted / truth - 1));
    $('predicted').textContent = amount(predicted);
    $('off').textContent = off === 0 ? 'right to 1 %' : `${Math.abs(off)} % too ${off > 0 ? 'much' : 'little'}`;
    $('mark').style.setProperty('--at', along(predicted));
    $('mark').hidden = false;
  }

  async function renew() {
    try {
      noise = await unnoise.noise({ seed: settings.seed });
      refresh();
    } catch (error) {
      say(error.message, renew);
    }
  }

  // --- a run that starts from it ---

  /** Starts the run that the settings ask for; it is walked only as far as the address, or the visitor, says. */
  function lead() {
    runs.beginAt(goal);
    goal = 0;
  }

  function runSettings() {
    const { sigma, seed, lead } = settings;
    return { model: MODELS[lead], x: specimen.picture, sigma, seed, digit: null };
  }

  function showFrame() {
    const { run } = player;
    const { frame, settings: { x: clean } } = run;
    draw($('x'), noisyImage(frame));
    $('x').setAttribute('aria-label', `The picture at step ${frame.step} of ${frame.steps}`);
    $('step-now').textContent = frame.step;
    $('step-all').textContent = frame.steps;
    $('left').textContent = amount(Math.sqrt(meanSquare(frame.x, clean)));
    read(run, frame).catch((error) => say(error.message, showFrame));
    writeAddress();
  }

  /** Asks how much noise there is in a frame, which has its place in the film strip then. */
  async function read(run, frame) {
    if (!readings.has(frame)) readings.set(frame, await unnoise.noiseLevel({ x: frame.x }));
    if (run !== player.run) return;
    film.draw(frame);
    if (frame !== run.frame) return;
    film.mark(frame);
    $('seen').textContent = amount(readings.get(frame).sigma);
    await direct(frame, run.settings.model);
  }

  /** Where the model would lead this frame: the predicted noise, or the gradient of its amount, taken away. With it the answers to a step are complete. */
  const direct = latest(async (frame, model) => {
    const { x, sigma } = frame;
    let against = readings.get(frame).gradient;
    if (model === 'digits') {
      if (sigma === 0) against = new Float32Array(x.length);
      else {
        const { denoised } = await unnoise.denoise({ model, x, sigma, digit: null });
        against = x.map((value, i) => value - denoised[i]);
      }
    }
    draw($('direction'), signedImage(against.map((value) => -value)));
    if (frame === player.run.frame) $('walk').dataset.answered = frame.step;
  });

  function showState() {
    const { run, state } = player;
    // A screen reader is told where it ends, not every step.
    if (run && ['done', 'paused'].includes(state)) $('status').textContent = run.done ? `Arrived after ${run.frame.steps} steps` : `At step ${run.index} of ${run.frame.steps}`;
  }

  // --- the engine ---

  function begin() {
    player = openPlayer(unnoise, {
      transport,
      film,
      onRun: () => delete $('walk').dataset.answered,
      onFrame() {
        showFrame();
        showState();
      },
      onState: showState,
      onError: (error) => say(error.message, runs.again),
    });
    takeAddress();
    followLinks('noise', () => {
      takeAddress();
      renew();
    });
    load();
  }

  async function load() {
    try {
      renew();
      await showLoading($('answers'), unnoise, Promise.all(Object.values(MODELS).map((model) => unnoise.ready(model))));
    } catch (error) {
      say(error.message, load);
    }
  }

  // --- controls ---

  $('sigma').addEventListener('input', ({ target }) => change({ sigma: sigmaAt(target.valueAsNumber / 1000) }));
  const reroll = () => {
    settings.seed = newSeed();
    if (player) renew();
  };
  $('reroll').addEventListener('click', reroll);
  for (const name of ['told', 'lead']) {
    for (const radio of radios(name)) radio.addEventListener('change', () => change({ [name]: radio.value }));
  }

  $('copy').addEventListener('click', () => {
    player?.pause();
    writeAddress();
    copyLink($('copy'), 'noise');
  });

  listen(section, { ...playerKeys(() => player), r: reroll });

  return { begin };
}
