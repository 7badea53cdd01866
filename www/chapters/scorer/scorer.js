// Chapter 1: the gradient of f turns noise into a digit (here), and answers the visitor's own pictures (scorer-ask.js).

import { copyLink, followLinks, takeState, writeState } from '../../page/address.js';
import { Bars, probabilityOf } from '../../page/bars.js';
import { Classes } from '../../page/classes.js';
import { Film } from '../../page/film.js';
import { ms, parseSeed, parseSlider, parseWhole, parseWord, sigma } from '../../page/format.js';
import { listen, playerKeys } from '../../page/keys.js';
import { showLoading } from '../../page/loading.js';
import { hush, say, statusLine } from '../../page/notices.js';
import { draw, limitOf, noisyImage, signedImage, SignedLegend, toImage } from '../../page/pixels.js';
import { calm, openPlayer, Runs, stateLine } from '../../page/runs.js';
import { SeedField } from '../../page/seed.js';
import { whenSeen } from '../../page/seen.js';
import { TakeAlong } from '../../page/take-along.js';
import { Transport } from '../../page/transport.js';
import { mountAsk, OPENING as ASK_OPENING, PARSE as ASK_PARSE } from './scorer-ask.js';

const CHAPTER = 'scorer';
/** What a visitor sees who has set nothing; the model knows how many steps suit it. */
const OPENING = { digit: 3, seed: 4, steps: null, told: 'annealed', slope: 'gradient', speed: '8', ...ASK_OPENING };
const MODEL = { annealed: 'scorer', plain: 'scorer-plain' };
/** f has σ in its denominator: of a picture without noise it is asked as of one with this little. */
const LEAST_SIGMA = 0.05;

const HINTS = {
  annealed: 'Under much noise only broad strokes count, so f settles those first, and finer and finer ones as the noise falls. This is annealing.',
  plain: 'The simplest way to climb, and a bad one: f is told the same little noise in every step. So it looks for thin strokes, finds scraps of them all over the picture, and nothing ever joins them to one digit. If it were told much noise, it would be content with a blur.',
};

/** The two ways to look at the gradient. */
const SLOPES = { gradient: 'What would make f rise', lead: 'Where the gradient leads' };

/** The curve of the film strip: the probability, from 0 to 1. It ends high up, where a label would be in its way. */
const height = (p) => 6 + 88 * (1 - p);
const RULES = [[height(1), '100 %', height(0.84)], [height(0.5), '50 %'], [height(0), '0']];

export function mount(section, unnoise) {
  const $ = (id) => section.querySelector(`#scorer-${id}`);
  const region = $('climb');
  const status = statusLine($('status'));
  const settings = { ...OPENING };
  let player = null;

  const classes = new Classes(unnoise, MODEL[OPENING.told]);
  const digits = classes.buttons($('digit'), (digit) => change({ digit }));
  const seed = new SeedField($('seed-field'), { id: CHAPTER, onSeed: (seed) => change({ seed }) });
  const bars = new Bars($('answer'), classes, { id: 'scorer', label: 'What f takes X for' });
  const legend = new SignedLegend($('legend'));
  const film = new Film($('film'), (step) => player?.seek(step), {
    pictures: (frame) => [noisyImage(frame), leadImage(readings.get(frame))],
    curve: { height: (frame) => height(readings.get(frame)?.p ?? 0), rules: RULES },
  });
  const slopes = [...$('slope').querySelectorAll('button')];
  const transport = new Transport($('transport'), {
    onSpeed(speed) {
      settings.speed = speed;
      writeAddress();
    },
  });
  const runs = new Runs(() => player, runSettings, { anew: (run) => run.index === 0 });
  const ask = mountAsk(section, unnoise, classes, settings, { writeAddress });

  /** What f says of a frame, once it has been asked: `{ probabilities, p, gradient, lead }`. */
  const readings = new WeakMap();

  // --- the address ---

  /** Takes the settings from the address, and shows them; returns the step that it names, or null. */
  function takeAddress() {
    const { step, ...values } = takeState(CHAPTER, { ...OPENING, digit: classes.within(OPENING.digit), towards: classes.within(OPENING.towards), step: null }, {
      digit: classes.parse,
      towards: classes.parse,
      seed: parseSeed,
      steps: parseSlider($('steps')),
      told: (text) => parseWord(text, Object.keys(MODEL)),
      slope: (text) => parseWord(text, Object.keys(SLOPES)),
      speed: (text) => parseWord(text, transport.speeds),
      step: (text) => parseWhole(text, 0, Number($('steps').max)),
      ...ASK_PARSE,
    });
    Object.assign(settings, values);
    showSettings();
    ask.take();
    return step;
  }

  function writeAddress() {
    const run = player?.run;
    const { digit, towards } = settings;
    const step = run && !run.done && !player.playing ? run.index : undefined;
    writeState(CHAPTER, { ...settings, digit: digit ?? 'any', towards: towards ?? 'any', step }, OPENING);
  }

  // --- the page follows the settings ---

  const generator = (model = MODEL[settings.told]) => unnoise.info.generators.find(({ name }) => name === model);
  const steps = () => settings.steps ?? generator().defaults.steps;

  function showSettings() {
    digits.show(settings.digit);
    seed.show(settings.seed);
    $('steps').value = steps();
    $('steps-value').textContent = steps();
    $('told-hint').textContent = HINTS[settings.told];
    for (const radio of $('settings').querySelectorAll('[name="scorer-told"]')) radio.checked = radio.value === settings.told;
    transport.speed = settings.speed;
    const { slope } = settings;
    for (const button of slopes) button.setAttribute('aria-pressed', String(button.dataset.slope === slope));
    $('slope-title').textContent = SLOPES[slope];
    for (const id of ['legend', 'gradient-note']) $(id).hidden = slope !== 'gradient';
    $('lead-note').hidden = slope !== 'lead';
  }

  // --- runs ---

  function runSettings() {
    return { model: MODEL[settings.told], digit: settings.digit, seed: settings.seed, steps: steps() };
  }

  function change(values, then = runs.begin) {
    Object.assign(settings, values);
    showSettings();
    then();
    writeAddress();
  }

  // --- the page follows the player ---

  /** How much noise f takes a frame to have. */
  const told = (run, { sigma }) => generator(run.settings.model).toldSigma ?? Math.max(sigma, LEAST_SIGMA);

  async function showFrame() {
    const { run } = player;
    const { frame } = run;
    const what = classes.name(run.settings.digit);
    // Whoever wants no motion sees only where it ends.
    if (calm.matches && player.seeking && run.index > 0) return drawFilm(run, frame);
    if (player.approaching) {
      // The noise that all begin with can wait for its answer.
      if (frame.step === 0) return;
      if ((await drawFilm(run, frame)) && player.approaching) showAnswer(run, frame);
      return;
    }
    draw($('x'), noisyImage(frame));
    $('x').setAttribute('aria-label', `The picture at step ${frame.step} of ${frame.steps} on the way to ${what}`);
    $('sigma').textContent = sigma(frame.sigma);
    $('told-sigma').textContent = sigma(told(run, frame));
    $('step-now').textContent = frame.step;
    $('step-all').textContent = frame.steps;
    $('nfe').textContent = frame.nfe;
    $('ms').textContent = frame.step === 0 ? '–' : ms(frame.ms);
    writeAddress();
    if ((await drawFilm(run, frame)) && frame === run.frame) showReading(run, frame);
    drawFilm(run, run.frames[0]);
  }

  /** A frame's place in the film strip, once f has been asked; whether its run is still at hand then. */
  async function drawFilm(run, frame) {
    if (!readings.has(frame)) await read(run, frame);
    if (run !== player.run) return false;
    film.draw(frame);
    return true;
  }

  async function read(run, frame) {
    const { digit } = run.settings;
    const sigma = told(run, frame);
    try {
      const { probabilities, gradient } = await unnoise.score({ x: frame.x, sigma, digit });
      const lead = frame.x.map((value, i) => value + sigma * sigma * gradient[i]);
      readings.set(frame, { probabilities, p: probabilityOf(probabilities, digit), gradient, lead });
    } catch (error) {
      if (run === player.run) fail(error, showFrame);
    }
  }

  /** Shows what f says of the frame at hand; `data-answered` is its step, since f may still be at a later one. */
  function showReading(run, frame) {
    if (!readings.has(frame)) return;
    film.mark(frame);
    showAnswer(run, frame);
    $('stage').dataset.answered = frame.step;
  }

  function showAnswer(run, frame) {
    const reading = readings.get(frame);
    if (!reading) return;
    const { probabilities, gradient } = reading;
    const { digit } = run.settings;
    if (settings.slope === 'lead') {
      draw($('gradient'), leadImage(reading));
      $('gradient').setAttribute('aria-label', `Where the gradient leads at step ${frame.step}: what f would make of the picture as ${classes.name(digit)}`);
    } else {
      draw($('gradient'), signedImage(gradient));
      $('gradient').setAttribute('aria-label', `The gradient of log f at step ${frame.step}: what to brighten and what to darken for ${classes.name(digit)}`);
      legend.limit = limitOf(gradient);
    }
    bars.show(probabilities, digit);
  }

  function showState() {
    const { run, state } = player;
    section.dataset.state = state;
    if (run) status(stateLine(player, { doing: `Climbing towards ${classes.name(run.settings.digit)}`, call: 'gradient' }));
  }

  function fail(error, retry) {
    status('Stopped');
    say(error.message, retry);
  }

  /** The weights are loaded from here on. */
  function begin() {
    player = openPlayer(unnoise, {
      transport,
      film,
      onRun: () => delete $('stage').dataset.answered,
      onFrame() {
        showFrame();
        showState();
      },
      onState() {
        showState();
        if (player.run && !player.playing) writeAddress();
      },
      onError: (error) => fail(error, runs.again),
    });
    load();
  }

  async function load() {
    try {
      status('Loading f');
      await Promise.all([$('stage'), $('ask-stage')].map((place) => showLoading(place, unnoise, unnoise.ready('scorer'))));
    } catch (error) {
      return fail(error, load);
    }
    const step = takeAddress();
    ask.begin();
    await runs.beginAt(step ?? (calm.matches ? steps() : 0));
    // It begins by itself, when there is somebody to see it.
    if (step === null && !calm.matches) whenSeen($('x'), () => player.run?.index === 0 && !player.seeking && player.play(), 0.3);
  }

  // --- controls ---

  for (const radio of $('settings').querySelectorAll('[name="scorer-told"]')) {
    radio.addEventListener('change', () => change({ told: radio.value }, runs.keepPlace));
  }
  for (const button of slopes) {
    button.addEventListener('click', () => change({ slope: button.dataset.slope }, () => player?.run && showReading(player.run, player.run.frame)));
  }
  $('steps').addEventListener('input', ({ target }) => change({ steps: target.valueAsNumber }, runs.keepPlace));
  for (const id of ['settings', 'ask-settings']) $(id).addEventListener('submit', (event) => event.preventDefault());
  $('copy').addEventListener('click', () => {
    player?.pause();
    copy($('copy'));
  });
  const fileName = () => `unnoise-f-${player.run.settings.digit ?? 'any'}-seed-${player.run.settings.seed}`;
  new TakeAlong($('copy').parentElement, { player: () => player, film, transport, name: fileName, chapter: CHAPTER });
  $('ask-copy').addEventListener('click', () => copy($('ask-copy')));

  function copy(button) {
    writeAddress();
    copyLink(button, CHAPTER);
  }

  listen(region, { ...playerKeys(() => player), ...classes.keys((digit) => change({ digit })), r: seed.reroll });

  followLinks(CHAPTER, () => {
    hush();
    runs.beginAt(takeAddress());
  });

  takeAddress();
  bars.show(null, settings.digit);
  film.reset(steps(), 28, 28); // the page keeps its shape when the first climb begins
  return { begin };
}

/** The picture that a reading's gradient leads to, as far as there is one. */
const leadImage = (reading) => reading && toImage(reading.lead, 28, 28);
