// Several players under one bar: for a `Transport`, they are one.

import { Player } from './player.js';

export class PlayerGroup {
  #players;
  /** The one that is asked where they are: the last, since it is served last. */
  #leader;

  constructor(unnoise, count) {
    this.#players = Array.from({ length: count }, () => new Player(unnoise));
    this.#leader = this.#players.at(-1);
  }

  get players() {
    return this.#players;
  }

  get run() {
    return this.#leader.run;
  }

  get playing() {
    return this.#players.some((player) => player.playing);
  }

  /** That of the last to arrive: where the machine is busy, it need not be the leader. */
  get state() {
    const states = this.#players.map((player) => player.state);
    return states.find((state) => state === 'playing' || state === 'seeking') ?? this.#leader.state;
  }

  set interval(interval) {
    for (const player of this.#players) player.interval = interval;
  }

  addEventListener(...args) {
    for (const player of this.#players) player.addEventListener(...args);
  }

  /** Starts a run in each; `settings` in the order of the players. */
  open(settings, options) {
    return Promise.all(this.#players.map((player, i) => player.open(settings[i], options)));
  }

  toggle() {
    // Where the leader stops, all stop: the others may be a step ahead of it.
    if (this.playing) this.seek(this.run.index);
    else this.#each('play');
  }

  forward() {
    this.#each('forward');
  }

  back() {
    this.#each('back');
  }

  restart() {
    this.#each('restart');
  }

  seek(step) {
    for (const player of this.#players) player.seek(step);
  }

  #each(action) {
    for (const player of this.#players) player[action]();
  }
}
