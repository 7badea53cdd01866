// Chapter 7: a sentence becomes a picture. The latent, its estimate and the decoded picture, step by step, and what CLIP
// says of it (text-judge.js).

import { MAX_TEXT } from '../unnoise.js';
import { copyLink, followLinks, takeState, writeState } from '../page/address.js';
import { backendName } from '../page/backend.js';
import { Film } from '../page/film.js';
import { count, duration, ms, parseNumber, parseSeed, parseWhole, parseWord, sigma } from '../page/format.js';
import { listen, playerKeys } from '../page/keys.js';
import { latest } from '../page/latest.js';
import { showLoading } from '../page/loading.js';
import { make } from '../page/make.js';
import { hush, say, statusLine } from '../page/notices.js';
import { channelOf, draw, savePng, signedImage, SignedLegend, toColourImage } from '../page/pixels.js';
import { remarks, takeText, wordsOf } from '../page/reading.js';
import { calm, openPlayer, Runs } from '../page/runs.js';
import { samplerOptions, SAMPLERS, USES_ETA } from '../page/samplers.js';
import { newSeed, SeedField } from '../page/seed.js';
import { whenSeen } from '../page/seen.js';
import { Transport } from '../page/transport.js';
import { bestFit, dot, fill, TOP, Verdict } from './text-judge.js';

const CHAPTER = 'text';
const MODEL = 'text';
/** What a visitor sees who has set nothing; the model knows which sampler, steps and guidance suit it. */
const OPENING = { prompt: 'a bold red three on white paper', seed: 6, steps: null, sampler: null, guidance: null, eta: null, speed: '8' };

const SIZE = 64;
/** The latent: so many numbers across and down, in so many channels. */
const SIDE = 8;
const CHANNELS = 4;
/** Latents are about N(0, 1); a number this far out is shown in full colour. */
const LIMIT = 2.5;
/** A longer sentence stands in the address as the words that were read of it. */
const ADDRESS_CHARACTERS = 300;
/** So many of the words that are read are shown. */
const WORDS_SHOWN = 12;
/** So many of the visitor's texts are remembered, and of the sentences that pictures are compared with. */
const TEXTS = 40;
const SENTENCES = 4000;
const GUIDANCE_MAX = 10;
const ZOOM = 8;
const PULSE_MS = 600;

/** The curve of the film strip: the cosine, from 0 up. It ends high up, where a label would be in its way. */
const height = (cosine) => 6 + 88 * (1 - fill(cosine));
const RULES = [[height(TOP), String(TOP), height(0.9 * TOP)], [height(TOP / 2), String(TOP / 2)], [height(0), '0']];

export function mount(section) {
  const $ = (id) => section.querySelector(`#text-${id}`);
  const status = statusLine($('status'));
  const settings = { ...OPENING };
  let engine = null;
  let player = null;

  /** What CLIP makes of a text: its embedding, what was left out of it, and `words`, what was read. */
  const read = remembered(TEXTS, async (text) => {
    const answer = await engine.embedText({ text: takeText(text) });
    return { ...answer, words: wordsOf(takeText(text), answer) };
  });
  const embed = remembered(SENTENCES, (text) => engine.embedText({ text }));
  /** What was read of the sentence that is set, once it is known. */
  let reading = null;
  /** So many sentences have been asked for. */
  let wishes = 0;
  /** What is known of a frame's picture, once CLIP has seen it: `{ embedding, cosine, measured, best }`. Where nothing was asked for, the cosine is that of the best sentence. */
  const readings = new WeakMap();
  const shown = new WeakSet();

  const seed = new SeedField($('seed-field'), { id: CHAPTER, onSeed: (seed) => change({ seed }) });
  const film = new Film($('film'), (step) => player?.seek(step), {
    pictures: ({ x, sigma, picture }) => [tiles(x, 1 / Math.hypot(1, sigma)), picture && toColourImage(picture.x)],
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
  const verdict = new Verdict($('fits'), $('attributes'), { id: CHAPTER });
  const latents = Object.fromEntries(['x', 'denoised'].map((name) => [name, channels($(name))]));
  const parts = Object.fromEntries([...$('parts').children].map((part) => [part.dataset.part, part]));
  new SignedLegend($('legend'), { less: 'below 0', more: 'above 0' }).limit = LIMIT;

  // --- the address ---

  /** Takes the settings from the address, and shows them; returns the step that it names, or null. */
  function takeAddress() {
    const { step, ...values } = takeState(CHAPTER, { ...OPENING, step: null }, {
      prompt: (text) => (text.length > MAX_TEXT ? new Error(`longer than ${MAX_TEXT} characters`) : text),
      seed: parseSeed,
      steps: (text) => parseWhole(text, 1, 100),
      sampler: (text) => parseWord(text, Object.keys(SAMPLERS)),
      guidance: (text) => parseNumber(text, 0, GUIDANCE_MAX),
      eta: (text) => parseNumber(text, 0, 1),
      speed: (text) => parseWord(text, transport.speeds),
      step: (text) => parseWhole(text, 0, 100),
    });
    Object.assign(settings, values);
    reading = null;
    $('prompt').value = settings.prompt;
    showSettings();
    return step;
  }

  function writeAddress() {
    const run = player?.run;
    const { prompt } = settings;
    const step = run && !run.done && !player.playing ? run.index : undefined;
    // Of a long text the words that were read make the same picture.
    const short = prompt.length > ADDRESS_CHARACTERS ? reading?.words.join(' ') : prompt;
    writeState(CHAPTER, { ...settings, prompt: short, step }, OPENING);
  }

  // --- the page follows the settings ---

  const defaults = () => engine?.info.generators.find(({ name }) => name === MODEL)?.defaults;
  /** A setting of the visitor's, or the model's own. */
  const own = (name, otherwise) => settings[name] ?? defaults()?.[name] ?? otherwise;
  const steps = () => own('steps', 20);
  const sampler = () => own('sampler', 'ddpm');
  const guidance = () => own('guidance', 5);
  const eta = () => own('eta', 0);

  function showSettings() {
    seed.show(settings.seed);
    $('steps').value = steps();
    $('steps-value').textContent = steps();
    $('sampler').value = sampler();
    $('sampler-hint').textContent = SAMPLERS[sampler()][1];
    $('guidance').value = guidance();
    $('guidance').disabled = wanted() === null;
    $('guidance-value').textContent = guidance();
    $('guidance-hint').textContent = guidanceHint();
    $('eta').value = eta();
    $('eta-value').textContent = eta().toFixed(2);
    $('eta-field').hidden = !USES_ETA.has(sampler());
    $('times').textContent = wanted() === null || guidance() === 1 ? 'once' : `${guidance()} times`;
    $('rounds').textContent = count(steps(), 'step');
    parts.guidance.classList.toggle('off', guidance() === 1 || wanted() === null);
    transport.speed = settings.speed;
  }

  function guidanceHint() {
    if (wanted() === null) return 'Without words there is nothing to insist on.';
    if (guidance() === 0) return 'The words are not listened to at all.';
    if (guidance() === 1) return 'Off: the U-Net is asked once a step.';
    return guidance() < 1 ? 'The words are half listened to.' : 'How strongly to insist on the words. It is asked twice a step.';
  }

  // --- the sentence ---

  /** The prompt of a run: null, which is anything, where no word would be read. */
  const wanted = () => (settings.prompt === '' || reading?.words.length === 0 ? null : takeText(settings.prompt));

  /** Says, while the visitor types, which words are read and which are not. */
  const notice = latest(async () => {
    const text = $('prompt').value;
    const answer = await read(text);
    glow('encoder');
    $('notes').textContent = note(text, answer);
    const { words } = answer;
    const chips = words.slice(0, WORDS_SHOWN).map((word) => make('span', {}, word));
    if (words.length > WORDS_SHOWN) chips.push(make('span', { class: 'more' }, `and ${words.length - WORDS_SHOWN} more`));
    $('words').replaceChildren(...chips);
    $('notes').dataset.answered = text.length;
  });

  function typed() {
    if (engine) notice().catch(fail);
  }

  /** Another sentence, at once. */
  function ask(prompt) {
    $('prompt').value = prompt;
    typed();
    wish();
  }

  /** Draws what stands in the field. */
  async function wish() {
    const prompt = $('prompt').value;
    const mine = ++wishes;
    if (!player) return change({ prompt }, () => {});
    try {
      const answer = await read(prompt);
      if (mine !== wishes) return; // another one is asked for
      reading = answer;
    } catch (error) {
      return fail(error);
    }
    change({ prompt });
  }

  async function surprise() {
    if (!engine) return;
    try {
      ask((await engine.scene({ digit: Math.floor(Math.random() * 10), seed: newSeed() })).caption);
    } catch (error) {
      fail(error);
    }
  }

  // --- runs ---

  function runSettings() {
    const prompt = wanted();
    return { model: MODEL, prompt, seed: settings.seed, steps: steps(), sampler: sampler(), guidance: prompt === null ? 1 : guidance(), eta: eta() };
  }

  function change(values, then = runs.begin) {
    Object.assign(settings, values);
    showSettings();
    then();
    writeAddress();
  }

  // --- the page follows the player ---

  const subject = ({ settings: { prompt } }) => (prompt === null ? 'anything' : `“${brief(prompt)}”`);

  async function showFrame() {
    const { run } = player;
    const { frame } = run;
    // Whoever wants no motion sees only where it ends.
    if (calm.matches && player.seeking && run.index > 0) return drawFilm(run, frame);
    work(run, frame);
    const { x, denoised, picture, step } = frame;
    latents.x.show(x, 1 / Math.hypot(1, frame.sigma));
    latents.denoised.show(denoised);
    if (picture) draw($('picture'), toColourImage(picture.x));
    else $('picture').getContext('2d').clearRect(0, 0, SIZE, SIZE);
    $('unasked').hidden = denoised !== null;
    $('undecoded').hidden = picture !== null;
    const where = `at step ${step} of ${frame.steps} on the way to ${subject(run)}`;
    $('x').setAttribute('aria-label', `The latent ${where}`);
    $('denoised').setAttribute('aria-label', denoised ? `The estimate of the latent ${where}` : 'The U-Net has not been asked yet');
    $('picture').setAttribute('aria-label', picture ? `The decoded picture ${where}` : 'Nothing has been decoded yet');
    $('sigma').textContent = sigma(frame.sigma);
    $('step-now').textContent = step;
    $('step-all').textContent = frame.steps;
    $('nfe').textContent = frame.nfe;
    $('ms').textContent = step === 0 ? '–' : ms(frame.ms);
    $('backend').textContent = backendName(run.backend);
    writeAddress();
    if ((await drawFilm(run, frame)) && frame === run.frame) showReading(run, frame);
  }

  /** A frame's place in the film strip, once CLIP has been asked; whether its run is still at hand then. */
  async function drawFilm(run, frame) {
    try {
      if (!readings.has(frame)) readings.set(frame, await judge(run, frame));
    } catch (error) {
      if (run === player.run) fail(error);
      return false;
    }
    if (run !== player.run) return false;
    film.draw(frame);
    return true;
  }

  /** How well a frame's picture fits, and what is measured in it; null where there is none yet. */
  async function judge(run, { picture }) {
    if (!picture) return null;
    const { prompt } = run.settings;
    const [{ embedding }, measured] = await Promise.all([engine.embedPicture({ picture: picture.x }), engine.measure({ picture: picture.x })]);
    if (prompt === null) {
      const best = await bestFit(embedding, embed);
      return { embedding, measured, best, cosine: best.cosine };
    }
    return { embedding, measured, best: null, cosine: dot((await read(prompt)).embedding, embedding) };
  }

  function showReading(run, frame) {
    film.mark(frame);
    const reading = readings.get(frame);
    const { prompt } = run.settings;
    verdict.showOwn(prompt && brief(prompt), prompt && (reading?.cosine ?? null));
    find(run, frame).catch(fail);
  }

  /** Finds the sentence that fits best; many are tried, so only the frame on show is asked about. `data-answered` is its step. */
  const find = latest(async (run, frame) => {
    const reading = readings.get(frame);
    if (reading) reading.best ??= await bestFit(reading.embedding, embed);
    if (run !== player.run || frame !== run.frame) return;
    verdict.showFindings(reading?.best, reading?.measured);
    $('verdict').dataset.answered = frame.step;
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
    if (!run) return;
    if (state === 'playing') status(`Drawing ${subject(run)}`);
    else if (state === 'seeking') status('On the way to the step that was asked for');
    else if (state === 'done') status(`Finished: ${count(run.frame.steps, 'step')}, ${count(run.frame.nfe, 'network call')}, ${duration(run.frames.reduce((sum, { ms }) => sum + ms, 0))} of computing`);
    else status(`Paused at step ${run.index} of ${run.frame.steps}`);
  }

  function showRun() {
    const { prompt } = player.run.settings;
    delete $('verdict').dataset.answered;
    verdict.showOwn(prompt && brief(prompt), null);
    verdict.showFindings(null, null);
    $('film-hint').textContent = `Every step: the latent above, the decoded estimate below it, and its cosine with ${prompt === null ? 'the sentence that fits it best' : 'your sentence'}, from 0 to ${TOP}.`;
  }

  // --- the engine ---

  function fail(error) {
    status('Stopped');
    say(error.message, () => start(engine));
  }

  /** Gets the engine; the weights are loaded from here on. */
  async function start(unnoise) {
    engine = unnoise;
    const step = takeAddress();
    try {
      status('Loading the networks');
      await showLoading($('stage'), unnoise, unnoise.ready(MODEL));
      reading = await read(settings.prompt);
    } catch (error) {
      return fail(error);
    }
    showSettings();
    typed();
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
      onError: fail,
    });
    await player.open(runSettings(), { goal: step ?? (calm.matches ? steps() : 0) });
    // It begins by itself, when there is somebody to see it.
    if (step === null && !calm.matches) whenSeen($('stage'), () => player.run?.index === 0 && !player.seeking && player.play(), 0.3);
  }

  // --- controls ---

  for (const button of $('examples').querySelectorAll('button:not([id])')) button.addEventListener('click', () => ask(button.textContent));
  $('surprise').addEventListener('click', surprise);
  $('prompt').addEventListener('input', typed);
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
  $('sampler').append(...samplerOptions());
  $('sampler').addEventListener('change', ({ target }) => change({ sampler: target.value }, runs.keepPlace));
  for (const id of ['steps', 'guidance', 'eta']) {
    $(id).addEventListener('input', ({ target }) => change({ [id]: target.valueAsNumber }, runs.keepPlace));
  }
  $('copy').addEventListener('click', async () => {
    player?.pause();
    writeAddress();
    if (await copyLink($('copy'), CHAPTER)) status('The link has been copied');
  });
  $('save').addEventListener('click', async () => {
    const { run } = player ?? {};
    if (!run?.frame.picture) return say('There is no picture yet: it is there from the first step on.');
    const words = reading?.words.join('-').slice(0, 60) || 'anything';
    try {
      await savePng(toColourImage(run.frame.picture.x), `unnoise-${words}-seed-${run.settings.seed}-step-${run.index}.png`, ZOOM);
    } catch (error) {
      say(error.message);
    }
  });

  listen($('studio'), { ...playerKeys(() => player), r: seed.reroll });

  followLinks(CHAPTER, async () => {
    hush();
    const step = takeAddress();
    if (!player) return;
    try {
      reading = await read(settings.prompt);
    } catch (error) {
      return fail(error);
    }
    showSettings();
    typed();
    runs.beginAt(step);
  });

  takeAddress();
  verdict.showOwn(settings.prompt, null);
  verdict.showFindings(null, null);
  film.reset(steps(), SIZE, SIZE); // the page keeps its shape when the first run begins
  return { begin: start };
}

/** `ask`, whose last answers are remembered. */
function remembered(most, ask) {
  const answers = new Map();
  return (text) => {
    if (!answers.has(text)) {
      if (answers.size >= most) answers.delete(answers.keys().next().value);
      const answer = ask(text);
      answers.set(text, answer);
      answer.catch(() => answers.delete(text));
    }
    return answers.get(text);
  };
}

/** What is to be said of a text, in sentences. */
function note(text, reading) {
  const left = remarks(text, reading);
  if (reading.words.length) return left || 'It knows all of these words.';
  return left ? `${left} No word is left, so it may become anything.` : 'No words: it may become anything.';
}

/** A text that fits into a sentence about it. */
const brief = (text) => ([...text.slice(0, 400)].length > 120 ? `${[...text.slice(0, 400)].slice(0, 120).join('')}…` : text);

/** The four canvases of a latent, in `root`. */
function channels(root) {
  const canvases = Array.from({ length: CHANNELS }, () => make('canvas', { width: SIDE, height: SIDE }));
  root.append(...canvases);
  return {
    /** With null, nothing. */
    show(values, scale = 1) {
      for (const [channel, canvas] of canvases.entries()) draw(canvas, values ? channelImage(values, channel, scale) : new ImageData(SIDE, SIDE));
    },
  };
}

const channelImage = (values, channel, scale) => signedImage(channelOf(values, channel, CHANNELS), { width: SIDE, height: SIDE, limit: LIMIT / scale });

/** All four channels of a latent as one image as large as the picture that it stands for. */
function tiles(values, scale) {
  const image = new ImageData(SIZE, SIZE);
  const pixels = new Uint32Array(image.data.buffer);
  const zoom = SIZE / (2 * SIDE);
  for (let channel = 0; channel < CHANNELS; channel++) {
    const tile = new Uint32Array(channelImage(values, channel, scale).data.buffer);
    const [left, top] = [(channel % 2) * (SIZE / 2), Math.floor(channel / 2) * (SIZE / 2)];
    for (let y = 0; y < SIZE / 2; y++) {
      for (let x = 0; x < SIZE / 2; x++) {
        pixels[(top + y) * SIZE + left + x] = tile[Math.floor(y / zoom) * SIDE + Math.floor(x / zoom)];
      }
    }
  }
  return image;
}
