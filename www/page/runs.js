// Runs of a chapter: a player, with what follows it on the page, and the ways to start a run.

import { Player } from './player.js';

/** How long a slider rests before its run is started. */
const REST_MS = 120;

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
    onRun();
  });
  player.addEventListener('frame', () => onFrame());
  player.addEventListener('state', () => onState());
  player.addEventListener('error', ({ detail }) => onError(detail));
  return player;
}

/** Starts runs with the settings at hand. */
export class Runs {
  #player;
  #settings;
  #anew;
  #rest;

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

  /** The same place under other settings, so that a class can compare; once the sliders rest. */
  keepPlace = () => {
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      const { run, playing } = this.#player() ?? {};
      if (!run || playing || this.#anew(run)) return this.begin();
      this.#open({ goal: Math.round((run.index / run.frame.steps) * this.#settings().steps) });
    }, REST_MS);
  };

  #open(options) {
    clearTimeout(this.#rest);
    this.#player()?.open(this.#settings(), options);
  }
}
