// Chapter 5: the autoencoder. A picture becomes 256 numbers and a picture again; one of the numbers can be changed, and
// between the latents of two pictures there is a way.

import { copyLink, followLinks, takeState, writeState } from '../page/address.js';
import { parseNumber, parseWhole, signed } from '../page/format.js';
import { listen } from '../page/keys.js';
import { latest } from '../page/latest.js';
import { showLoading } from '../page/loading.js';
import { make } from '../page/make.js';
import { meanSquare } from '../page/noised.js';
import { say } from '../page/notices.js';
import { PixelPicker } from '../page/picker.js';
import { channelOf, draw, signedImage, SignedLegend, toColourImage } from '../page/pixels.js';
import { anyPicture, otherPaint, paintPicture, parsePicture, ScenePicker } from '../page/scene-picker.js';
import { whenSeen } from '../page/seen.js';

/** The latent: so many places across and down, and numbers at each. */
const SIDE = 8;
const CHANNELS = 4;
/** Latents are about N(0, 1); a number this far out is shown in full colour, and one further out than VALUE_MAX is not asked for. */
const LIMIT = 2.5;
const VALUE_MAX = 4;
/** What + and - do to the number that is chosen. */
const NUDGE = 0.5;
/** Errors are shown so many times as bright as they are. */
const ERROR_SCALE = 4;
/** Values lie between -1 and 1. */
const RANGE = 2;
const STILLS = 9;
/** How long everything rests before the stills are made. */
const REST_MS = 250;

const OPENING = { picture: '3-5_red_white_bold_right_large_2', other: '3-5_blue_white_thin_right_large_2', way: 0.5, number: 113, value: 3 };
const PARSE = {
  picture: parsePicture,
  other: parsePicture,
  way: (text) => parseNumber(text, 0, 1),
  number: (text) => parseWhole(text, 0, SIDE * SIDE * CHANNELS - 1),
  value: (text) => parseNumber(text, -VALUE_MAX, VALUE_MAX),
};

export function mount(section) {
  const $ = (name) => section.querySelector(`#vae-${name}`);
  const settings = { ...OPENING };
  let unnoise = null;
  /** The picture and the one that the walk goes to: `{ picture, latent, decoded }`, once they are known. */
  let here = null;
  let there = null;
  let making = new AbortController();
  let rest;
  /** Whether the stills have been looked at: they are not made before. */
  let seen = false;

  const picker = new ScenePicker($('picker'), { id: 'vae', onChange: takePicture, onError: report });
  const channels = Array.from({ length: CHANNELS }, (_, channel) => new Channel($('channels'), channel, { onPoint: tell, onPick: pick }));
  new SignedLegend($('legend'), { less: 'below 0', more: 'above 0' }).limit = LIMIT;
  const stills = Array.from({ length: STILLS }, (_, i) => {
    const way = i / (STILLS - 1);
    const canvases = [make('canvas', { width: 64, height: 64 }), make('canvas', { width: 64, height: 64 })];
    const button = make('button', { type: 'button', tabindex: '-1', 'aria-label': `${Math.round(100 * way)} % of the way` }, ...canvases);
    button.addEventListener('click', () => change({ way }));
    $('stills').append(button);
    return { way, button, canvases };
  });

  // --- the address ---

  function takeAddress() {
    Object.assign(settings, takeState('vae', OPENING, PARSE));
    picker.restore(settings.picture);
    showSettings();
    takeOther();
  }

  function change(values) {
    Object.assign(settings, values);
    showSettings();
    writeState('vae', settings, OPENING);
    if ('number' in values || 'value' in values) poke().catch(report);
    if ('way' in values) walk();
  }

  function showSettings() {
    const { way, value, number } = settings;
    $('value').value = value;
    $('value').setAttribute('aria-valuetext', signed(value, 2));
    $('value-is').textContent = signed(value, 2);
    $('way').value = way;
    $('way').setAttribute('aria-valuetext', `${Math.round(100 * way)} per cent of the way`);
    $('way-is').textContent = `${Math.round(100 * way)} %`;
    for (const still of stills) still.button.classList.toggle('current', Math.abs(still.way - way) < 0.5 / (STILLS - 1));
    const { row, column, channel } = placeOf(number);
    for (const [i, each] of channels.entries()) each.mark(i === channel ? number : null);
    $('poke-which').textContent = `Channel ${channel + 1}, row ${row + 1}, column ${column + 1}`;
    for (const id of ['poke-place', 'change-place']) {
      $(id).style.setProperty('--x', column / SIDE);
      $(id).style.setProperty('--y', row / SIDE);
    }
    if (here) showOwn();
  }

  function showOwn() {
    const own = here.latent[settings.number];
    $('poke-own').textContent = signed(own, 2);
    $('poke-mark').style.setProperty('--at', along(own));
    $('poke-mark').hidden = false;
  }

  // --- to the latent and back ---

  /** The picture is another one: by the visitor's hand, or as the address asked for. */
  function takePicture() {
    section.classList.toggle('empty', picker.picture === null);
    if (picker.text !== settings.picture) change({ picture: picker.text });
    if (picker.picture === null) return;
    for (const id of ['picture', 'a']) draw($(id), toColourImage(picker.picture));
    pass().catch(report);
  }

  const pass = latest(async () => {
    const { text } = picker;
    here = await through(picker.picture);
    const { picture, latent, decoded } = here;
    const images = channels.map((_, channel) => signedImage(channelOf(latent, channel), { width: SIDE, height: SIDE, limit: LIMIT }));
    for (const [i, channel] of channels.entries()) channel.draw(images[i]);
    draw($('decoded'), toColourImage(decoded));
    draw($('error'), apart(decoded, picture));
    const error = meanSquare(decoded, picture);
    $('mse').textContent = error.toPrecision(2);
    $('psnr').textContent = `${(10 * Math.log10((RANGE * RANGE) / error)).toFixed(1)} dB`;
    showOwn();
    await poke();
    walk();
    section.dataset.answered = text;
  });

  async function through(picture, signal) {
    const { latent } = await unnoise.encode({ picture, signal });
    return { picture, latent, decoded: await decode(latent, signal) };
  }

  /** The picture of a latent as it can be seen: what the decoder makes brighter than white is white. */
  async function decode(latent, signal) {
    const { picture } = await unnoise.decode({ latent, signal });
    return picture.map((value) => Math.min(1, Math.max(-1, value)));
  }

  // --- one number ---

  /** Says which number is pointed at, or, with null, which is chosen. */
  function tell(number) {
    const at = number ?? settings.number;
    const { row, column, channel } = placeOf(at);
    $('told').textContent = here ? `Channel ${channel + 1}, row ${row + 1}, column ${column + 1}: ${signed(here.latent[at], 2)}` : '';
  }

  function pick(number, sign) {
    const value = Math.min(VALUE_MAX, Math.max(-VALUE_MAX, settings.value + sign * NUDGE));
    change({ number, value });
  }

  const poke = latest(async () => {
    if (!here) return;
    const { number, value } = settings;
    const { latent, decoded } = here;
    const changed = latent.slice();
    changed[number] = value;
    const picture = await decode(changed);
    draw($('poked'), toColourImage(picture));
    draw($('changed'), apart(picture, decoded));
    $('poke').dataset.answered = `${number} ${value}`;
  });

  // --- from one picture to another ---

  async function takeOther() {
    making.abort();
    const { signal } = (making = new AbortController());
    try {
      const picture = await paintPicture(unnoise, settings.other, { signal });
      draw($('b'), toColourImage(picture));
      there = await through(picture, signal);
      walk();
    } catch (error) {
      if (!signal.aborted) report(error);
    }
  }

  function walk() {
    if (!here || !there) return;
    const { way } = settings;
    draw($('fade'), toColourImage(between(here.picture, there.picture, way)));
    mix().catch(report);
    clearTimeout(rest);
    if (seen) rest = setTimeout(() => still().catch(report), REST_MS);
  }

  const mix = latest(async () => {
    const { way } = settings;
    draw($('mix'), toColourImage(await decode(between(here.latent, there.latent, way))));
    $('walk').dataset.answered = way;
  });

  /** The pictures that the stills were made of. */
  let stilled = [];

  const still = latest(async () => {
    const ends = [here, there];
    if (ends.every((end, i) => end === stilled[i])) return;
    for (const { way, canvases: [above, below] } of stills) {
      draw(above, toColourImage(await decode(between(ends[0].latent, ends[1].latent, way))));
      draw(below, toColourImage(between(ends[0].picture, ends[1].picture, way)));
      if (ends[0] !== here || ends[1] !== there) return;
    }
    stilled = ends;
    $('stills').dataset.answered = 'yes';
  });

  function goTo(other) {
    change({ other });
    takeOther();
  }

  // --- the engine ---

  function report(error) {
    say(error.message, start);
  }

  async function start() {
    try {
      await showLoading($('stage'), unnoise, unnoise.ready('vae'));
      takeAddress();
    } catch (error) {
      report(error);
    }
  }

  // --- controls ---

  $('value').addEventListener('input', ({ target }) => change({ value: target.valueAsNumber }));
  $('own').addEventListener('click', () => here && change({ value: Number(here.latent[settings.number].toFixed(2)) }));
  $('way').addEventListener('input', ({ target }) => change({ way: target.valueAsNumber }));
  $('other').addEventListener('click', async () => {
    try {
      if (unnoise) goTo((await anyPicture(unnoise)).text);
    } catch (error) {
      report(error);
    }
  });
  $('repaint').addEventListener('click', () => here && goTo(otherPaint(settings.picture)));
  $('keep').addEventListener('click', () => here && picker.picture && goTo(picker.text));
  $('copy').addEventListener('click', () => copyLink($('copy'), 'vae'));

  listen(section, { r: () => picker.surprise() });

  whenSeen($('stills'), () => {
    seen = true;
    walk();
  });

  showSettings();
  return {
    begin(engine) {
      unnoise = engine;
      picker.begin(engine);
      followLinks('vae', takeAddress);
      start();
    },
  };
}

/** One of the latent's channels: a picture whose pixels can be picked. */
class Channel {
  #canvas = make('canvas', { width: SIDE, height: SIDE });
  #chosen = make('i', { class: 'chosen', hidden: '' });

  constructor(root, channel, { onPoint, onPick }) {
    this.#canvas.id = `vae-channel-${channel}`;
    this.#canvas.setAttribute('aria-label', `Channel ${channel + 1} of the latent`);
    this.#canvas.setAttribute('aria-describedby', 'vae-help');
    root.append(make('div', { class: 'screen' }, this.#canvas, this.#chosen));
    const number = (index) => index * CHANNELS + channel;
    new PixelPicker(this.#canvas, {
      size: SIDE,
      onPoint: (index) => onPoint(index === null ? null : number(index)),
      onPick: (index, sign) => onPick(number(index), sign),
    });
  }

  draw(image) {
    draw(this.#canvas, image);
  }

  /** Marks a number of this channel, or, with null, none. */
  mark(number) {
    this.#chosen.hidden = number === null;
    if (number === null) return;
    const { row, column } = placeOf(number);
    this.#chosen.style.setProperty('--x', column / SIDE);
    this.#chosen.style.setProperty('--y', row / SIDE);
  }
}

/** Where a number of the latent lies. */
function placeOf(number) {
  const place = Math.floor(number / CHANNELS);
  return { row: Math.floor(place / SIDE), column: place % SIDE, channel: number % CHANNELS };
}

/** Place of a value on its slider, 0 to 1. */
const along = (value) => Math.min(1, Math.max(0, (value + VALUE_MAX) / (2 * VALUE_MAX)));

const between = (a, b, way) => a.map((value, i) => (1 - way) * value + way * b[i]);

/** What two pictures differ by, on black. */
const apart = (a, b) => toColourImage(a.map((value, i) => ERROR_SCALE * Math.abs(value - b[i]) - 1));
