// The top of the page: drives the generator, one run at a time.

import { DEFAULTS } from '../unnoise.js';
import { followLinks, link, takeState, writeState } from '../page/address.js';
import { backendName } from '../page/backend.js';
import { Film } from '../page/film.js';
import { count, ms, parseDigit, parseNumber, parseSeed, parseWhole, parseWord, sigma } from '../page/format.js';
import { listen, showKeys } from '../page/keys.js';
import { hush, say, status } from '../page/notices.js';
import { denoisedImage, draw, noisyImage, savePng } from '../page/pixels.js';
import { Player } from '../page/player.js';
import { SeedField } from '../page/seed.js';
import { Transport } from '../page/transport.js';

/** What a visitor sees who has set nothing. */
const OPENING = { ...DEFAULTS, digit: 3, seed: 7, speed: '8' };
/** How long a slider rests before its run is started. */
const REST_MS = 120;

const SAMPLERS = {
  'dpmpp-2m': ['DPM-Solver++ (2M)', 'Looks back one step, to see the curve: few steps are enough.'],
  heun: ['Heun', 'Tries each step, then corrects it: twice the network calls.'],
  euler: ['Euler', 'Follows the estimate in a straight line.'],
  ddim: ['DDIM', 'Straight lines on the training schedule; η adds fresh noise.'],
  ddpm: ['DDPM', 'The original: fresh noise in every step, so it likes many.'],
};
const USES_ETA = new Set(['ddim']);

const calm = matchMedia('(prefers-reduced-motion: reduce)');

export function mount(section) {
  const $ = (id) => section.querySelector(`#${id}`);
  const digits = [...section.querySelectorAll('[data-digit]')];
  const settings = { ...OPENING };
  let player = null;
  let rest;

  const seed = new SeedField($('seed-field'), { onSeed: (seed) => change({ seed }) });
  const film = new Film($('film'), (step) => player?.seek(step));
  const transport = new Transport(section.querySelector('.transport'), {
    onSpeed(speed) {
      change({ speed }, showSettings);
      writeAddress();
    },
  });

  // --- the address ---

  /** Takes the settings from the address; returns the step that it names, or null. */
  function takeAddress() {
    const { step, ...values } = takeState('', { ...OPENING, step: null }, {
      digit: parseDigit,
      seed: parseSeed,
      steps: (text) => parseWhole(text, 1, 100),
      sampler: (text) => parseWord(text, Object.keys(SAMPLERS)),
      guidance: (text) => parseNumber(text, 1, 6),
      eta: (text) => parseNumber(text, 0, 1),
      speed: (text) => parseWord(text, transport.speeds),
      step: (text, { steps }) => parseWhole(text, 0, steps),
    });
    Object.assign(settings, values);
    return step;
  }

  function writeAddress() {
    const { digit, seed, steps, sampler, guidance, eta, speed } = settings;
    const state = { digit: digit ?? 'any', seed, steps, sampler, guidance };
    if (USES_ETA.has(sampler)) state.eta = eta;
    state.speed = speed;
    state.step = player?.run?.index ?? 0;
    writeState('', state);
  }

  // --- the page follows the settings ---

  function showSettings() {
    for (const button of digits) button.setAttribute('aria-pressed', String(button.dataset.digit === String(settings.digit ?? 'any')));
    for (const id of ['steps', 'sampler', 'guidance', 'eta']) $(id).value = settings[id];
    seed.show(settings.seed);
    $('steps-value').textContent = settings.steps;
    $('guidance-value').textContent = settings.guidance.toFixed(1);
    $('eta-value').textContent = settings.eta.toFixed(2);
    $('eta-field').hidden = !USES_ETA.has(settings.sampler);
    $('sampler-hint').textContent = SAMPLERS[settings.sampler][1];
    $('guidance').disabled = settings.digit === null;
    $('guidance-hint').textContent = settings.digit === null
      ? 'Without a digit there is nothing to insist on.'
      : settings.guidance === 1 ? 'Off: the network is asked once a step.' : 'How strongly to insist on the digit. It is asked twice a step.';
    transport.speed = settings.speed;
  }

  // --- runs ---

  function runSettings() {
    const { speed, ...rest } = settings;
    return rest;
  }

  /** A new digit: played from its beginning, or, where motion is not wanted, shown whole. */
  function begin() {
    clearTimeout(rest);
    showSettings();
    player?.open(runSettings(), calm.matches ? { goal: settings.steps } : { play: true });
  }

  /** The same place under other settings, so that a class can compare. */
  function keepPlace() {
    showSettings();
    clearTimeout(rest);
    rest = setTimeout(() => {
      const run = player?.run;
      if (!run || player.playing) return begin();
      const goal = Math.round((run.index / run.frame.steps) * settings.steps);
      player.open(runSettings(), { goal });
    }, REST_MS);
  }

  function change(values, then = begin) {
    Object.assign(settings, values);
    then();
  }

  // --- the page follows the player ---

  function showFrame() {
    const { run } = player;
    const { frame } = run;
    film.draw(frame);
    // Whoever wants no motion sees only where it ends.
    if (calm.matches && player.seeking && run.index > 0) return;
    film.mark(frame);
    draw($('x'), noisyImage(frame));
    draw($('denoised'), denoisedImage(frame));
    $('unasked').hidden = frame.denoised !== null;
    const what = run.settings.digit === null ? 'a digit' : `a ${run.settings.digit}`;
    $('x').setAttribute('aria-label', `The noisy picture of ${what} at step ${frame.step} of ${frame.steps}`);
    $('denoised').setAttribute('aria-label', frame.denoised ? `The network's estimate of ${what} at step ${frame.step} of ${frame.steps}` : 'The network has not been asked yet');
    $('sigma').textContent = sigma(frame.sigma);
    $('step-now').textContent = frame.step;
    $('step-all').textContent = frame.steps;
    $('nfe').textContent = frame.nfe;
    $('ms').textContent = frame.step === 0 ? '–' : ms(frame.ms);
    $('backend').textContent = backendName(run.backend);
    writeAddress();
  }

  function showState() {
    const { run, playing, seeking } = player;
    section.dataset.state = playing ? 'playing' : seeking ? 'seeking' : run?.done ? 'done' : 'paused';
    if (!run) return;
    if (playing) status(run.settings.digit === null ? 'A digit is forming' : `A ${run.settings.digit} is forming`);
    else if (seeking) status(`On the way to the step that was asked for`);
    else if (run.done) status(`Finished: ${count(run.frame.steps, 'step')}, ${count(run.frame.nfe, 'network call')}, ${time(run)} of computing`);
    else status(`Paused at step ${run.index} of ${run.frame.steps}`);
  }

  /** Gets the engine: from here on there is something to see. */
  function start(unnoise) {
    const step = takeAddress();
    player = new Player(unnoise);
    transport.follow(player);
    player.addEventListener('run', () => {
      const { steps, width, height } = player.run.frame;
      film.reset(steps, width, height);
    });
    player.addEventListener('frame', () => {
      showFrame();
      showState();
    });
    player.addEventListener('state', showState);
    player.addEventListener('error', ({ detail }) => {
      status('Stopped');
      say(detail.message, () => player.open(runSettings(), { goal: player.run?.index ?? settings.steps }));
    });
    showSettings();
    if (step === null) begin();
    else player.open(runSettings(), { goal: step });
    return atRest(player);
  }

  // --- controls ---

  for (const [value, [name]] of Object.entries(SAMPLERS)) $('sampler').add(new Option(name, value));
  for (const button of digits) {
    button.addEventListener('click', () => change({ digit: button.dataset.digit === 'any' ? null : Number(button.dataset.digit) }));
  }
  $('sampler').addEventListener('change', ({ target }) => change({ sampler: target.value }, keepPlace));
  for (const id of ['steps', 'guidance', 'eta']) {
    $(id).addEventListener('input', ({ target }) => change({ [id]: target.valueAsNumber }, keepPlace));
  }
  $('settings').addEventListener('submit', (event) => event.preventDefault());

  const save = (id, toImage) => {
    $(`save-${id}`).addEventListener('click', async () => {
      if (!player?.run) return;
      const { run } = player;
      const name = `unnoise-${run.settings.digit ?? 'any'}-seed-${run.settings.seed}-step-${run.index}-${id}.png`;
      try {
        await savePng(toImage(run.frame), name);
      } catch (error) {
        say(error.message);
      }
    });
  };
  save('x', noisyImage);
  save('denoised', denoisedImage);

  $('copy').addEventListener('click', async () => {
    player?.pause();
    writeAddress();
    try {
      await navigator.clipboard.writeText(link());
      status('The link has been copied');
      $('copy').textContent = 'Copied';
      setTimeout(() => ($('copy').textContent = 'Copy link to this step'), 2000);
    } catch {
      say(`This browser did not let the page copy. The link stands in the address bar: ${location.href}`);
    }
  });

  const digitKeys = Object.fromEntries(Array.from({ length: 10 }, (_, digit) => [digit, () => change({ digit })]));
  listen(section, {
    ...digitKeys,
    ' ': () => player?.toggle(),
    ArrowLeft: () => player?.back(),
    ArrowRight: () => player?.forward(),
    Home: () => player?.seek(0),
    End: () => player?.seek(settings.steps),
    a: () => change({ digit: null }),
    r: seed.reroll,
    '?': showKeys,
  });

  followLinks('', () => {
    hush();
    const step = takeAddress();
    showSettings();
    if (step === null) begin();
    else player?.open(runSettings(), { goal: step });
  });

  takeAddress();
  showSettings();
  film.reset(settings.steps, $('x').width, $('x').height); // the page keeps its shape when the first run begins
  return { begin: start };
}

/** Resolves once the player has nothing more to compute: the first digit is there, or nobody waits for it. */
function atRest(player) {
  return new Promise((resolve) => {
    const look = () => player.run && !player.playing && !player.seeking && resolve();
    player.addEventListener('state', look);
    player.addEventListener('error', () => resolve());
  });
}

function time(run) {
  const all = run.frames.reduce((sum, frame) => sum + frame.ms, 0);
  return all < 1000 ? ms(all) : `${(all / 1000).toFixed(1)} s`;
}
