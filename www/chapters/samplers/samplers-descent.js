// Chapter 8, second part: sampling as descent, with a rate that the visitor sets, and what becomes of it.

import { Film, sigmaCurve } from '../../page/film.js';
import { parseSlider, parseWord, sigma as amount } from '../../page/format.js';
import { distance } from '../../page/noised.js';
import { say, statusLine } from '../../page/notices.js';
import { denoisedImage, draw, noisyImage, signedImage, SignedLegend, wipe } from '../../page/pixels.js';
import { calm, openPlayer, Runs } from '../../page/runs.js';
import { whenSeen } from '../../page/seen.js';
import { Transport } from '../../page/transport.js';

const METHODS = ['gradient-descent', 'momentum', 'adam'];
/** Further above, or below, what the network is told is no longer about the same. */
const ABOUT = 1.5;

export const OPENING = { method: 'gradient-descent', rate: 0.6, momentum: 0.2, rounds: 10 };
export const parse = (section) => ({
  method: (text) => parseWord(text, METHODS),
  rate: parseSlider(section.querySelector('#samplers-rate')),
  momentum: parseSlider(section.querySelector('#samplers-momentum')),
  rounds: parseSlider(section.querySelector('#samplers-rounds')),
});

/** How much of what the step before saw as noise is left in a frame: of the first frame, all. */
const left = ({ x, denoised, sigma }) => (denoised ? distance(x, denoised) : sigma);

/** `settings`: the chapter's. `writeAddress`: called when one of them has changed. */
export function mountDescent(section, unnoise, settings, { writeAddress }) {
  const $ = (id) => section.querySelector(`#samplers-${id}`);
  const methods = [...section.querySelectorAll('input[name="samplers-method"]')];
  const { info } = unnoise;
  const [sigmaMin, sigmaMax] = info.sigmas;
  const status = statusLine($('descent-status'));
  let player = null;
  let begun = false;

  const film = new Film($('descent-film'), (step) => player?.seek(step), { curve: sigmaCurve(info, { of: left, ghost: ({ sigma }) => sigma, name: '' }) });
  const transport = new Transport($('descent-transport'));
  const runs = new Runs(() => player, runSettings);
  new SignedLegend($('descent-legend'));

  const has = (parameter) => info.samplers.find(({ name }) => name === settings.method).parameters.includes(parameter);

  /** The rate at which a plain step takes off just as much as the table says: Euler's. */
  const tableRate = () => (settings.rounds > 1 ? 1 - (sigmaMin / sigmaMax) ** (1 / (settings.rounds - 1)) : 1);

  function runSettings() {
    const { digit, seed, guidance, method: sampler, rate, rounds: steps } = settings;
    const momentum = has('momentum') ? { momentum: settings.momentum } : {};
    return { model: 'digits', digit, seed, guidance, sampler, steps, rate, ...momentum };
  }

  function change(values) {
    Object.assign(settings, values);
    showSettings();
    if (begun) runs.keepPlace();
    writeAddress();
  }

  function showSettings() {
    const { method, rate, momentum, rounds } = settings;
    for (const radio of methods) radio.checked = radio.value === method;
    for (const [name, value, text] of [['rate', rate, rate.toFixed(2)], ['momentum', momentum, momentum.toFixed(2)], ['rounds', rounds, rounds]]) {
      $(name).value = value;
      $(`${name}-value`).textContent = text;
    }
    $('momentum').disabled = !has('momentum');
    $('momentum-hint').textContent = has('momentum') ? 'How much of the step before is gone once more.' : 'Plain descent has none.';
    $('rate-hint').textContent = `With ${tableRate().toFixed(2)} a plain step takes off as much as the network is told: it is Euler’s.`;
  }

  // --- what is seen ---

  function showFrame() {
    const { run } = player;
    const { frame, index } = run;
    film.draw(frame);
    if (calm.matches && player.seeking && index > 0) return;
    if (player.approaching) {
      draw($('descent-estimate'), denoisedImage(frame));
      return;
    }
    film.mark(frame);
    draw($('descent-x'), noisyImage(frame));
    draw($('descent-estimate'), denoisedImage(frame));
    $('descent-x').setAttribute('aria-label', `The picture at step ${frame.step} of ${frame.steps}`);
    $('descent-unasked').hidden = frame.denoised !== null;
    showStep(run);
    $('descent-step').textContent = frame.step;
    $('descent-steps').textContent = frame.steps;
    $('descent-told').textContent = amount(frame.sigma);
    $('descent-left').textContent = amount(left(frame));
    $('descent-calls').textContent = frame.nfe;
    if (run.done) $('verdict').textContent = verdict(run);
  }

  function showStep({ frames, frame, index }) {
    const before = frames[index - 1];
    $('descent-unmoved').hidden = Boolean(before);
    if (before) draw($('descent-move'), signedImage(frame.x.map((value, i) => value - before.x[i])));
    else wipe($('descent-move'));
  }

  function showState() {
    const { run, state } = player;
    $('descent').dataset.state = state;
    if (!run) return;
    if (!run.done) $('verdict').textContent = '';
    if (state === 'playing') status('Going down');
    else if (state !== 'seeking') status(run.done ? 'Arrived' : `At step ${run.index} of ${run.frame.steps}`);
  }

  /** What became of it, by what was measured before the last step, which takes off all that is left. */
  function verdict({ frames }) {
    const steps = frames.slice(1, -1);
    const ratios = steps.map((frame) => left(frame) / frame.sigma);
    const most = Math.max(...ratios);
    // A step that has gone past the estimate leaves the noise with its sign turned.
    const turned = steps.filter((frame, i) => correlation(frame, frames[i]) < 0).length > steps.length / 2;
    const past = turned ? 'Every step goes past the estimate, and the noise comes back with its sign turned. ' : '';
    const times = most >= 10 ? Math.round(most).toLocaleString('en') : most.toFixed(1);
    if (most > ABOUT) return `${past}Up to ${times} times as much noise is left as the network is told: it takes the rest for ink.`;
    if (ratios.at(-1) < 1 / ABOUT) return `${past}The noise is gone sooner than the network is told: it smooths away what is no noise, and comes to another picture.`;
    return `${past}The noise falls about as fast as the network is told.`;
  }

  // --- the engine ---

  function begin() {
    player = openPlayer(unnoise, { transport, film, onFrame: showFrame, onState: showState, onError: (error) => say(error.message, runs.again) });
    whenSeen($('descent-stage'), () => {
      begun = true;
      runs.begin();
    });
  }

  function renew({ keep = false } = {}) {
    showSettings();
    if (begun) (keep ? runs.keepPlace : runs.begin)();
  }

  for (const radio of methods) radio.addEventListener('change', () => change({ method: radio.value }));
  for (const name of ['rate', 'momentum', 'rounds']) $(name).addEventListener('input', ({ target }) => change({ [name]: target.valueAsNumber }));

  return {
    begin,
    renew,
    player: () => player,
    get busy() {
      return player?.state === 'seeking';
    },
  };
}

/** Whether what a frame has left points as it did before the step, above 0, or the other way. */
const correlation = ({ x, denoised }, before) => x.reduce((sum, value, i) => sum + (value - denoised[i]) * (before.x[i] - denoised[i]), 0);
