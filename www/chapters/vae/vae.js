// Chapter 5: the autoencoder. A picture becomes 256 numbers and a picture again; one of the numbers can be changed, and
// between the latents of two pictures there is a way.

import { copyLink, followLinks, takeState, writeState } from '../../page/address.js';
import { parseNumber, parseWhole, signed } from '../../page/format.js';
import { listen } from '../../page/keys.js';
import { latest } from '../../page/latest.js';
import { showLoading } from '../../page/loading.js';
import { make } from '../../page/make.js';
import { meanSquare } from '../../page/noised.js';
import { say } from '../../page/notices.js';
import { PixelPicker } from '../../page/picker.js';
import { channelOf, draw, signedImage, SignedLegend, toColourImage, wipe } from '../../page/pixels.js';
import { anyPicture, otherPaint, paintPicture, parsePicture, ScenePicker } from '../../page/scene-picker.js';
import { whenSeen } from '../../page/seen.js';

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
export function mount(section, unnoise) {
  const $ = (name) => section.querySelector(`#vae-${name}`);
  const { latent: shape, picture: { width, height } } = unnoise.info;
  const PARSE = {
    picture: parsePicture(unnoise.info),
    other: parsePicture(unnoise.info),
    way: (text) => parseNumber(text, 0, 1),
    number: (text) => parseWhole(text, 0, shape.width * shape.height * shape.channels - 1),
    value: (text) => parseNumber(text, -VALUE_MAX, VALUE_MAX),
  };
  const settings = { ...OPENING };
  /** The picture and the one that the walk goes to: `{ picture, latent, decoded }`, once they are known. */
  let here = null;
  let there = null;
  let making = new AbortController();
  let rest;
  /** Whether the stills have been looked at: they are not made before. */
  let seen = false;

  const picker = new ScenePicker(unnoise, $('picker'), { id: 'vae', onChange: takePicture, onError: report });
  const channels = Array.from({ length: shape.channels }, (_, channel) => new Channel($('channels'), shape, channel, { onPoint: tell, onPick: pick }));
  new SignedLegend($('legend'), { less: 'below 0', more: 'above 0' }).limit = LIMIT;
  const stills = Array.from({ length: STILLS }, (_, i) => {
    const way = i / (STILLS - 1);
    const canvases = [make('canvas', { width, height }), make('canvas', { width, height })];
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
    const { row, column, channel } = placeOf(shape, number);
    for (const [i, each] of channels.entries()) each.mark(i === channel ? number : null);
    $('poke-which').textContent = `Channel ${channel + 1}, row ${row + 1}, column ${column + 1}`;
    for (const id of ['poke-place', 'change-place']) {
      $(id).style.setProperty('--x', column / shape.width);
      $(id).style.setProperty('--y', row / shape.height);
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
    if (picker.picture === null) return forget();
    for (const id of ['picture', 'a']) draw($(id), toColourImage(picker.picture));
    pass().catch(report);
  }

  /** There is no picture: nothing made of an earlier one stays. */
  function forget() {
    here = null;
    stilled = [];
    delete section.dataset.answered;
    for (const canvas of [...['picture', 'decoded', 'error', 'poked', 'changed', 'a', 'mix', 'fade'].map($), ...stills.flatMap(({ canvases }) => canvases)]) wipe(canvas);
    for (const channel of channels) channel.wipe();
    for (const id of ['mse', 'psnr', 'poke-own']) $(id).textContent = '–';
    $('poke-mark').hidden = true;
  }

  const pass = latest(async () => {
    const { text, picture: asked } = picker;
    if (asked === null) return;
    const passed = await through(asked);
    if (picker.picture !== asked) return;
    here = passed;
    const { picture, latent, decoded } = here;
    const images = channels.map((_, channel) => signedImage(channelOf(latent, channel, shape.channels), { width: shape.width, height: shape.height, limit: LIMIT }));
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
    const { row, column, channel } = placeOf(shape, at);
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
    if (here === null) return;
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
    if (here === null) return;
    const picture = await decode(between(here.latent, there.latent, way));
    if (here === null) return;
    draw($('mix'), toColourImage(picture));
    $('walk').dataset.answered = way;
  });

  /** The pictures that the stills were made of. */
  let stilled = [];

  const still = latest(async () => {
    const ends = [here, there];
    if (here === null || ends.every((end, i) => end === stilled[i])) return;
    for (const { way, canvases: [above, below] } of stills) {
      const picture = await decode(between(ends[0].latent, ends[1].latent, way));
      if (ends[0] !== here || ends[1] !== there) return;
      draw(above, toColourImage(picture));
      draw(below, toColourImage(between(ends[0].picture, ends[1].picture, way)));
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
      goTo((await anyPicture(unnoise)).text);
    } catch (error) {
      report(error);
    }
  });
  $('repaint').addEventListener('click', () => here && goTo(otherPaint(unnoise, settings.picture)));
  $('keep').addEventListener('click', () => here && picker.picture && goTo(picker.text));
  $('copy').addEventListener('click', () => copyLink($('copy'), 'vae'));

  listen(section, { r: () => picker.surprise() });

  whenSeen($('stills'), () => {
    seen = true;
    walk();
  });

  showSettings();
  return {
    begin() {
      followLinks('vae', takeAddress);
      start();
    },
  };
}

/** One of the latent's channels: a picture whose pixels can be picked. */
class Channel {
  #shape;
  #canvas;
  #chosen = make('i', { class: 'chosen', hidden: '' });

  constructor(root, shape, channel, { onPoint, onPick }) {
    this.#shape = shape;
    this.#canvas = make('canvas', { width: shape.width, height: shape.height });
    this.#canvas.id = `vae-channel-${channel}`;
    this.#canvas.setAttribute('aria-label', `Channel ${channel + 1} of the latent`);
    this.#canvas.setAttribute('aria-describedby', 'vae-help');
    root.append(make('div', { class: 'screen' }, this.#canvas, this.#chosen));
    const number = (index) => index * shape.channels + channel;
    new PixelPicker(this.#canvas, {
      size: shape.width,
      onPoint: (index) => onPoint(index === null ? null : number(index)),
      onPick: (index, sign) => onPick(number(index), sign),
    });
  }

  draw(image) {
    draw(this.#canvas, image);
  }

  wipe() {
    wipe(this.#canvas);
  }

  /** Marks a number of this channel, or, with null, none. */
  mark(number) {
    this.#chosen.hidden = number === null;
    if (number === null) return;
    const { row, column } = placeOf(this.#shape, number);
    this.#chosen.style.setProperty('--x', column / this.#shape.width);
    this.#chosen.style.setProperty('--y', row / this.#shape.height);
  }
}

/** Where a number of the latent lies. */
function placeOf({ width, channels }, number) {
  const place = Math.floor(number / channels);
  return { row: Math.floor(place / width), column: place % width, channel: number % channels };
}

/** Place of a value on its slider, 0 to 1. */
const along = (value) => Math.min(1, Math.max(0, (value + VALUE_MAX) / (2 * VALUE_MAX)));

const between = (a, b, way) => a.map((value, i) => (1 - way) * value + way * b[i]);

/** What two pictures differ by, on black. */
const apart = (a, b) => toColourImage(a.map((value, i) => ERROR_SCALE * Math.abs(value - b[i]) - 1));
