// Chapter 9: training. A small network learns to draw from nothing, a step at a time, from digits that the U-Net has drawn
// or from the visitor's own drawings.

import { copyLink, followLinks, takeState, writeState } from '../../page/address.js';
import { Classes } from '../../page/classes.js';
import { count, ms, parseNumber, parseSeed, parseWord, sigma as amount } from '../../page/format.js';
import { listen } from '../../page/keys.js';
import { latest } from '../../page/latest.js';
import { showLoading } from '../../page/loading.js';
import { make } from '../../page/make.js';
import { hush, say, statusLine } from '../../page/notices.js';
import { pack, unpack } from '../../page/packed.js';
import { draw, signedImage, toImage, wipe } from '../../page/pixels.js';
import { SeedField } from '../../page/seed.js';
import { whenSeen } from '../../page/seen.js';
import { Sketch } from '../../page/sketch.js';
import { LossCurve } from './training-curve.js';

const SIZE = 28;
const PIXELS = SIZE * SIZE;
/** Pictures of a mini-batch that are shown, and pixels between them. */
const SHOWN = 8;
const GAP = 2;
/** A run stops here; whoever goes on trains as long again. */
const RUN = 600;
/** Steps after which the samples are drawn anew. */
const SAMPLE_EVERY = 20;
/** While it runs, the mini-batch is shown no more often. */
const SHOW_MS = 250;
/** f of chapter 1: it reads what was drawn. */
const READER = 'scorer';
/** Samples: two rows of the ten digits, always from the same seeds. */
const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);
const MOST_DRAWINGS = 10;
const BATCHES = [4, 8, 16, 32, 48, 64, 96, 128, 256];
/** Two standard deviations of noise are shown black and white. */
const NOISE_SCALE = 1 / 2;
/** How bright an error is shown. */
const ERROR_LIMIT = 1;
/** Samples are read by f as pictures with a trace of noise. */
const READ = { sigma: 0.1, digit: null };

const OPENING = { rate: -2.5, batch: 64, told: 'yes', from: 'digits', seed: 1, drawings: '' };
const PARSE = {
  rate: (text) => parseNumber(text, -4, -0.5),
  batch: (text) => (BATCHES.includes(Number(text)) ? Number(text) : undefined),
  told: (text) => parseWord(text, ['yes', 'no']),
  from: (text) => parseWord(text, ['digits', 'drawings']),
  seed: parseSeed,
  drawings: (text) => (unpackAll(text) ? text : new Error('drawings that are none')),
};

const unpackAll = (text) => {
  const drawings = text ? text.split('~').map((drawing) => unpack(drawing)) : [];
  return drawings.length <= MOST_DRAWINGS && drawings.every(Boolean) ? drawings : undefined;
};

export function mount(section, unnoise) {
  const $ = (name) => section.querySelector(`#training-${name}`);
  const radios = (name) => [...section.querySelectorAll(`input[name="training-${name}"]`)];
  const settings = { ...OPENING };
  const readerClasses = new Classes(unnoise, READER);
  const tell = statusLine($('status'));
  /** What is being trained, or about to be. @type {Promise<import('../../unnoise/unnoise.js').Training> | null} */
  let training = null;
  let running = false;
  /** Counts the beginnings: what belongs to an earlier one is not shown any more. */
  let begun = 0;
  /** One thing at a time is asked of the training. */
  let turn = Promise.resolve();
  let losses = [];
  let shownAt = 0;
  let drawings = [];

  const curve = new LossCurve($('curve'), RUN);
  const sketch = new Sketch($('sketch'), { tools: $('tools'), onChange: showKept });
  const seed = new SeedField($('seed-field'), { id: 'training', onSeed: (seed) => startOver({ seed }) });
  const cells = SEEDS.map((_, i) => {
    const canvas = make('canvas', { width: SIZE, height: SIZE, role: 'img', 'aria-label': `Sample ${i + 1}, not drawn yet` });
    const cell = make('div', {}, canvas);
    $('samples').append(cell);
    return { cell, canvas };
  });

  // --- settings ---

  function takeAddress() {
    Object.assign(settings, takeState('training', OPENING, PARSE));
    drawings = unpackAll(settings.drawings);
    showSettings();
    forget();
  }

  /** What counts from the next step on. */
  function change(values) {
    Object.assign(settings, values);
    showSettings();
    writeState('training', settings, OPENING);
  }

  /** What makes it another training. */
  function startOver(values = {}) {
    change(values);
    forget();
    open();
  }

  const learningRate = () => Number((10 ** settings.rate).toPrecision(1));

  function showSettings() {
    const { rate, batch, told, from } = settings;
    $('rate').value = rate;
    $('rate').setAttribute('aria-valuetext', `${learningRate()}`);
    $('rate-is').textContent = learningRate();
    $('batch').value = BATCHES.indexOf(batch);
    $('batch').setAttribute('aria-valuetext', count(batch, 'picture'));
    $('batch-value').textContent = count(batch, 'picture');
    $('batch-is').textContent = batch;
    for (const radio of radios('told')) radio.checked = radio.value === told;
    for (const radio of radios('from')) radio.checked = radio.value === from;
    $('told-is').hidden = told === 'no';
    $('digit-is').hidden = from === 'drawings';
    $('own').hidden = from === 'digits';
    seed.show(settings.seed);
    showKept();
  }

  // --- the visitor's drawings ---

  function showKept() {
    $('keep').disabled = sketch.empty || drawings.length === MOST_DRAWINGS;
    $('kept').replaceChildren(...drawings.map((drawing, i) => {
      const canvas = make('canvas');
      draw(canvas, toImage(drawing, SIZE, SIZE));
      const button = make('button', { type: 'button', 'aria-label': `Take drawing ${i + 1} away`, title: 'Take it away' }, canvas);
      button.addEventListener('click', () => keepDrawings(drawings.filter((other) => other !== drawing)));
      return button;
    }));
    $('kept-is').textContent = drawings.length === 0 ? 'No drawing yet.' : drawings.length === MOST_DRAWINGS ? `${MOST_DRAWINGS} drawings: that is all it takes. A click takes one away.` : `${count(drawings.length, 'drawing')} of up to ${MOST_DRAWINGS}. A click takes one away.`;
  }

  function keepDrawings(all) {
    drawings = all;
    startOver({ drawings: all.map(pack).join('~') });
  }

  // --- the training ---

  /** Lets go of what was trained; nothing that was made of it stays. */
  function forget() {
    running = false;
    begun++;
    training?.then((training) => training.close(), () => {});
    training = null;
    losses = [];
    curve.show(losses);
    for (const { cell, canvas } of cells) {
      wipe(canvas);
      cell.classList.remove('right');
    }
    for (const name of ['clean', 'noise', 'noisy', 'answer', 'predicted', 'error']) {
      $(name).width = SHOWN * (SIZE + GAP) - GAP;
      $(name).height = SIZE;
    }
    $('sigmas').replaceChildren();
    for (const name of ['loss', 'right', 'ms', 'mse']) $(name).textContent = '–';
    $('count').textContent = $('seen').textContent = '0';
    delete section.dataset.step;
    delete section.dataset.sampled;
    delete section.dataset.read;
    tell(lacking() ?? 'Nothing has been learnt yet.');
    showState();
  }

  /** What is missing before it can begin, or null. */
  const lacking = () => (settings.from === 'drawings' && drawings.length === 0 ? 'Draw something below, and keep it: it learns from that.' : null);

  /** The training at hand, begun if there is none. */
  function ready() {
    if (!training) {
      const { seed, told, batch, from } = settings;
      const own = from === 'drawings' ? drawings : undefined;
      training = showLoading($('work'), unnoise, unnoise.train({ seed, learningRate: learningRate(), batch, tellSigma: told === 'yes', drawings: own }));
      const begins = training;
      begins.catch(() => training === begins && (training = null));
    }
    return training;
  }

  /** Does `work` with the training when it is its turn, unless there is another training by then. */
  function inTurn(work) {
    const mine = begun;
    const done = turn.then(async () => {
      if (mine !== begun) return;
      const at = await ready();
      if (mine === begun) await work(at, () => mine === begun);
    });
    turn = done.catch(() => {});
    return done;
  }

  /** Shows what a network draws that has learnt nothing. */
  function open() {
    if (lacking()) return;
    inTurn(sample).catch(report(open));
  }

  async function step(training, isCurrent) {
    const { batch } = settings;
    const made = await training.step({ learningRate: learningRate(), batch });
    if (!isCurrent()) return;
    losses.push({ step: made.step, loss: made.loss, pictures: batch });
    showStep(made);
    if (made.step % SAMPLE_EVERY === 0 || !running) await sample(training, isCurrent);
    section.dataset.step = made.step;
    tellPlayed('frame', { step: made.step, steps: RUN });
  }

  function tellPlayed(type, detail) {
    $('play').dispatchEvent(new CustomEvent('played', { bubbles: true, detail: { type, state: section.dataset.state, ...detail } }));
  }

  async function run() {
    if (running) return;
    const missing = lacking();
    if (missing) return tell(missing);
    running = true;
    tell('It learns.');
    showState();
    const mine = begun;
    try {
      do await inTurn(step);
      while (running && mine === begun && losses.at(-1).step % RUN !== 0);
      if (mine !== begun) return;
      if (running) tell(`${losses.at(-1).step} steps are done. “Train” goes on.`);
    } catch (error) {
      if (mine === begun) report(run)(error);
    }
    if (mine !== begun) return;
    running = false;
    showState();
  }

  function pause(why = 'Paused.') {
    if (!running) return;
    running = false;
    tell(why);
    showState();
  }

  const toggle = () => (running ? pause() : run());

  function once() {
    if (running) return pause();
    const missing = lacking();
    if (missing) return tell(missing);
    inTurn(step).then(() => tell(`Step ${losses.at(-1)?.step ?? 0} is done.`), report(once));
  }

  const report = (retry) => (error) => {
    running = false;
    showState();
    say(error.message, retry);
    tell('It stopped.');
  };

  // --- what is shown ---

  function showState() {
    $('play').textContent = running ? 'Pause' : 'Train';
    const state = running ? 'running' : 'paused';
    if (section.dataset.state !== state) {
      section.dataset.state = state;
      tellPlayed('state');
    }
  }

  function showStep(made) {
    const last = losses.slice(-20);
    const seen = losses.reduce((sum, { pictures }) => sum + pictures, 0);
    $('count').textContent = made.step;
    $('seen').textContent = seen.toLocaleString('en');
    $('loss').textContent = (last.reduce((sum, { loss }) => sum + loss, 0) / last.length).toFixed(3);
    $('ms').textContent = ms(made.ms);
    curve.show(losses);
    if (running && performance.now() - shownAt < SHOW_MS) return;
    shownAt = performance.now();
    const { x0, noise, x, denoised, sigmas, loss } = made;
    const away = x.map((value, i) => (value - denoised[i]) / sigmas[Math.floor(i / PIXELS)]);
    const scaled = x.map((value, i) => value / Math.hypot(1, sigmas[Math.floor(i / PIXELS)]));
    strip($('clean'), x0, (values) => toImage(values, SIZE, SIZE));
    strip($('noise'), noise, (values) => toImage(values, SIZE, SIZE, NOISE_SCALE));
    strip($('noisy'), scaled, (values) => toImage(values, SIZE, SIZE));
    strip($('answer'), denoised, (values) => toImage(values, SIZE, SIZE));
    strip($('predicted'), away, (values) => toImage(values, SIZE, SIZE, NOISE_SCALE));
    strip($('error'), denoised.map((value, i) => value - x0[i]), (values) => signedImage(values, { limit: ERROR_LIMIT }));
    $('sigmas').replaceChildren(...sigmas.slice(0, SHOWN).map((sigma) => make('span', {}, amount(sigma))));
    $('mse').textContent = loss.toFixed(4);
  }

  /** Pictures side by side on one canvas. */
  function strip(canvas, values, image) {
    for (let i = 0; i < SHOWN; i++) {
      const own = values.subarray(i * PIXELS, (i + 1) * PIXELS);
      const context = canvas.getContext('2d');
      if (own.length) context.putImageData(image(own), i * (SIZE + GAP), 0);
      else context.clearRect(i * (SIZE + GAP), 0, SIZE, SIZE);
    }
  }

  async function sample(training, isCurrent) {
    const own = settings.from === 'drawings';
    const digits = SEEDS.map((_, i) => (own ? null : i % 10));
    const pictures = await training.sample({ seeds: SEEDS, digits });
    if (!isCurrent()) return;
    for (const [i, picture] of pictures.entries()) {
      draw(cells[i].canvas, toImage(picture, SIZE, SIZE));
      cells[i].canvas.setAttribute('aria-label', own ? `Sample ${i + 1}` : `A ${digits[i]}, as far as it can`);
    }
    section.dataset.sampled = training.steps;
    if (!own && training.steps > 0 && readerClasses.areDigits) read(pictures, digits, training.steps, isCurrent).catch(report(open));
  }

  /** Lets f read the samples; training does not wait for it. */
  const read = latest(async (pictures, digits, step, isCurrent) => {
    const answers = await Promise.all(pictures.map((x) => unnoise.score({ ...READ, x })));
    if (!isCurrent()) return;
    // Which digit, if it is one: f, strict as it is, would call a blurred one none.
    const right = answers.map(({ probabilities: [...probabilities] }, i) => probabilities.indexOf(Math.max(...probabilities.slice(0, 10))) === digits[i]);
    for (const [i, is] of right.entries()) cells[i].cell.classList.toggle('right', is);
    $('right').textContent = `${right.filter(Boolean).length} of ${right.length}`;
    section.dataset.read = step;
  });

  // --- files ---

  async function save() {
    try {
      await inTurn(async (training) => {
        const link = make('a', { download: `training-${training.steps}-steps.safetensors` });
        link.href = URL.createObjectURL(new Blob([await training.save()]));
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 1000);
      });
    } catch (error) {
      say(error.message);
    }
  }

  /** Goes on with a network from a file; where it is none, all stays as it was. */
  async function openFile(file) {
    pause();
    hush();
    try {
      const bytes = new Uint8Array(await file.arrayBuffer());
      await inTurn(async (training, isCurrent) => {
        await training.open(bytes);
        if (!isCurrent()) return;
        losses = [];
        curve.show(losses);
        change({ told: training.settings.tellSigma ? 'yes' : 'no' });
        $('count').textContent = training.steps;
        $('seen').textContent = $('loss').textContent = '–';
        await sample(training, isCurrent);
        tell(`${file.name} is open, after ${count(training.steps, 'step')}.`);
      });
    } catch (error) {
      say(`${file.name}: ${error.message}`);
    }
  }

  // --- the engine ---

  function begin() {
    takeAddress();
    followLinks('training', () => {
      takeAddress();
      open();
    }, { networks: false });
    whenSeen($('work'), open);
    // Nobody looks: nothing is computed.
    new IntersectionObserver((entries) => {
      if (!entries.at(-1).isIntersecting) pause('Paused, as it was out of sight.');
    }).observe(section);
    document.addEventListener('visibilitychange', () => document.hidden && pause('Paused, as it was out of sight.'));
    document.addEventListener('rest', () => pause('Paused, as it was out of sight.'));
  }

  // --- controls ---

  $('play').addEventListener('click', toggle);
  $('step').addEventListener('click', once);
  $('reset').addEventListener('click', () => startOver());
  $('rate').addEventListener('input', ({ target }) => change({ rate: target.valueAsNumber }));
  $('batch').addEventListener('input', ({ target }) => change({ batch: BATCHES[target.valueAsNumber] }));
  for (const name of ['told', 'from']) {
    for (const radio of radios(name)) radio.addEventListener('change', () => startOver({ [name]: radio.value }));
  }
  $('form').addEventListener('submit', (event) => event.preventDefault());
  $('keep').addEventListener('click', () => {
    const { picture } = sketch;
    sketch.clear();
    keepDrawings([...drawings, unpack(pack(picture))]);
  });
  $('save').addEventListener('click', save);
  $('open').addEventListener('click', () => $('file').click());
  $('file').addEventListener('change', ({ target }) => {
    const [file] = target.files;
    target.value = '';
    if (file) openFile(file);
  });
  $('copy').addEventListener('click', () => copyLink($('copy'), 'training'));

  listen(section, { ' ': toggle, ArrowRight: once, r: seed.reroll });

  return { begin };
}
