// Chapter 7: a sentence becomes a picture. The latent, its estimate and the decoded picture, step by step, and what CLIP
// says of it (text-judge.js).

import { copyLink, followLinks, linkTo, takeState, writeState } from '../../page/address.js';
import { backendName } from '../../page/backend.js';
import { Classes } from '../../page/classes.js';
import { Film } from '../../page/film.js';
import { count, ms, parseSeed, parseSlider, parseWhole, parseWord, sigma } from '../../page/format.js';
import { listen, playerKeys } from '../../page/keys.js';
import { latest } from '../../page/latest.js';
import { showLoading } from '../../page/loading.js';
import { make } from '../../page/make.js';
import { hush, say, statusLine } from '../../page/notices.js';
import { channelOf, draw, signedImage, SignedLegend, toColourImage, wipe } from '../../page/pixels.js';
import { reader, remarksOn, takeText } from '../../page/reading.js';
import { calm, openPlayer, Runs, stateLine } from '../../page/runs.js';
import { parseSampler, samplerHint, samplerOptions, usesEta } from '../../page/samplers.js';
import { savePng } from '../../page/save.js';
import { newSeed, SeedField } from '../../page/seed.js';
import { bringIntoSight, whenSeen } from '../../page/seen.js';
import { TakeAlong } from '../../page/take-along.js';
import { Transport } from '../../page/transport.js';
import { bestFit, DIGITS, dot, fill, TOP, Verdict } from './text-judge.js';

const CHAPTER = 'text';
const MODEL = 'text';
/** f of chapter 1: it reads the digit, and knows of no sentence. */
const READER = 'scorer';
/** What a visitor sees who has set nothing; the model knows which sampler, steps and guidance suit it. */
const OPENING = { prompt: 'a bold red three on white paper', not: '', seed: 6, steps: null, sampler: null, guidance: null, eta: null, speed: '8' };

/** Latents are about N(0, 1); a number this far out is shown in full colour. */
const LIMIT = 2.5;
/** A longer sentence stands in the address as the words that were read of it. */
const ADDRESS_CHARACTERS = 300;
/** So many of the words that are read are shown. */
const WORDS_SHOWN = 12;
/** So many of the visitor's texts are remembered, and of the sentences that pictures are compared with. */
const TEXTS = 40;
const SENTENCES = 4000;
const ZOOM = 8;
const PULSE_MS = 600;
/** On the way to another step a picture is shown as often. */
const GLIMPSE_MS = 80;

/** The curve of the film strip: the cosine, from 0 up. It ends high up, where a label would be in its way. */
const height = (cosine) => 6 + 88 * (1 - fill(cosine));
const RULES = [[height(TOP), String(TOP), height(0.9 * TOP)], [height(TOP / 2), String(TOP / 2)], [height(0), '0']];

export function mount(section, unnoise) {
  const $ = (id) => section.querySelector(`#text-${id}`);
  const status = statusLine($('status'));
  const { info } = unnoise;
  const { defaults } = info.generators.find(({ name }) => name === MODEL);
  const { latent: shape, picture: { width: SIZE } } = info;
  const settings = { ...OPENING };
  const readerClasses = new Classes(unnoise, READER);
  let player = null;
  /** Whether it may compute, and whether the networks are there. */
  let begun = false;
  let loaded = false;

  /** What CLIP makes of a text. */
  const readTexts = reader(unnoise, TEXTS);
  const read = async (text) => (await readTexts([takeText(info, text)]))[0];
  /** The same of sentences that pictures are compared with. */
  const embed = reader(unnoise, SENTENCES);
  /** What was read of the sentence that is set, and of what the picture should not show, once it is known. */
  let reading = null;
  let avoiding = null;
  /** So many sentences have been asked for. */
  let wishes = 0;
  /** The pictures of frames that have been looked at. */
  const pictures = new WeakMap();
  /** What is known of a frame's picture, once CLIP has seen it: `{ embedding, cosine, measured, best }`. Where nothing was asked for, the cosine is that of the best sentence. */
  const readings = new WeakMap();
  /** When a picture was last shown on the way. */
  let glimpsed = 0;
  const shown = new WeakSet();

  const seed = new SeedField($('seed-field'), { id: CHAPTER, onSeed: (seed) => change({ seed }) });
  const film = new Film($('film'), (step) => player?.seek(step), {
    pictures: (frame) => [tiles(info, frame.x, 1 / Math.hypot(1, frame.sigma)), frame.denoised && toColourImage(pictures.get(frame))],
    curve: { height: (frame) => height(readings.get(frame)?.cosine ?? 0), rules: RULES },
    side: SIZE,
  });
  const transport = new Transport($('transport'), {
    onSpeed(speed) {
      settings.speed = speed;
      writeAddress();
    },
  });
  const runs = new Runs(() => player, runSettings, { anew: (run) => run.index === 0 });
  const verdict = new Verdict($('fits'), $('attributes'), { id: CHAPTER, info });
  const latents = Object.fromEntries(['x', 'denoised'].map((name) => [name, channels(shape, $(name))]));
  const parts = Object.fromEntries([...$('parts').children].map((part) => [part.dataset.part, part]));
  new SignedLegend($('legend'), { less: 'below 0', more: 'above 0' }).limit = LIMIT;

  // --- the address ---

  /** Takes the settings from the address, and shows them; returns the step that it names, or null. */
  function takeAddress() {
    const parseText = (text) => (text.length > info.limits.text ? new Error(`longer than ${info.limits.text} characters`) : text);
    const { step, ...values } = takeState(CHAPTER, { ...OPENING, step: null }, {
      prompt: parseText,
      not: parseText,
      seed: parseSeed,
      steps: parseSlider($('steps')),
      sampler: parseSampler(info),
      guidance: parseSlider($('guidance')),
      eta: parseSlider($('eta')),
      speed: (text) => parseWord(text, transport.speeds),
      step: (text) => parseWhole(text, 0, Number($('steps').max)),
    });
    Object.assign(settings, values);
    reading = avoiding = null;
    $('prompt').value = settings.prompt;
    $('not').value = settings.not;
    showSettings();
    return step;
  }

  function writeAddress() {
    const run = player?.run;
    const step = run && !run.done && !player.playing ? run.index : undefined;
    // Of a long text the words that were read make the same picture.
    const short = (text, reading) => (text.length > ADDRESS_CHARACTERS ? reading?.words.join(' ') : text);
    writeState(CHAPTER, { ...settings, prompt: short(settings.prompt, reading), not: short(settings.not, avoiding), step }, OPENING);
  }

  // --- the page follows the settings ---

  /** A setting of the visitor's, or the model's own. */
  const own = (name) => settings[name] ?? defaults[name];
  const steps = () => own('steps');
  const sampler = () => own('sampler');
  const guidance = () => own('guidance');
  const eta = () => settings.eta ?? info.tuning.eta;

  function showSettings() {
    seed.show(settings.seed);
    $('steps').value = steps();
    $('steps-value').textContent = steps();
    $('sampler').value = sampler();
    $('sampler-hint').textContent = samplerHint(sampler());
    $('guidance').value = guidance();
    $('guidance-value').textContent = guidance();
    $('guidance-hint').textContent = guidanceHint();
    $('eta').value = eta();
    $('eta-value').textContent = eta().toFixed(2);
    $('eta-field').hidden = !usesEta(info, sampler());
    $('away').textContent = unwanted() === null ? 'the empty one' : 'what it should not show';
    $('times').textContent = guidance() === 1 ? 'once' : `${guidance()} times`;
    $('rounds').textContent = steps() === 1 ? 'the only step' : `each of ${count(steps(), 'step')}`;
    parts.guidance.classList.toggle('off', guidance() === 1);
    transport.speed = settings.speed;
  }

  function guidanceHint() {
    if (settings.not !== '' && guidance() <= 1) return 'Above 1 it leads away from what should not be shown; here it does not.';
    if (unwanted() !== null) return 'How strongly to lead from what should not be shown to the words. The U‑Net is asked twice a step: with the one, and with the other.';
    if (guidance() === 0) return 'The words are not listened to at all.';
    if (guidance() === 1) return 'Off: the U-Net is asked once a step.';
    return guidance() < 1 ? 'The words are listened to only in part.' : 'How strongly to insist on the words. The U‑Net is asked twice a step: with them, and without.';
  }

  // --- the sentence ---

  /** The prompt of a run: null, which leaves all to the seed, where no word would be read. */
  const wanted = () => (settings.prompt === '' || reading?.words.length === 0 ? null : takeText(info, settings.prompt));
  /** Its negative: null where there is none, or guidance leads nowhere. */
  const unwanted = () => (settings.not === '' || avoiding?.words.length === 0 || guidance() <= 1 ? null : takeText(info, settings.not));

  /** Reads what is set. */
  async function readSet() {
    [reading, avoiding] = await readTexts([settings.prompt, settings.not].map((text) => takeText(info, text)));
  }

  /** Says, while the visitor types, which words are read and which are not. */
  const notice = latest(async () => {
    const text = $('prompt').value;
    const answer = await read(text);
    glow('encoder');
    $('notes').textContent = note(info, text, answer);
    const { words } = answer;
    const chips = words.slice(0, WORDS_SHOWN).map((word) => make('span', {}, word));
    if (words.length > WORDS_SHOWN) chips.push(make('span', { class: 'more' }, `and ${words.length - WORDS_SHOWN} more`));
    $('words').replaceChildren(...chips);
    $('notes').dataset.answered = text.length;
  });

  /** The same of what the picture should not show. */
  const noticeNot = latest(async () => {
    const text = $('not').value;
    const answer = await read(text);
    $('not-notes').textContent = text && (remarksOn(info, text, answer) || `It is led away from: ${answer.words.join(' ')}.`);
    $('not-notes').dataset.answered = text.length;
  });

  function typed() {
    if (begun) Promise.all([notice(), noticeNot()]).catch((error) => fail(error, typed));
  }

  /** Another sentence, at once. */
  function ask(prompt, not = '') {
    $('prompt').value = prompt;
    $('not').value = not;
    typed();
    wish();
  }

  /** Draws what stands in the field. */
  async function wish() {
    const [prompt, not] = [$('prompt').value, $('not').value];
    const mine = ++wishes;
    if (!loaded) return change({ prompt, not }, () => {});
    try {
      const answers = await readTexts([prompt, not].map((text) => takeText(info, text)));
      if (mine !== wishes) return; // another one is asked for
      [reading, avoiding] = answers;
    } catch (error) {
      return fail(error, wish);
    }
    change({ prompt, not });
    bringIntoSight($('stage'));
  }

  async function surprise() {
    if (!begun) return;
    try {
      ask((await unnoise.scene({ digit: Math.floor(Math.random() * 10), seed: newSeed() })).caption);
    } catch (error) {
      fail(error, surprise);
    }
  }

  // --- runs ---

  function runSettings() {
    return { model: MODEL, prompt: wanted(), negative: unwanted(), seed: settings.seed, steps: steps(), sampler: sampler(), guidance: guidance(), ...(usesEta(info, sampler()) ? { eta: eta() } : {}), decode: 'never' };
  }

  function change(values, then = runs.begin) {
    Object.assign(settings, values);
    showSettings();
    then();
    writeAddress();
  }

  // --- the page follows the player ---

  const subject = ({ settings: { prompt } }) => (prompt === null ? 'anything' : `“${brief(prompt)}”`);

  function showFrame() {
    const { run } = player;
    const { frame } = run;
    const { x, denoised, step } = frame;
    // Whoever wants no motion sees only where it ends.
    if (calm.matches && player.seeking && run.index > 0) return;
    if (player.approaching) {
      if (denoised) latents.denoised.show(denoised);
      return glimpse(run, frame);
    }
    work(run, frame);
    latents.x.show(x, 1 / Math.hypot(1, frame.sigma));
    latents.denoised.show(denoised);
    showPicture(frame);
    $('unasked').hidden = denoised !== null;
    $('undecoded').hidden = denoised !== null;
    const where = `at step ${step} of ${frame.steps} on the way to ${subject(run)}`;
    $('x').setAttribute('aria-label', `The latent ${where}`);
    $('denoised').setAttribute('aria-label', denoised ? `The estimate of the latent ${where}` : 'The U-Net has not been asked yet');
    $('picture').setAttribute('aria-label', denoised ? `The decoded picture ${where}` : 'Nothing has been decoded yet');
    $('sigma').textContent = sigma(frame.sigma);
    $('step-now').textContent = step;
    $('step-all').textContent = frame.steps;
    $('nfe').textContent = frame.nfe;
    $('ms').textContent = step === 0 ? '–' : ms(frame.ms);
    $('backend').textContent = backendName(run.backend);
    writeAddress();
    failing(run, look(run, frame));
  }

  const failing = (run, promise) => promise.catch((error) => run === player.run && fail(error, showFrame));

  /** A frame's picture, decoded when it is first looked at; null where there is no estimate yet. */
  async function pictureOf(frame) {
    if (!frame.denoised) return null;
    if (!pictures.has(frame)) pictures.set(frame, (await unnoise.decode({ latent: frame.denoised })).picture);
    return pictures.get(frame);
  }

  function showPicture(frame) {
    if (pictures.has(frame)) draw($('picture'), toColourImage(pictures.get(frame)));
    else if (!frame.denoised) wipe($('picture'));
  }

  /** Shows something of the way to where a run before this one stood: every picture would take as long as the way itself. */
  function glimpse(run, frame) {
    if (!frame.denoised || performance.now() - glimpsed < GLIMPSE_MS) return;
    glimpsed = performance.now();
    failing(run, pictureOf(frame).then(() => run === player.run && player.approaching && showPicture(frame)));
  }

  /** How well a frame's picture fits; null where there is none yet. */
  async function judge(run, frame) {
    if (!readings.has(frame)) {
      const picture = await pictureOf(frame);
      const { prompt } = run.settings;
      const { embedding } = picture ? await unnoise.embedPicture({ picture }) : {};
      const best = picture && prompt === null ? await bestFit(info, embedding, embed) : null;
      readings.set(frame, picture && { embedding, best, cosine: best ? best.cosine : dot((await read(prompt)).embedding, embedding) });
    }
    return readings.get(frame);
  }

  /** What is measured in a picture, and the digit that f reads in it, if it has learned to. */
  async function measure(picture) {
    const read = readerClasses.areDigits ? unnoise.readDigit({ picture }) : null;
    const [attributes, reading] = await Promise.all([unnoise.measure({ picture }), read]);
    return attributes && { ...attributes, digit: reading ? (DIGITS[reading.digit] ?? 'none') : '–' };
  }

  /**
   * Decodes and judges the frame on show, then, while it stays there, those that were passed over on the way, for the film
   * strip. `data-answered` is its step.
   */
  const look = latest(async (run, frame) => {
    const elsewhere = () => run !== player.run || frame !== run.frame;
    const { prompt } = run.settings;
    await pictureOf(frame);
    if (elsewhere()) return;
    showPicture(frame);
    const reading = await judge(run, frame);
    if (run !== player.run) return;
    film.draw(frame);
    if (elsewhere()) return;
    film.mark(frame);
    verdict.showOwn(prompt && brief(prompt), prompt && (reading?.cosine ?? null));
    if (reading) {
      reading.measured ??= await measure(pictures.get(frame));
      // Many sentences are tried.
      reading.best ??= await bestFit(info, reading.embedding, embed);
    }
    if (elsewhere()) return;
    verdict.showFindings(reading?.best, reading?.measured);
    $('verdict').dataset.answered = frame.step;
    for (const other of run.frames) {
      await judge(run, other);
      if (elsewhere()) return;
      film.draw(other);
    }
  });

  // --- the parts at work ---

  /** Which parts have made a frame; they light up when it is new. */
  function work(run, frame) {
    if (shown.has(frame)) return;
    shown.add(frame);
    if (frame.step === 0) return glow('encoder');
    glow('unet');
    if (!parts.guidance.classList.contains('off')) glow('guidance', PULSE_MS / 6);
    glow('decoder', PULSE_MS / 3);
  }

  function glow(name, delay = 0) {
    if (calm.matches) return;
    parts[name].getAnimations().forEach((each) => each.cancel());
    parts[name].animate([{ borderColor: 'var(--accent)', backgroundColor: 'var(--tint)' }, {}], { duration: PULSE_MS, delay, easing: 'ease-out' });
  }

  function showState() {
    const { run, state } = player;
    section.dataset.state = state;
    if (run) status(stateLine(player, { doing: `Drawing ${subject(run)}` }));
  }

  function showRun() {
    const { prompt } = player.run.settings;
    delete $('verdict').dataset.answered;
    verdict.showOwn(prompt && brief(prompt), null);
    verdict.showFindings(null, null);
    $('film-hint').textContent = `Every step: the latent above, the decoded estimate below it, and its cosine with ${prompt === null ? 'the sentence that fits it best' : 'your sentence'}, from 0 to ${TOP}.`;
  }

  // --- the engine ---

  function fail(error, retry) {
    status('Stopped');
    say(error.message, retry);
  }

  /** The weights are loaded from here on. */
  function begin() {
    begun = true;
    player = openPlayer(unnoise, {
      transport,
      film,
      onRun: showRun,
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
    const step = takeAddress();
    try {
      status('Loading the networks');
      await showLoading($('stage'), unnoise, Promise.all([MODEL, READER].map((name) => unnoise.ready(name))));
      await readSet();
    } catch (error) {
      return fail(error, load);
    }
    showSettings();
    typed();
    loaded = true;
    await runs.beginAt(step ?? (calm.matches ? steps() : 0));
    // It begins by itself, when there is somebody to see it.
    if (step === null && !calm.matches) whenSeen($('stage'), () => player.run?.index === 0 && !player.seeking && player.play(), 0.3);
  }

  // --- controls ---

  for (const button of $('examples').querySelectorAll('button:not([id])')) button.addEventListener('click', () => ask(button.dataset.prompt ?? button.textContent, button.dataset.not));
  $('surprise').addEventListener('click', surprise);
  for (const id of ['prompt', 'not']) $(id).addEventListener('input', typed);
  $('prompt').addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    $('form').requestSubmit();
  });
  $('form').addEventListener('submit', (event) => {
    event.preventDefault();
    wish();
  });
  $('settings').addEventListener('submit', (event) => event.preventDefault());
  $('sampler').append(...samplerOptions(info));
  $('sampler').addEventListener('change', ({ target }) => change({ sampler: target.value }, runs.keepPlace));
  for (const id of ['steps', 'guidance', 'eta']) {
    $(id).addEventListener('input', ({ target }) => change({ [id]: target.valueAsNumber }, runs.keepPlace));
  }
  $('copy').addEventListener('click', async () => {
    player?.pause();
    writeAddress();
    if (await copyLink($('copy'), CHAPTER)) status('The link has been copied');
  });
  const fileName = () => `unnoise-${reading?.words.join('-').slice(0, 60) || 'anything'}-seed-${player.run.settings.seed}`;
  new TakeAlong($('copy').parentElement, { player: () => player, film, transport, name: fileName, chapter: CHAPTER });
  $('save').addEventListener('click', async () => {
    const { run } = player ?? {};
    if (!run?.frame.denoised) return say('There is no picture yet: it is there from the first step on.');
    const { frame } = run;
    try {
      await savePng(toColourImage(await pictureOf(frame)), `${fileName()}-step-${frame.step}.png`, linkTo(CHAPTER), ZOOM);
    } catch (error) {
      say(error.message);
    }
  });

  listen($('studio'), { ...playerKeys(() => player), r: seed.reroll });

  async function followLink() {
    hush();
    const step = takeAddress();
    if (!loaded) return;
    try {
      await readSet();
    } catch (error) {
      return fail(error, followLink);
    }
    showSettings();
    typed();
    runs.beginAt(step);
  }
  followLinks(CHAPTER, followLink);

  takeAddress();
  verdict.showOwn(settings.prompt, null);
  verdict.showFindings(null, null);
  film.reset(steps(), SIZE, SIZE); // the page keeps its shape when the first run begins
  return { begin };
}

/** What is to be said of a text, in sentences. */
function note(info, text, reading) {
  const denied = reading.remarks.some(({ kind }) => kind === 'denied');
  const left = `${remarksOn(info, text, reading)}${denied ? ' What it should not show has a field of its own.' : ''}`;
  const { words, digits } = reading;
  if (!words.length) return left ? `${left} No word is left: the seed chooses.` : 'No words: the seed chooses the digit, and the rest.';
  const sentence = left || 'It knows all of these words.';
  return digits.length ? sentence : `${sentence} No digit is named: the seed chooses one.`;
}

/** A text that fits into a sentence about it. */
const brief = (text) => ([...text.slice(0, 400)].length > 120 ? `${[...text.slice(0, 400)].slice(0, 120).join('')}…` : text);

/** The canvases of a latent, one for each channel, in `root`. */
function channels(shape, root) {
  const { width, height } = shape;
  const canvases = Array.from({ length: shape.channels }, () => make('canvas', { width, height }));
  root.append(...canvases);
  return {
    /** With null, nothing. */
    show(values, scale = 1) {
      for (const [channel, canvas] of canvases.entries()) draw(canvas, values ? channelImage(shape, values, channel, scale) : new ImageData(width, height));
    },
  };
}

const channelImage = ({ width, height, channels }, values, channel, scale) => signedImage(channelOf(values, channel, channels), { width, height, limit: LIMIT / scale });

/** All four channels of a latent as one image as large as the picture that it stands for. */
function tiles({ latent, picture: { width: size } }, values, scale) {
  const image = new ImageData(size, size);
  const pixels = new Uint32Array(image.data.buffer);
  const zoom = size / (2 * latent.width);
  for (let channel = 0; channel < latent.channels; channel++) {
    const tile = new Uint32Array(channelImage(latent, values, channel, scale).data.buffer);
    const [left, top] = [(channel % 2) * (size / 2), Math.floor(channel / 2) * (size / 2)];
    for (let y = 0; y < size / 2; y++) {
      for (let x = 0; x < size / 2; x++) {
        pixels[(top + y) * size + left + x] = tile[Math.floor(y / zoom) * latent.width + Math.floor(x / zoom)];
      }
    }
  }
  return image;
}
