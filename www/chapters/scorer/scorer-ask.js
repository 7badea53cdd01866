// Chapter 1, second half: f answers the visitor's own picture, pixel by pixel if wanted, and its gradient improves it.

import { Bars, probabilityOf } from '../../page/bars.js';
import { Film, sigmaCurve } from '../../page/film.js';
import { parseNumber, percent, signed } from '../../page/format.js';
import { latest } from '../../page/latest.js';
import { make } from '../../page/make.js';
import { say, statusLine } from '../../page/notices.js';
import { pack, snap, unpack } from '../../page/packed.js';
import { PixelPicker } from '../../page/picker.js';
import { draw, limitOf, noisyImage, signedImage, SignedLegend } from '../../page/pixels.js';
import { openPlayer, Runs } from '../../page/runs.js';
import { bringIntoSight } from '../../page/seen.js';
import { Sketch } from '../../page/sketch.js';
import { Transport } from '../../page/transport.js';

const SIDE = 28;
/** A four whose top is all but closed, so that a few pixels make a nine of it. */
const PICTURE = 'A._A.eMQAAQMA.Uc__JJ__pNA.Rl_.CJJ_.DlA.PK_.CvGGp_.DCA.Oj__rA.DN0__PA.NC8__SA.Eo__bA.Na__0A.F0__cA.Nc__lA.EU_.CTA.NT__uA.Eu_.CKA.NK__3fOLbq_.DBA.NB_.K3A.Pl_.JuA.QFWn55qbc__lA.Xo__bA.X1__OA.WF__-BA.WS__xA.Xf__kA.Xt__XA.X6__JA.X4_4A.YMgMA._A.d';
export const OPENING = { drawing: PICTURE, towards: 9, freedom: 0.7, amount: 0.3 };
export const PARSE = {
  drawing: (text) => (unpack(text) ? text : undefined),
  freedom: (text) => parseNumber(text, 0.1, 4),
  amount: (text) => parseNumber(text, 0.05, 1),
};
/**
 * The amount of noise that f is told of a drawing, which has none. With less it takes every stroke unlike MNIST's for a
 * flaw; with more, letters and crosses for digits.
 */
const ASKED_SIGMA = 0.4;
/** Where f ends lower than this, it was no climb. */
const FOUND_NOTHING = 0.01;
/** The noise of the climb from a drawing. */
const SEED = 8;

/** `classes`: what f knows. `settings`: the chapter's. `writeAddress`: called when one of them has changed. */
export function mountAsk(section, unnoise, classes, settings, { writeAddress }) {
  const $ = (id) => section.querySelector(`#scorer-${id}`);
  const status = statusLine($('ask-status'));
  /** Whether the weights are there. */
  let loaded = false;
  let player = null;
  /** The visitor's picture, at the levels that a link can carry. */
  let picture = unpack(settings.drawing);
  /** What f said of it last: `{ picture, probabilities, p, logF, gradient }`. */
  let reading = null;
  let sign = 1;

  const bars = new Bars($('ask-answer'), classes, { id: 'scorer-ask', label: 'What f takes your picture for' });
  const legend = new SignedLegend($('ask-legend'), { less: 'darken', more: 'brighten' });
  const sketch = new Sketch($('sketch'), { tools: $('tools'), onChange: (drawn) => change({ picture: snap(drawn) }) });
  const film = new Film($('ask-film'), (step) => player?.seek(step), { curve: sigmaCurve(unnoise.info) });
  const transport = new Transport($('ask-transport'));
  const runs = new Runs(() => player, runSettings);

  classes.options($('towards'), 'digit, any');

  // --- f's answer ---

  const ask = latest(async () => {
    const asked = picture;
    const { towards: digit } = settings;
    const { probabilities, logF, gradient } = await unnoise.score({ x: asked, sigma: ASKED_SIGMA, digit });
    reading = { picture: asked, digit, probabilities, p: probabilityOf(probabilities, digit), logF, gradient };
    bars.show(probabilities, digit);
    draw($('poke'), signedImage(gradient));
    legend.limit = limitOf(gradient);
  });

  /** Asks f about the picture at hand. */
  async function askAgain() {
    if (!loaded) return;
    try {
      await ask();
    } catch (error) {
      say(error.message, askAgain);
    }
  }

  function change({ picture: next, ...values }) {
    Object.assign(settings, values);
    if (next) {
      picture = next;
      settings.drawing = pack(next);
    }
    showSettings();
    writeAddress();
    return askAgain();
  }

  function showSettings() {
    $('towards').value = settings.towards ?? 'any';
    $('freedom').value = Math.log10(settings.freedom);
    $('freedom-value').textContent = settings.freedom.toPrecision(2);
    $('freedom').setAttribute('aria-valuetext', `sigma ${settings.freedom.toPrecision(2)}`);
    $('amount').value = settings.amount;
    $('amount-value').textContent = `±${settings.amount.toFixed(2)}`;
  }

  // --- one pixel ---

  /** A pixel's new brightness, which stays between black and white. */
  const poked = (i, by) => Math.min(1, Math.max(-1, picture[i] + by));
  const where = (i) => `Row ${Math.floor(i / SIDE) + 1}, column ${(i % SIDE) + 1}`;

  function point(i) {
    const place = $('poked');
    if (i === null || !reading) return;
    const slope = reading.gradient[i];
    const want = slope > 0 ? 'f wants it brighter' : slope < 0 ? 'f wants it darker' : 'f does not mind it';
    place.replaceChildren(make('p', {}, `${where(i)}: the gradient is ${signed(slope)}, so ${want}.`));
  }

  async function poke(i, asked) {
    if (!reading || reading.picture !== picture) await askAgain();
    const before = reading;
    if (!before || before.picture !== picture) return;
    const value = poked(i, (asked || sign) * settings.amount);
    const by = value - picture[i];
    if (Math.abs(by) < 1e-3) {
      $('poked').replaceChildren(make('p', {}, `${where(i)} is as ${(asked || sign) > 0 ? 'bright' : 'dark'} as a pixel can be.`));
      return;
    }
    const next = picture.slice();
    next[i] = value;
    const changed = snap(next);
    const moved = changed[i] - picture[i];
    sketch.set(changed);
    await change({ picture: changed });
    if (reading.picture !== changed) return; // the visitor has gone on
    const promised = before.gradient[i] * moved;
    $('poked').replaceChildren(table([
      [where(i), `${signed(moved, 2)} ${moved > 0 ? 'brighter' : 'darker'}`],
      ['log f, says the gradient', signed(promised)],
      ['log f, in fact', signed(reading.logF - before.logF)],
      [classes.question(reading.digit), `${percent(before.p)} → ${percent(reading.p)}`],
    ]));
  }

  new PixelPicker($('poke'), { onPoint: point, onPick: poke });
  for (const button of $('poke-sign').querySelectorAll('button')) {
    button.addEventListener('click', () => {
      sign = Number(button.dataset.sign);
      for (const other of $('poke-sign').querySelectorAll('button')) other.setAttribute('aria-pressed', String(other === button));
    });
  }

  // --- the climb from the picture ---

  function improve() {
    if (!loaded) return;
    $('improved').hidden = false;
    bringIntoSight($('improved'));
    runs.begin();
  }

  function runSettings() {
    const { towards: digit, freedom: sigma } = settings;
    return { model: 'scorer', digit, x: picture, sigma, seed: SEED, steps: steps() };
  }

  /** Less noise takes fewer steps to take away. */
  const steps = () => Math.max(10, Math.round(unnoise.info.generators.find(({ name }) => name === 'scorer').defaults.steps / 2));

  function showFrame() {
    const { run } = player;
    film.draw(run.frame);
    film.mark(run.frame);
    draw($('result'), noisyImage(run.frame));
    $('result').setAttribute('aria-label', `Your picture at step ${run.index} of ${run.frame.steps} of its improvement`);
  }

  async function showState() {
    const { run, state } = player;
    $('improved').dataset.state = state;
    if (!run || state === 'playing' || state === 'seeking') return status('The gradient is at work');
    if (!run.done) return status(`Paused at step ${run.index} of ${run.frame.steps}`);
    const { x, digit } = run.settings;
    try {
      const [before, after] = await Promise.all([x, run.frame.x].map((x) => unnoise.score({ x, digit, sigma: ASKED_SIGMA })));
      const [from, to] = [before, after].map(({ probabilities }) => probabilityOf(probabilities, digit));
      if (run !== player.run) return;
      const why = to < FOUND_NOTHING ? ' The gradient found nothing to hold on to: draw a stroke for it, or allow more freedom.' : '';
      status(`${classes.question(digit)} It was ${percent(from)}, and is ${percent(to)}.${why}`);
    } catch (error) {
      say(error.message, showState);
    }
  }

  $('improve').addEventListener('click', improve);
  $('take').addEventListener('click', () => {
    if (!player?.run) return;
    const taken = snap(player.run.frame.x);
    sketch.set(taken);
    change({ picture: taken });
  });
  $('towards').addEventListener('change', ({ target }) => change({ towards: target.value === 'any' ? null : Number(target.value) }));
  $('freedom').addEventListener('input', ({ target }) => change({ freedom: Number((10 ** target.valueAsNumber).toPrecision(3)) }));
  $('amount').addEventListener('input', ({ target }) => {
    settings.amount = target.valueAsNumber;
    showSettings();
    writeAddress();
  });

  sketch.set(picture);
  $('asked-sigma').textContent = ASKED_SIGMA;
  bars.show(null, settings.towards);
  showSettings();

  return {
    /** The settings have been taken from the address. */
    take() {
      picture = unpack(settings.drawing);
      sketch.set(picture);
      showSettings();
      askAgain();
    },

    begin() {
      loaded = true;
      player ??= openPlayer(unnoise, { transport, film, onFrame: showFrame, onState: showState, onError: (error) => say(error.message, runs.again) });
      askAgain();
    },
  };
}

/** Names and values side by side. */
const table = (rows) => make('dl', {}, ...rows.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))));
