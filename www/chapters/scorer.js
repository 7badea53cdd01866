// Chapter 1: the gradient of f turns noise into a digit (here), and answers the visitor's own pictures (scorer-ask.js).

import { followLinks, link, takeState, writeState } from '../page/address.js';
import { Bars, probabilityOf } from '../page/bars.js';
import { digitButtons, name } from '../page/digits.js';
import { Film } from '../page/film.js';
import { count, ms, parseDigit, parseSeed, parseWhole, parseWord, sigma } from '../page/format.js';
import { listen, showKeys } from '../page/keys.js';
import { showLoading } from '../page/loading.js';
import { hush, say, statusLine } from '../page/notices.js';
import { draw, limitOf, noisyImage, signedImage, SignedLegend, toImage } from '../page/pixels.js';
import { Player } from '../page/player.js';
import { SeedField } from '../page/seed.js';
import { Transport } from '../page/transport.js';
import { mountAsk, OPENING as ASK_OPENING, PARSE as ASK_PARSE } from './scorer-ask.js';

const CHAPTER = 'scorer';
/** What a visitor sees who has set nothing; the model knows how many steps suit it. */
const OPENING = { digit: 3, seed: 4, steps: null, told: 'annealed', slope: 'gradient', speed: '8', ...ASK_OPENING };
const MODEL = { annealed: 'scorer', plain: 'scorer-plain' };
/** How long a slider rests before its run is started. */
const REST_MS = 120;
/** f has σ in its denominator: of a picture without noise it is asked as of one with this little. */
const LEAST_SIGMA = 0.05;

const HINTS = {
  annealed: 'Under much noise only broad strokes count, so f settles those first, and finer and finer ones as the noise falls. This is annealing.',
  plain: 'The simplest way to climb, and a bad one. An f that is told little noise has eyes for strokes only: it finds some everywhere, and nothing ever makes one digit of them. Told much, it would draw a blur.',
};

/** The two ways to look at the gradient. */
const SLOPES = { gradient: 'What would make f rise', lead: 'Where the gradient leads' };

/** The curve of the film strip: the probability, from 0 to 1. It ends high up, where a label would be in its way. */
const height = (p) => 6 + 88 * (1 - p);
const RULES = [[height(1), '100 %', height(0.84)], [height(0.5), '50 %'], [height(0), '0']];

const calm = matchMedia('(prefers-reduced-motion: reduce)');

export function mount(section) {
  const $ = (id) => section.querySelector(`#scorer-${id}`);
  const region = $('climb');
  const status = statusLine($('status'));
  const settings = { ...OPENING };
  let engine = null;
  let player = null;
  let rest;

  const digits = digitButtons($('digit'), (digit) => change({ digit }));
  const seed = new SeedField($('seed-field'), { id: CHAPTER, onSeed: (seed) => change({ seed }) });
  const bars = new Bars($('answer'), { id: 'scorer', label: 'What f takes X for' });
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
  const ask = mountAsk(section, settings, { writeAddress });

  /** What f says of a frame, once it has been asked: `{ probabilities, p, gradient, lead }`. */
  const readings = new WeakMap();

  // --- the address ---

  /** Takes the settings from the address; returns the step that it names, or null. */
  function takeAddress() {
    const { step, ...values } = takeState(CHAPTER, { ...OPENING, step: null }, {
      digit: parseDigit,
      seed: parseSeed,
      steps: (text) => parseWhole(text, 1, 200),
      told: (text) => parseWord(text, Object.keys(MODEL)),
      slope: (text) => parseWord(text, Object.keys(SLOPES)),
      speed: (text) => parseWord(text, transport.speeds),
      step: (text) => parseWhole(text, 0, 200),
      ...ASK_PARSE,
    });
    Object.assign(settings, values);
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

  const generator = (model = MODEL[settings.told]) => engine.info.generators.find(({ name }) => name === model);
  const steps = () => settings.steps ?? (engine ? generator().defaults.steps : 50);

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

  const runSettings = () => ({ model: MODEL[settings.told], digit: settings.digit, seed: settings.seed, steps: steps() });

  /** A new climb: played from its beginning, or, where motion is not wanted, shown whole. */
  function begin() {
    clearTimeout(rest);
    showSettings();
    player?.open(runSettings(), calm.matches ? { goal: steps() } : { play: true });
  }

  /** The same place under other settings, so that a class can compare. */
  function keepPlace() {
    showSettings();
    clearTimeout(rest);
    rest = setTimeout(() => {
      const run = player?.run;
      if (!run || player.playing || run.index === 0) return begin();
      player.open(runSettings(), { goal: Math.round((run.index / run.frame.steps) * steps()) });
    }, REST_MS);
  }

  function change(values, then = begin) {
    Object.assign(settings, values);
    then();
    writeAddress();
  }

  // --- the page follows the player ---

  /** How much noise f takes a frame to have. */
  const told = (run, { sigma }) => generator(run.settings.model).toldSigma ?? Math.max(sigma, LEAST_SIGMA);

  async function showFrame() {
    const { run } = player;
    const { frame } = run;
    const what = name(run.settings.digit);
    // Whoever wants no motion sees only where it ends.
    if (calm.matches && player.seeking && run.index > 0) return drawFilm(run, frame);
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
      const { probabilities, gradient } = await engine.score({ x: frame.x, sigma, digit });
      const lead = frame.x.map((value, i) => value + sigma * sigma * gradient[i]);
      readings.set(frame, { probabilities, p: probabilityOf(probabilities, digit), gradient, lead });
    } catch (error) {
      if (run === player.run) fail(error);
    }
  }

  /** Shows what f says of a frame; `data-answered` is its step, since f may still be at a later one. */
  function showReading(run, frame) {
    const reading = readings.get(frame);
    if (!reading) return;
    const { probabilities, gradient } = reading;
    const { digit } = run.settings;
    film.mark(frame);
    if (settings.slope === 'lead') {
      draw($('gradient'), leadImage(reading));
      $('gradient').setAttribute('aria-label', `Where the gradient leads at step ${frame.step}: what f would make of the picture as ${name(digit)}`);
    } else {
      draw($('gradient'), signedImage(gradient));
      $('gradient').setAttribute('aria-label', `The gradient of log f at step ${frame.step}: what to brighten and what to darken for ${name(digit)}`);
      legend.limit = limitOf(gradient);
    }
    bars.show(probabilities, digit);
    $('stage').dataset.answered = frame.step;
  }

  function showState() {
    const { run, playing, seeking } = player;
    section.dataset.state = playing ? 'playing' : seeking ? 'seeking' : run?.done ? 'done' : 'paused';
    if (!run) return;
    if (playing) status(`Climbing towards ${name(run.settings.digit)}`);
    else if (seeking) status('On the way to the step that was asked for');
    else if (run.done) status(`Finished: ${count(run.frame.steps, 'step')}, ${count(run.frame.nfe, 'gradient')}`);
    else status(`Paused at step ${run.index} of ${run.frame.steps}`);
  }

  function fail(error) {
    status('Stopped');
    say(error.message, () => start(engine));
  }

  /** Gets the engine; the weights are loaded from here on. */
  async function start(unnoise) {
    engine = unnoise;
    try {
      status('Loading f');
      await Promise.all([$('stage'), $('ask-stage')].map((place) => showLoading(place, unnoise, unnoise.ready('scorer'))));
    } catch (error) {
      return fail(error);
    }
    const step = takeAddress();
    player = new Player(unnoise);
    transport.follow(player);
    player.addEventListener('run', () => {
      const { steps, width, height } = player.run.frame;
      film.reset(steps, width, height);
      delete $('stage').dataset.answered;
    });
    player.addEventListener('frame', () => {
      showFrame();
      showState();
    });
    player.addEventListener('state', () => {
      showState();
      if (player.run && !player.playing) writeAddress();
    });
    player.addEventListener('error', ({ detail }) => fail(detail));
    showSettings();
    ask.begin(unnoise);
    await player.open(runSettings(), { goal: step ?? (calm.matches ? steps() : 0) });
    // It begins by itself, when there is somebody to see it.
    if (step === null && !calm.matches) whenSeen($('stage'), () => player.run?.index === 0 && !player.seeking && player.play());
  }

  // --- controls ---

  for (const radio of $('settings').querySelectorAll('[name="scorer-told"]')) {
    radio.addEventListener('change', () => change({ told: radio.value }, keepPlace));
  }
  for (const button of slopes) {
    button.addEventListener('click', () => change({ slope: button.dataset.slope }, () => {
      showSettings();
      if (player?.run) showReading(player.run, player.run.frame);
    }));
  }
  $('steps').addEventListener('input', ({ target }) => change({ steps: target.valueAsNumber }, keepPlace));
  for (const id of ['settings', 'ask-settings']) $(id).addEventListener('submit', (event) => event.preventDefault());
  $('copy').addEventListener('click', () => {
    player?.pause();
    copyLink($('copy'));
  });
  $('ask-copy').addEventListener('click', () => copyLink($('ask-copy')));

  async function copyLink(button) {
    writeAddress();
    const text = link(CHAPTER);
    try {
      await navigator.clipboard.writeText(text);
      button.dataset.label ??= button.textContent;
      button.textContent = 'Copied';
      setTimeout(() => (button.textContent = button.dataset.label), 2000);
    } catch {
      say(`This browser did not let the page copy. This is the link: ${text}`);
    }
  }

  const digitKeys = Object.fromEntries(Array.from({ length: 10 }, (_, digit) => [digit, () => change({ digit })]));
  listen(region, {
    ...digitKeys,
    ' ': () => player?.toggle(),
    ArrowLeft: () => player?.back(),
    ArrowRight: () => player?.forward(),
    Home: () => player?.seek(0),
    End: () => player?.seek(steps()),
    a: () => change({ digit: null }),
    r: seed.reroll,
    '?': showKeys,
  });

  followLinks(CHAPTER, () => {
    hush();
    const step = takeAddress();
    showSettings();
    if (step === null) begin();
    else player?.open(runSettings(), { goal: step });
  });

  takeAddress();
  showSettings();
  bars.show(null, settings.digit);
  film.reset(steps(), 28, 28); // the page keeps its shape when the first climb begins
  return { begin: start };
}

/** The picture that a reading's gradient leads to, as far as there is one. */
const leadImage = (reading) => reading && toImage(reading.lead, 28, 28);

/** Calls `then` once, when at least a third of an element is in sight. */
function whenSeen(element, then) {
  const observer = new IntersectionObserver(([{ isIntersecting }]) => {
    if (!isIntersecting) return;
    observer.disconnect();
    then();
  }, { threshold: 0.3 });
  observer.observe(element);
}
