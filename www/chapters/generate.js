// The top of the page: drives the generator, one run at a time.

import { DEFAULTS } from '../unnoise.js';
import { copyLink, followLinks, takeState, writeState } from '../page/address.js';
import { backendName } from '../page/backend.js';
import { digitButtons, digitKeys } from '../page/digits.js';
import { Film } from '../page/film.js';
import { count, duration, ms, parseDigit, parseNumber, parseSeed, parseWhole, parseWord, sigma } from '../page/format.js';
import { listen, playerKeys } from '../page/keys.js';
import { hush, say, status } from '../page/notices.js';
import { denoisedImage, draw, noisyImage, savePng } from '../page/pixels.js';
import { calm, openPlayer, Runs } from '../page/runs.js';
import { samplerOptions, SAMPLERS, USES_ETA } from '../page/samplers.js';
import { SeedField } from '../page/seed.js';
import { Transport } from '../page/transport.js';

/** What a visitor sees who has set nothing. */
const OPENING = { ...DEFAULTS, digit: 3, seed: 7, speed: '8' };

export function mount(section) {
  const $ = (id) => section.querySelector(`#${id}`);
  const settings = { ...OPENING };
  let player = null;

  const digits = digitButtons($('digit'), (digit) => change({ digit }));
  const seed = new SeedField($('seed-field'), { onSeed: (seed) => change({ seed }) });
  const film = new Film($('film'), (step) => player?.seek(step));
  const transport = new Transport(section.querySelector('.transport'), {
    onSpeed(speed) {
      settings.speed = speed;
      writeAddress();
    },
  });
  const runs = new Runs(() => player, runSettings);

  // --- the address ---

  /** Takes the settings from the address, and shows them; returns the step that it names, or null. */
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
    showSettings();
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
    digits.show(settings.digit);
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

  function change(values, then = runs.begin) {
    Object.assign(settings, values);
    showSettings();
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
    const { run, state } = player;
    section.dataset.state = state;
    if (!run) return;
    if (state === 'playing') status(run.settings.digit === null ? 'A digit is forming' : `A ${run.settings.digit} is forming`);
    else if (state === 'seeking') status('On the way to the step that was asked for');
    else if (state === 'done') status(`Finished: ${count(run.frame.steps, 'step')}, ${count(run.frame.nfe, 'network call')}, ${time(run)} of computing`);
    else status(`Paused at step ${run.index} of ${run.frame.steps}`);
  }

  /** Gets the engine: from here on there is something to see. */
  function start(unnoise) {
    const step = takeAddress();
    player = openPlayer(unnoise, {
      transport,
      film,
      onFrame() {
        showFrame();
        showState();
      },
      onState: showState,
      onError(error) {
        status('Stopped');
        say(error.message, () => player.open(runSettings(), { goal: player.run?.index ?? settings.steps }));
      },
    });
    runs.beginAt(step);
    return atRest(player);
  }

  // --- controls ---

  $('sampler').append(...samplerOptions());
  $('sampler').addEventListener('change', ({ target }) => change({ sampler: target.value }, runs.keepPlace));
  for (const id of ['steps', 'guidance', 'eta']) {
    $(id).addEventListener('input', ({ target }) => change({ [id]: target.valueAsNumber }, runs.keepPlace));
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
    if (await copyLink($('copy'))) status('The link has been copied');
  });

  listen(section, { ...playerKeys(() => player), ...digitKeys((digit) => change({ digit })), r: seed.reroll });

  followLinks('', () => {
    hush();
    runs.beginAt(takeAddress());
  });

  takeAddress();
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

const time = ({ frames }) => duration(frames.reduce((sum, frame) => sum + frame.ms, 0));
