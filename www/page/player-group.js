// Several players under one bar: for a `Transport`, they are one.

import { Player } from './player.js';

export class PlayerGroup {
  #unnoise;
  #players = [];
  #interval = null;
  /** What every player is listened to for. */
  #listening = [];

  constructor(unnoise, count) {
    this.#unnoise = unnoise;
    this.resize(count);
  }

  /** So many players from here on: the last ones are closed, or new ones, without a run, come after them. */
  resize(count) {
    while (this.#players.length > count) this.#players.pop().close();
    while (this.#players.length < count) {
      const player = new Player(this.#unnoise);
      if (this.#interval !== null) player.interval = this.#interval;
      for (const args of this.#listening) player.addEventListener(...args);
      this.#players.push(player);
    }
  }

  get players() {
    return this.#players;
  }

  /** The one that is asked where they are: the last, since it is served last. */
  get #leader() {
    return this.#players.at(-1);
  }

  get run() {
    return this.#leader.run;
  }

  get aim() {
    return this.#leader.aim;
  }

  get playing() {
    return this.#players.some((player) => player.playing);
  }

  /** That of the last to arrive: where the machine is busy, it need not be the leader. */
  get state() {
    const states = this.#players.map((player) => player.state);
    return states.find((state) => state === 'playing' || state === 'seeking') ?? this.#leader.state;
  }

  get approaching() {
    return this.#players.some((player) => player.approaching);
  }

  set interval(interval) {
    this.#interval = interval;
    for (const player of this.#players) player.interval = interval;
  }

  addEventListener(...args) {
    this.#listening.push(args);
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

  /** Returns whether any had a step to take. */
  forward() {
    return this.#each('forward').some(Boolean);
  }

  back() {
    return this.#each('back').some(Boolean);
  }

  restart() {
    this.#each('restart');
  }

  seek(step) {
    for (const player of this.#players) player.seek(step);
  }

  #each(action) {
    return this.#players.map((player) => player[action]());
  }
}
