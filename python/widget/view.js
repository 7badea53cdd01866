// One place in the notebook where a drawing is seen and played.

import { sigma } from '../../www/page/format.js';
import { denoisedImage, draw, noisyImage, toColourImage } from '../../www/page/pixels.js';
import { Player } from '../../www/page/player.js';

/** A run that has come to its end, for a player of its own. */
class Replay {
  index = 0;

  constructor(frames) {
    this.frames = frames;
  }

  get frame() {
    return this.frames[this.index];
  }

  get done() {
    return this.index === this.frames.length - 1;
  }

  async step() {
    return this.done ? null : this.seek(this.index + 1);
  }

  seek(index) {
    this.index = index;
    return this.frame;
  }

  free() {}
}

const SVG = 'http://www.w3.org/2000/svg';
const ICONS = {
  back: ['M12.5 4.5 7 10l5.5 5.5'],
  play: ['M6 3.5v13L16.5 10z'],
  pause: ['M5 4h3.4v12H5z', 'M11.6 4H15v12h-3.4z'],
  step: ['M7.5 4.5 13 10l-5.5 5.5'],
};

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 20 20');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('class', name);
  for (const d of ICONS[name]) svg.appendChild(document.createElementNS(SVG, 'path')).setAttribute('d', d);
  return svg;
}

const button = (title, ...icons) => element('button', { type: 'button', title, ariaLabel: title }, ...icons.map(icon));

function picture(label) {
  const canvas = element('canvas', { role: 'img', ariaLabel: label });
  return { canvas, figure: element('figure', {}, canvas, element('figcaption', { textContent: label })) };
}

/** One place where a drawing is shown. */
export class View {
  #drawing;
  #player;
  #root = element('div', { className: 'unnoise' });
  #noisy = picture('The picture, with noise');
  #clean = picture('What the network sees in it');
  #back = button('One step back', 'back');
  #play = button('Play', 'play', 'pause');
  #step = button('One step forward', 'step');
  #scrub = element('input', { type: 'range', min: '0', value: '0', ariaLabel: 'Step' });
  #line = element('p', { className: 'line' });
  #error = element('p', { className: 'error', role: 'alert' });
  #closing = new AbortController();

  constructor(drawing, place) {
    this.#drawing = drawing;
    const player = (this.#player = new Player({ start: async (frames) => new Replay(frames) }));
    const { signal } = this.#closing;
    this.#back.addEventListener('click', () => player.back());
    this.#play.addEventListener('click', () => player.toggle());
    this.#step.addEventListener('click', () => player.forward());
    this.#scrub.addEventListener('input', () => player.seek(this.#scrub.valueAsNumber));
    for (const type of ['frame', 'state']) player.addEventListener(type, () => this.#show());
    drawing.addEventListener('state', () => this.#show(), { signal });
    drawing.addEventListener('frames', () => this.#open(), { signal });
    const transport = element('div', { className: 'transport', role: 'group', ariaLabel: 'Playback' }, this.#back, this.#play, this.#step, this.#scrub);
    this.#root.append(element('div', { className: 'pictures' }, this.#noisy.figure, this.#clean.figure), transport, this.#line, this.#error);
    place.append(this.#root);
    this.#show();
    if (drawing.frames) this.#open();
  }

  close() {
    this.#closing.abort();
    this.#player.close();
    this.#root.remove();
  }

  /** Plays what was drawn; who wants no motion sees its end. */
  #open() {
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.#player.open(this.#drawing.frames, calm ? { goal: Infinity } : { play: true });
  }

  #show() {
    const { busy, error } = this.#drawing;
    const { run, state } = this.#player;
    this.#root.dataset.state = error ? 'refused' : busy ? 'busy' : state;
    this.#error.textContent = error;
    for (const control of [this.#back, this.#play, this.#step, this.#scrub]) control.disabled = !run;
    this.#play.title = this.#play.ariaLabel = this.#player.playing ? 'Pause' : 'Play';
    this.#root.classList.toggle('playing', this.#player.playing);
    if (busy || !run) this.#line.textContent = busy && `${busy} …`;
    else this.#say(run.frame);
    if (run) this.#draw(run);
  }

  #say({ step, steps, sigma: amount, nfe }) {
    this.#line.textContent = `step ${step} of ${steps} · σ ${sigma(amount)} · ${nfe} network ${nfe === 1 ? 'call' : 'calls'}`;
  }

  #draw({ frame, frames, index }) {
    this.#root.dataset.step = String(index);
    this.#scrub.max = String(frames.length - 1);
    this.#scrub.value = String(index);
    // Of a latent there is nothing to see but what it is decoded to.
    const latent = frame.channels > 1;
    this.#noisy.figure.hidden = latent;
    if (!latent) {
      draw(this.#noisy.canvas, noisyImage(frame));
      return draw(this.#clean.canvas, denoisedImage(frame));
    }
    const { picture } = frame;
    if (picture) draw(this.#clean.canvas, toColourImage(picture.x, picture.width, picture.height));
    else this.#clean.canvas.getContext('2d').clearRect(0, 0, this.#clean.canvas.width, this.#clean.canvas.height);
  }
}
