// The top of the page: drives the generator, one run at a time.

import { copyLink, followLinks, linkTo, takeState, writeState } from '../../page/address.js';
import { backendName } from '../../page/backend.js';
import { capital, Classes } from '../../page/classes.js';
import { showCall } from '../../page/engine-line.js';
import { Film, sigmaCurve } from '../../page/film.js';
import { ms, parseSeed, parseSlider, parseWhole, parseWord, sigma } from '../../page/format.js';
import { listen, playerKeys } from '../../page/keys.js';
import { hush, say, status } from '../../page/notices.js';
import { denoisedImage, draw, noisyImage } from '../../page/pixels.js';
import { calm, openPlayer, Runs, stateLine } from '../../page/runs.js';
import { parseSampler, samplerHint, samplerOptions, usesEta } from '../../page/samplers.js';
import { savePng } from '../../page/save.js';
import { isFor, OWN, parseSchedule, scheduleHint, scheduleOptions } from '../../page/schedules.js';
import { SeedField } from '../../page/seed.js';
import { TakeAlong } from '../../page/take-along.js';
import { Transport } from '../../page/transport.js';

/** What plays until the network is here (page/recording.js); nothing where it did not come. */
const recording = window.recording ?? { step: null, stop() {} };

export function mount(section, unnoise) {
  const $ = (id) => section.querySelector(`#${id}`);
  const { info } = unnoise;
  const { model } = info.defaults;
  const { defaults } = info.generators.find(({ name }) => name === model);
  /** What a visitor sees who has set nothing. */
  const OPENING = { model, eta: info.tuning.eta, schedule: OWN, ...defaults, digit: 3, seed: 7, speed: '8' };
  const settings = { ...OPENING };
  let player = null;

  const classes = new Classes(unnoise, model);
  const digits = classes.buttons($('digit'), (digit) => change({ digit }));
  const seed = new SeedField($('seed-field'), { onSeed: (seed) => change({ seed }) });
  const film = new Film($('film'), (step) => player?.seek(step), { curve: sigmaCurve(info) });
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
    const { step, ...values } = takeState('', { ...OPENING, digit: classes.within(OPENING.digit), step: null }, {
      digit: classes.parse,
      seed: parseSeed,
      steps: parseSlider($('steps')),
      sampler: parseSampler(info),
      schedule: parseSchedule(info, model),
      guidance: parseSlider($('strength')),
      eta: parseSlider($('eta')),
      speed: (text) => parseWord(text, transport.speeds),
      step: (text, { steps }) => parseWhole(text, 0, steps),
    });
    set(values);
    return step;
  }

  function writeAddress() {
    const { digit, seed, steps, sampler, schedule, guidance, eta, speed } = settings;
    const state = { digit: digit ?? 'any', seed, steps, sampler, guidance };
    if (schedule !== OWN) state.schedule = schedule;
    if (usesEta(info, sampler)) state.eta = eta;
    state.speed = speed;
    state.step = player?.run?.index ?? 0;
    writeState('', state);
  }

  // --- the page follows the settings ---

  function set(values) {
    Object.assign(settings, values);
    if (!isFor(info, model, settings.schedule, settings.steps)) settings.schedule = OWN;
    showSettings();
  }

  function showSettings() {
    digits.show(settings.digit);
    for (const id of ['steps', 'sampler', 'eta']) $(id).value = settings[id];
    for (const option of $('levels').options) option.disabled = !isFor(info, model, option.value, settings.steps);
    $('levels').value = settings.schedule;
    $('strength').value = settings.guidance;
    seed.show(settings.seed);
    $('steps-value').textContent = settings.steps;
    $('strength-value').textContent = settings.guidance.toFixed(1);
    $('eta-value').textContent = settings.eta.toFixed(2);
    $('eta-field').hidden = !usesEta(info, settings.sampler);
    $('sampler-hint').textContent = samplerHint(settings.sampler);
    $('levels-hint').textContent = scheduleHint(info, model, settings);
    $('strength').disabled = settings.digit === null;
    $('strength-hint').textContent = settings.digit === null
      ? 'Without a digit there is nothing to insist on.'
      : settings.guidance === 1 ? 'Off: the network is asked once a step.' : 'How strongly to insist on the digit. The network is asked twice a step: with the digit, and without.';
    transport.speed = settings.speed;
  }

  // --- runs ---

  function runSettings() {
    const { speed, eta, schedule, ...rest } = settings;
    return { ...rest, ...(schedule === OWN ? {} : { schedule }), ...(usesEta(info, rest.sampler) ? { eta } : {}) };
  }

  function change(values, then = runs.begin) {
    set(values);
    recording.stop();
    then();
  }

  // --- the page follows the player ---

  function showFrame() {
    const { run } = player;
    const { frame } = run;
    film.draw(frame);
    if (recorded()) return;
    // Whoever wants no motion sees only where it ends.
    if (calm.matches && player.seeking && run.index > 0) return;
    if (player.approaching) {
      if (frame.denoised) draw($('denoised'), denoisedImage(frame));
      return;
    }
    film.mark(frame);
    draw($('x'), noisyImage(frame));
    draw($('denoised'), denoisedImage(frame));
    $('unasked').hidden = frame.denoised !== null;
    const what = classes.name(run.settings.digit);
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

  /**
   * Whether a recording is seen in place of the run, which catches up with it: at the same step the run is played on, and
   * before that when the visitor asks something of it.
   */
  function recorded() {
    if (recording.step === null) return false;
    const { run, seeking } = player;
    const caught = run.index >= recording.step;
    if (seeking && !caught) return true;
    recording.stop();
    if (seeking) player.play();
    else showFrame();
    return false;
  }

  function showState() {
    const { run, state } = player;
    if (run && recorded()) return;
    section.dataset.state = state;
    if (run?.done) showCall(run.frames);
    if (run) status(stateLine(player, { doing: `${capital(classes.name(run.settings.digit))} is forming` }));
  }

  /** From here on there is something to see. */
  function begin() {
    const asked = takeAddress();
    if (recording.step === null) recording.stop();
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
        say(error.message, runs.again);
      },
    });
    runs.beginAt(recording.step === null ? asked : Infinity);
    return atRest(player);
  }

  // --- controls ---

  $('sampler').append(...samplerOptions(info));
  $('levels').append(...scheduleOptions(info, model));
  for (const [id, name] of [['sampler', 'sampler'], ['levels', 'schedule']]) {
    $(id).addEventListener('change', ({ target }) => change({ [name]: target.value }, runs.keepPlace));
  }
  for (const [id, name] of [['steps', 'steps'], ['strength', 'guidance'], ['eta', 'eta']]) {
    $(id).addEventListener('input', ({ target }) => change({ [name]: target.valueAsNumber }, runs.keepPlace));
  }
  $('settings').addEventListener('submit', (event) => event.preventDefault());

  const fileName = () => `unnoise-${player.run.settings.digit ?? 'any'}-seed-${player.run.settings.seed}`;
  new TakeAlong($('copy').parentElement, { player: () => player, film, transport, name: fileName });

  const save = (id, toImage) => {
    $(`save-${id}`).addEventListener('click', async () => {
      if (!player?.run) return;
      const { run } = player;
      try {
        await savePng(toImage(run.frame), `${fileName()}-step-${run.index}-${id}.png`, linkTo());
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

  listen(section, { ...playerKeys(() => player), ...classes.keys((digit) => change({ digit })), r: seed.reroll });

  followLinks('', () => {
    hush();
    recording.stop();
    runs.beginAt(takeAddress());
  });

  takeAddress();
  film.reset(settings.steps, $('x').width, $('x').height); // the page keeps its shape when the first run begins
  return { begin };
}

/** Resolves once the player has nothing more to compute: the first digit is there, or nobody waits for it. */
function atRest(player) {
  return new Promise((resolve) => {
    const look = () => player.run && !player.playing && !player.seeking && resolve();
    player.addEventListener('state', look);
    player.addEventListener('error', () => resolve());
  });
}
