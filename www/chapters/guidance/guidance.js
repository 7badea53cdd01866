// Chapter 4: the digit as an input, the network's answers with it and without, and their difference, taken g times.

import { copyLink, followLinks, takeState, writeState } from '../../page/address.js';
import { backendName } from '../../page/backend.js';
import { capital, Classes } from '../../page/classes.js';
import { Film } from '../../page/film.js';
import { parseNumber, parseSeed, parseSlider, parseWhole, parseWord, sigma as amount } from '../../page/format.js';
import { listen, playerKeys } from '../../page/keys.js';
import { latest } from '../../page/latest.js';
import { say, statusLine } from '../../page/notices.js';
import { draw, noisyImage, signedImage, SignedLegend, toImage } from '../../page/pixels.js';
import { calm, openPlayer, Runs, stateLine } from '../../page/runs.js';
import { SeedField } from '../../page/seed.js';
import { bringIntoSight, whenSeen } from '../../page/seen.js';
import { TakeAlong } from '../../page/take-along.js';
import { Transport } from '../../page/transport.js';
import { Cost } from './guidance-cost.js';
import { OneHot } from './guidance-onehot.js';
import { SigmaRange } from './guidance-range.js';
import { Ten } from './guidance-ten.js';

const CHAPTER = 'guidance';
const MODEL = 'digits';
/** In the middle of the way the difference says most. */
const OPENING = { digit: 3, not: null, g: 3, seed: 7, where: 'all', low: 0.5, high: 5, step: 3 };
/** Wishes to try: left to itself, the noise of this seed becomes a 7. */
const WISH = { digit: 3, not: null };
const AVOID = { digit: null, not: 7, seed: 47 };
/** Whoever avoids something wants more than nothing done about it. */
const LEAST_TO_AVOID = 2;
const TICKS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20];
/** Differences this large are shown in full colour. */
const LIMIT = 1;
/** How long everything rests before the ten digits are drawn anew. */
const REST_MS = 200;

/** The curve of the film strip: the size of g times the difference, logarithmic. */
const SIZES = [0.003, 3];
const height = (size) => 6 + 88 * (Math.log(SIZES[1] / Math.min(SIZES[1], Math.max(SIZES[0], size))) / Math.log(SIZES[1] / SIZES[0]));
const RULES = [[height(1), '1'], [height(0.1), '0.1'], [height(0.01), '0.01']];

export function mount(section, unnoise) {
  const $ = (id) => section.querySelector(`#guidance-${id}`);
  const status = statusLine($('status'));
  const { info } = unnoise;
  const { sigmas: [sigmaMin, sigmaMax], digit: { width, height: high } } = info;
  const { steps } = info.generators.find(({ name }) => name === MODEL).defaults;
  const settings = { ...OPENING };
  let player = null;
  /** Whether a run by the settings as they are is still to come. */
  let awaited = false;
  let tenSeen = false;
  let rest;
  /** The answers to a frame, once the network has been asked: `{ cond, uncond, difference }`. */
  const answers = new WeakMap();

  const classes = new Classes(unnoise, MODEL);
  const digit = new OneHot($('digit'), classes, pickDigit);
  const not = new OneHot($('not'), classes, pickNot);
  const seed = new SeedField($('seed-field'), { id: CHAPTER, onSeed: (seed) => change({ seed }) });
  const transport = new Transport($('transport'));
  const film = new Film($('film'), (step) => player?.seek(step), {
    pictures: (frame) => [noisyImage(frame), signedImage(scaled(frame), { limit: LIMIT })],
    curve: { height: (frame) => height(size(scaled(frame))), rules: RULES },
  });
  const runs = new Runs(() => player, runSettings);
  const range = new SigmaRange($('interval'), { id: 'guidance', from: sigmaMin, to: sigmaMax, ticks: TICKS, onRange: ([low, high]) => change({ low, high }, settings.where === 'middle') });
  const ten = new Ten($('ten'), unnoise, classes, { rows: ['off', 'all', 'middle'], onPick: pickOfTen, onError: (error, retry) => say(error.message, retry) });
  const cost = new Cost($('cost'), $('cost-text'), unnoise, { from: Number($('g').min), to: Number($('g').max), step: Number($('g').step), onPick: (g) => changeStrength(g) });
  new SignedLegend($('legend'), { less: 'less', more: 'more' }).limit = LIMIT;
  const radios = [...section.querySelectorAll('input[name="guidance-where"]')];

  // --- the address ---

  /** Takes the settings from the address, and shows them; returns the step that it names. */
  function takeAddress() {
    const { step, ...values } = takeState(CHAPTER, { ...OPENING, digit: classes.within(OPENING.digit) }, {
      digit: classes.parse,
      g: parseSlider($('g')),
      not: (text, { digit, g }) => {
        const wanted = parseWhole(text, 0, classes.names.length - 1);
        if (wanted === digit) return new Error(`a digit cannot be both asked for and avoided`);
        return wanted !== undefined && g <= 1 ? new Error('which takes a g above 1') : wanted;
      },
      seed: parseSeed,
      where: (text) => parseWord(text, ['all', 'middle']),
      low: (text) => parseNumber(text, sigmaMin, sigmaMax),
      high: (text, { low }) => parseNumber(text, low, sigmaMax),
      step: (text) => parseWhole(text, 0, steps),
    });
    Object.assign(settings, values);
    showSettings();
    return step;
  }

  function writeAddress() {
    const { digit, ...rest } = settings;
    const step = player?.run?.index ?? OPENING.step;
    writeState(CHAPTER, { ...rest, digit: digit ?? 'any', step }, OPENING);
  }

  // --- the page follows the settings ---

  /** Whether the two questions differ. */
  const differ = () => settings.digit !== settings.not;
  const interval = () => [settings.low, settings.high];

  /** g at a noise level. */
  function strengthAt(sigma) {
    const { where, g, low, high } = settings;
    return where === 'all' || (low < sigma && sigma <= high) ? g : 1;
  }

  function showSettings() {
    const { g, where } = settings;
    digit.show(settings.digit);
    not.show(settings.not);
    seed.show(settings.seed);
    $('hint').textContent = wishHint();
    $('with-what').textContent = wish(settings.digit);
    $('without-what').textContent = settings.not === null ? wish(null) : `${wish(settings.not)}, to avoid it`;
    $('g').value = g;
    $('g-value').textContent = g;
    $('g-hint').textContent = strengthHint(g, settings.not);
    for (const radio of radios) radio.checked = radio.value === where;
    range.show(interval());
    cost.mark(g);
    ten.name(['Not guided: g = 1', `g = ${g} at every σ`, `g = ${g} for ${settings.low} < σ ≤ ${settings.high}`]);
    if (tenSeen) showTen();
  }

  const wish = (digit) => (digit !== null ? `Asked for ${classes.name(digit)}` : classes.areDigits ? 'Asked for any digit' : 'Asked for anything');

  const subject = ({ digit, negative }) => (digit === null && negative !== null ? `anything but ${classes.name(negative)}` : classes.name(digit));

  function wishHint() {
    if (!differ()) return 'Both questions are the same: there is no difference to take.';
    if (settings.not !== null) return `In the place of “any” stands ${classes.name(settings.not)}: the picture is led away from it. This is a negative.`;
    return 'Move the second 1 to a digit, and the picture is led away from that digit.';
  }

  // --- what the visitor sets ---

  /** A setting that changes the run: the same step of the new one is shown. */
  function change(values, anew = true) {
    Object.assign(settings, values);
    showSettings();
    if (player) showAnswers();
    if (player && anew) {
      awaited = true;
      delete $('stage').dataset.answered;
      runs.keepPlace();
    }
    writeAddress();
  }

  function pickDigit(digit) {
    change({ digit, not: digit === settings.not ? null : settings.not });
  }

  function pickNot(not) {
    const { digit, g } = settings;
    change({ not, digit: not !== null && digit === not ? null : digit, g: not === null ? g : Math.max(g, LEAST_TO_AVOID) });
  }

  function changeStrength(g) {
    change({ g, not: g > 1 ? settings.not : null });
  }

  function pickOfTen(row, digit) {
    change({ digit, not: null, g: row === 'off' ? 1 : settings.g, where: row === 'middle' ? 'middle' : 'all' });
    bringIntoSight($('stage'));
  }

  // --- runs ---

  function runSettings() {
    const { digit, not, seed, g, where } = settings;
    // Where nothing differs, or nothing is asked of g, there is no guidance to set.
    return { model: MODEL, digit, negative: not, seed, steps, guidance: differ() ? g : 1, guidanceInterval: where === 'middle' ? interval() : undefined };
  }

  /** g times the difference, at the noise level of a frame. */
  function scaled(frame) {
    const { difference } = answers.get(frame);
    const g = strengthAt(frame.sigma);
    return difference.map((value) => g * value);
  }

  /** Both answers to a frame. Where no noise is left, the picture itself is the answer to everything. */
  async function ask({ settings: { digit, negative } }, frame) {
    if (answers.has(frame)) return;
    const { x, sigma } = frame;
    let [cond, uncond] = [x, x];
    if (sigma > 0) {
      const asked = [digit, negative].map((digit) => unnoise.denoise({ model: MODEL, x, sigma, digit }));
      [cond, uncond] = (await Promise.all(asked)).map(({ denoised }) => denoised);
    }
    answers.set(frame, { cond, uncond, difference: cond.map((value, i) => value - uncond[i]) });
  }

  // --- the page follows the player ---

  function showFrame() {
    const { run } = player;
    // Whoever wants no motion sees only where it ends.
    if (player.approaching || (calm.matches && player.seeking && run.index > 0)) return;
    const { frame } = run;
    draw($('x'), noisyImage(frame));
    $('x').setAttribute('aria-label', `The noisy picture at step ${frame.step} of ${frame.steps}`);
    $('sigma').textContent = amount(frame.sigma);
    $('step-now').textContent = frame.step;
    $('step-all').textContent = frame.steps;
    $('nfe').textContent = frame.nfe;
    $('backend').textContent = backendName(run.backend);
    writeAddress();
    look(run, frame).catch((error) => run === player.run && say(error.message, showFrame));
  }

  /** The answers to the frame on show, as they are and as they are put together. */
  function showAnswers() {
    const { run } = player;
    const { frame } = run ?? {};
    if (!frame || !answers.has(frame)) return;
    const { cond, uncond, difference } = answers.get(frame);
    const g = strengthAt(frame.sigma);
    draw($('with'), toImage(cond, width, high));
    draw($('without'), toImage(uncond, width, high));
    draw($('difference'), signedImage(difference, { limit: LIMIT }));
    draw($('guided'), toImage(uncond.map((value, i) => value + g * difference[i]), width, high));
    for (const note of $('stage').querySelectorAll('.unasked')) note.hidden = true;
    $('size').textContent = frame.sigma === 0 ? '0' : size(difference).toFixed(3);
    $('here').textContent = frame.sigma === 0 ? '–' : g;
    $('formula').textContent = formula(frame.sigma, g);
  }

  /** Asks about the frame on show, then, while it stays there, about those that were passed over on the way, for the film strip. */
  const look = latest(async (run, frame) => {
    const elsewhere = () => run !== player.run || frame !== run.frame;
    await ask(run, frame);
    if (elsewhere()) return;
    showAnswers();
    film.draw(frame);
    film.mark(frame);
    if (!awaited) $('stage').dataset.answered = frame.step;
    for (const other of run.frames) {
      await ask(run, other);
      if (elsewhere()) return;
      film.draw(other);
    }
  });

  function showState() {
    const { run, state } = player;
    section.dataset.state = state;
    if (run) status(stateLine(player, { doing: `${capital(subject(run.settings))} is forming` }));
  }

  // --- ten digits ---

  function showTen() {
    clearTimeout(rest);
    rest = setTimeout(() => {
      const { g, seed } = settings;
      const base = { model: MODEL, seed, steps };
      ten.show([{ ...base, guidance: 1 }, { ...base, guidance: g }, { ...base, guidance: g, guidanceInterval: interval() }]);
    }, REST_MS);
  }

  // --- the engine ---

  function begin() {
    player = openPlayer(unnoise, {
      transport,
      film,
      onRun() {
        awaited = false;
        delete $('stage').dataset.answered;
      },
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
    runs.beginAt(takeAddress());
    followLinks(CHAPTER, () => runs.beginAt(takeAddress()));
    whenSeen($('ten'), () => {
      tenSeen = true;
      showTen();
    });
    whenSeen($('cost'), cost.load);
  }

  // --- controls ---

  classes.whenKnown(() => {
    $('wish').textContent = capital(classes.name(classes.within(WISH.digit)));
    $('avoid').textContent = `Not ${classes.name(classes.within(AVOID.not))}`;
  });
  $('wish').addEventListener('click', () => change({ ...WISH, digit: classes.within(WISH.digit) }));
  $('avoid').addEventListener('click', () => change({ ...AVOID, not: classes.within(AVOID.not), g: Math.max(settings.g, LEAST_TO_AVOID) }));
  $('g').addEventListener('input', ({ target }) => changeStrength(target.valueAsNumber));
  for (const radio of radios) radio.addEventListener('change', () => change({ where: radio.value }));
  $('copy').addEventListener('click', async () => {
    player?.pause();
    writeAddress();
    if (await copyLink($('copy'), CHAPTER)) status('The link has been copied');
  });

  const fileName = () => `unnoise-guidance-${settings.g}-${settings.digit ?? 'any'}${settings.not === null ? '' : `-not-${settings.not}`}-seed-${settings.seed}`;
  new TakeAlong($('film').parentElement, { player: () => player, film, transport, name: fileName, chapter: CHAPTER });

  listen($('studio'), { ...playerKeys(() => player), ...classes.keys(pickDigit), r: seed.reroll });

  takeAddress();
  film.reset(steps, width, high); // the page keeps its shape when the first run begins
  return { begin };
}

function strengthHint(g, not) {
  if (not !== null) return 'How strongly to lead away. The network is asked twice a step.';
  if (g === 0) return 'The wish is not listened to: the network is asked once, without it.';
  if (g === 1) return 'Off: the network is asked once, with the digit.';
  return g < 1 ? 'The wish is listened to in part. The network is asked twice a step.' : 'The wish is overdone. The network is asked twice a step.';
}

function formula(sigma, g) {
  if (sigma === 0) return 'No noise is left: the picture itself.';
  if (g === 0) return 'The answer without.';
  if (g === 1) return 'The answer with.';
  return `without + ${g} × difference`;
}

/** The root mean square. */
const size = (values) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
