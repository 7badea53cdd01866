// Runs of a chapter: a player, with what follows it on the page, and the ways to start a run.

import { count, duration } from './format.js';
import { Player } from './player.js';

/** A run that is overtaken while a slider moves is given so long to show something. */
const PATIENCE_MS = 300;

/** Whether motion is not wanted. */
export const calm = matchMedia('(prefers-reduced-motion: reduce)');

/** For `Player.open`: a run that is played from its beginning, or, where motion is not wanted, shown whole. */
export const fromStart = () => (calm.matches ? { goal: Infinity } : { play: true });

/** A player that a bar and a film strip follow; `onRun`, `onFrame`, `onState` and `onError` are called at its events. */
export function openPlayer(unnoise, { transport, film, onRun = () => {}, onFrame, onState, onError }) {
  const player = new Player(unnoise);
  transport.follow(player);
  player.addEventListener('run', () => {
    const { steps, width, height } = player.run.frame;
    film.reset(steps, width, height);
    if (!player.approaching) film.clear(player.run?.frames.length ?? 0);
    onRun();
  });
  player.addEventListener('frame', () => onFrame());
  player.addEventListener('state', () => {
    if (!player.approaching) film.clear(player.run?.frames.length ?? 0);
    onState();
  });
  player.addEventListener('error', ({ detail }) => onError(detail));
  return player;
}

/** Where a player stands, in words: `doing` says what it plays, `call` what a step is paid with. */
export function stateLine({ run, state }, { doing, call = 'network call' }) {
  const { frames, frame, index } = run;
  if (state === 'playing') return doing;
  if (state === 'seeking') return 'On the way to the step that was asked for';
  if (state === 'paused') return `Paused at step ${index} of ${frame.steps}`;
  const spent = duration(frames.reduce((sum, { ms }) => sum + ms, 0));
  return `Finished: ${count(frame.steps, 'step')}, ${count(frame.nfe, call)}, ${spent} of computing`;
}

/** Starts runs with the settings at hand. */
export class Runs {
  #player;
  #settings;
  #anew;
  /** What the last run was opened with. */
  #last = {};
  /** When that was, and how many are being opened. */
  #begun = 0;
  #opening = 0;
  #timer;
  #followed = null;

  /**
   * `player` returns the player, or null before there is one; `settings` those of the run to come, with its `steps`.
   * `anew` says of the run at hand whether it has no place that is worth keeping.
   */
  constructor(player, settings, { anew = () => false } = {}) {
    this.#player = player;
    this.#settings = settings;
    this.#anew = anew;
  }

  /** A new run, from its beginning. */
  begin = () => this.#open(fromStart());

  /** A run at a step, or, with null, from its beginning. */
  beginAt = (step) => this.#open(step === null ? fromStart() : { goal: step });

  /** What was asked for last, once more. */
  again = () => this.#open(this.#last);

  /**
   * The same place under other settings, so that a class can compare. While a slider moves, a run that is overtaken shows
   * a part of its way before the next one begins: so the page answers all along.
   */
  keepPlace = () => {
    this.#follow();
    clearTimeout(this.#timer);
    const left = this.#onWay ? this.#begun + PATIENCE_MS - performance.now() : 0;
    if (left > 0) this.#timer = setTimeout(this.#next, left);
    else this.#next();
  };

  /** A change that waits need not wait for longer than the run under way. */
  #follow() {
    const player = this.#player();
    if (this.#followed === player) return;
    this.#followed = player;
    player?.addEventListener('state', () => this.#timer && !this.#onWay && this.#next());
  }

  get #onWay() {
    return this.#opening > 0 || Boolean(this.#player()?.approaching);
  }

  #next = () => {
    const player = this.#player();
    const { run, playing, aim } = player ?? {};
    const { place } = this.#last;
    if (this.#onWay && place !== undefined) return this.#approach(place);
    if (this.#opening > 0) return this.again();
    if (!run || playing || this.#anew(run)) return this.begin();
    return this.#approach(aim / run.frame.steps);
  };

  #approach(place) {
    return this.#open({ goal: Math.round(place * this.#settings().steps), approach: true, place });
  }

  async #open(options) {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#last = options;
    this.#begun = performance.now();
    this.#opening++;
    await this.#player()?.open(this.#settings(), options);
    this.#opening--;
  }
}
