// What can be taken along of a run: its film strip, an animation or a video of it, and the picture at hand.
//
// All are drawn anew, step by step, from the frames that the run has kept.

import { linkTo } from './address.js';
import { whileBusy } from './busy.js';
import { encodeGif } from './formats/gif.js';
import { encodePng } from './formats/png.js';
import { encodeVideo } from './formats/video.js';
import { make } from './make.js';
import { hush, say } from './notices.js';
import { compose, saveFile, textsOf } from './save.js';

/** About as high as this are the pictures of an animation, in pixels. */
const HEIGHT = 256;
const STRIP_HEIGHT = 120;
const GAP = 12;
const STRIP_GAP = 6;
const WHITE = 255;
/** At "no limit" a step takes as long as at 20 steps a second. */
const FASTEST = 20;
/** The finished picture is looked at. */
const LAST_MS = 2000;

const KINDS = [
  ['strip', 'All steps, PNG'],
  ['gif', 'Animation, GIF'],
  ['apng', 'Animation, PNG'],
  ['webm', 'Video, WebM'],
  ['mp4', 'Video, MP4'],
  ['copy', 'Copy the pictures'],
];

export class TakeAlong {
  #player;
  #film;
  #transport;
  #name;
  #chapter;
  #status = make('span', { role: 'status', class: 'hint' });
  #buttons;

  /**
   * `root`: an element that gets the buttons.
   * - `player` returns the player, or null before there is one; `film`, `transport`: what follows it.
   * - `name` returns what the files' names begin with; `chapter`: where a link opens.
   */
  constructor(root, { player, film, transport, name, chapter }) {
    this.#player = player;
    this.#film = film;
    this.#transport = transport;
    this.#name = name;
    this.#chapter = chapter;
    this.#buttons = KINDS.map(([kind, label]) => {
      const button = make('button', { type: 'button', 'data-take': kind }, label);
      button.addEventListener('click', () => this.#take(kind, label));
      return button;
    });
    root.append(make('details', { class: 'take-along' }, make('summary', {}, 'Take it along'), make('div', {}, ...this.#buttons), this.#status));
  }

  async #take(kind, label) {
    const again = () => this.#take(kind, label);
    const player = this.#player();
    if (!player?.run) return;
    this.#status.textContent = `${label}: being made`;
    try {
      player.pause();
      const link = linkTo(this.#chapter);
      await whileBusy(this.#buttons, async () => {
        if (kind === 'copy') await this.#copy(player.run.index, link);
        else saveFile(await this.#encode(kind, await this.#pictures(player), link), `${this.#name()}.${ENDING[kind] ?? kind}`);
      });
      this.#status.textContent = kind === 'copy' ? 'Copied' : `${label}: saved`;
    } catch (error) {
      this.#status.textContent = '';
      hush(again);
      say(error.message);
    }
  }

  /** The pictures of all steps; those that lack are computed first. */
  async #pictures(player) {
    const { index } = player.run;
    const failed = new Promise((_, reject) => player.addEventListener('error', ({ detail }) => reject(detail), { once: true }));
    player.seek(Infinity);
    if (!(await Promise.race([this.#film.whole(), failed]))) throw new Error('Another run has begun: nothing was saved.');
    const pictures = this.#film.pictures();
    player.seek(index);
    return pictures;
  }

  #encode(kind, pictures, link) {
    if (kind === 'strip') return encodePng([strip(pictures)], { texts: textsOf(link) });
    const { speed } = this.#transport;
    const delays = pictures.map((_, i) => (i === pictures.length - 1 ? LAST_MS : 1000 / (speed === 'max' ? FASTEST : Number(speed))));
    const images = pictures.map(pair);
    if (kind === 'gif') return encodeGif(images, { delays, comment: link });
    if (kind === 'apng') return encodePng(images, { delays, texts: textsOf(link) });
    return encodeVideo(images, { format: kind, delays, comment: link });
  }

  /** In one go: a browser lets the page copy only in answer to the click. */
  async #copy(step, link) {
    const image = encodePng([pair(this.#film.pictures()[step])], { texts: textsOf(link) });
    try {
      await navigator.clipboard.write([new ClipboardItem({ 'image/png': image })]);
    } catch (error) {
      throw new Error(`This browser did not let the page copy pictures: take the PNG with all steps. (${error.message})`);
    }
  }
}

const ENDING = { strip: 'png', apng: 'animated.png' };

/** A step's two pictures, side by side. */
function pair([left, right]) {
  const zoom = Math.floor(HEIGHT / left.height);
  const side = zoom * left.width;
  return compose([[left, 0, 0], [right, side + GAP, 0]], 2 * side + GAP, zoom * left.height, { zoom });
}

/** All steps side by side, their two pictures one above the other. */
function strip(pictures) {
  const [[{ width, height }]] = pictures;
  const zoom = Math.max(1, Math.floor(STRIP_HEIGHT / height));
  const [wide, high] = [zoom * width + STRIP_GAP, zoom * height + STRIP_GAP];
  const placed = pictures.flatMap(([above, below], i) => [[above, STRIP_GAP + i * wide, STRIP_GAP], [below, STRIP_GAP + i * wide, STRIP_GAP + high]]);
  return compose(placed, pictures.length * wide + STRIP_GAP, 2 * high + STRIP_GAP, { zoom, paper: WHITE });
}
