// One generation: a list of frames that grows by a step at a time, and a place in it.

import { abortable } from './abort.js';
import { checkNumbers } from './bridge.js';
import { UnnoiseError } from './errors.js';
import { signalOf } from './settings.js';

/**
 * @import { Bridge } from './bridge.js'
 * @import { Abortable, Frame, FullSettings, Run as Face } from './unnoise.js'
 * @typedef {object} Host What a run needs of those who started it.
 * @property {(model: string) => Promise<Bridge>} cpu an engine on the CPU that is ready for a model
 * @property {() => void} used says that something is being computed
 * @property {() => void} finished says that a run has reached its last frame
 */

/** Runs that nobody can reach any longer: their engine may forget them. */
const forgotten = new FinalizationRegistry(({ bridge, id }) => release(bridge, id));

const release = (bridge, id) => bridge.call('free', { run: id }).catch(() => {});

/** @implements {Face} */
export class Run {
  #host;
  /** Which engine has the run, and under which number. */
  #place;
  #index = 0;
  #last;
  #seeks = 0;
  #turn = Promise.resolve();
  /** The frame that is being computed. @type {Promise<void> | null} */
  #next = null;
  #freed = false;

  /**
   * Only `Unnoise.start` makes runs.
   * @param {Host} host
   * @param {{ bridge: Bridge, id: number }} place
   * @param {FullSettings} settings
   * @param {Frame} first
   */
  constructor(host, place, settings, first) {
    this.#host = host;
    this.#last = first.steps;
    /** The settings in full. */
    this.settings = Object.freeze(settings);
    /** Every frame so far, frame 0 (pure noise) first. */
    this.frames = [first];
    this.#settle(place);
  }

  /** The current frame. */
  get frame() {
    return this.frames[this.#index];
  }

  /** The current frame's number. */
  get index() {
    return this.#index;
  }

  /** Whether the current frame is the last one. */
  get done() {
    return this.#index === this.#last;
  }

  /** The backend that computes this run's next frame. */
  get backend() {
    return this.#place.bridge.backend;
  }

  /**
   * Goes one step on and returns that frame, or null after the last one. A frame that is kept costs no network call.
   * Where this rejects, the run stands where it was; what was being computed is kept for the next step.
   * @param {Abortable} [options]
   * @returns {Promise<Frame | null>}
   */
  step(options) {
    let turn;
    try {
      const signal = signalOf(options);
      turn = abortable(this.#turn, signal).then(() => this.#step(signal));
    } catch (error) {
      return Promise.reject(error);
    }
    this.#turn = Promise.allSettled([this.#turn, turn]).then(() => {});
    return turn;
  }

  async #step(signal) {
    if (this.done) return null;
    const from = this.#index;
    const seeks = this.#seeks;
    if (from + 1 === this.frames.length) await abortable((this.#next ??= this.#compute()), signal);
    const frame = this.frames[from + 1];
    if (!frame) return null;
    // Whoever went elsewhere meanwhile stays there.
    if (seeks === this.#seeks) this.#index = from + 1;
    return frame;
  }

  /** One more frame. */
  async #compute() {
    try {
      if (this.#freed) throw new UnnoiseError('settings', 'This run has been freed: start another one.');
      const frame = await this.#ask();
      if (frame) this.frames.push(frame);
      else this.#last = this.frames.length - 1;
      if (this.frames.length <= this.#last) return;
      this.free();
      if (frame) this.#host.finished();
    } finally {
      this.#next = null;
    }
  }

  async #ask() {
    this.#host.used();
    const { bridge } = this.#place;
    const closedBefore = bridge.closed;
    try {
      return await takeStep(this.#place);
    } catch (error) {
      // A GPU that fails once is not asked again; the CPU says if the fault was not the GPU's.
      // An engine that had stopped earlier has been spoken of, and this is the next attempt.
      if (bridge.backend === 'cpu' && !closedBefore && !bridge.retired) throw error;
      bridge.close(error.message);
      await this.#moveToCpu();
      return takeStep(this.#place);
    }
  }

  /** The same settings, replayed silently up to the frames that are kept. */
  async #moveToCpu() {
    const place = { bridge: await this.#host.cpu(this.settings.model), id: nextRunId() };
    await place.bridge.call('start', { run: place.id, settings: this.settings });
    for (let step = 1; step < this.frames.length; step++) await takeStep(place);
    this.#settle(place);
  }

  #settle(place) {
    this.#place = place;
    forgotten.unregister(this);
    forgotten.register(this, place, this);
  }

  /** Goes one frame back and returns that frame, or null at the first one. */
  back() {
    return this.#index === 0 ? null : this.seek(this.#index - 1);
  }

  /** Goes to a frame that is kept and returns it. @param {number} index */
  seek(index) {
    const frame = Number.isInteger(index) ? this.frames[index] : undefined;
    if (!frame) {
      throw new RangeError(`Frame ${String(index)} has not been computed: frames 0 to ${this.frames.length - 1} of ${this.#last} are kept. step() computes the next one.`);
    }
    this.#seeks++;
    this.#index = index;
    return frame;
  }

  /** Lets the engine forget this run. Frames stay; a finished run has been forgotten already. */
  free() {
    if (this.#freed) return;
    this.#freed = true;
    forgotten.unregister(this);
    release(this.#place.bridge, this.#place.id);
  }
}

let runIds = 0;
export const nextRunId = () => ++runIds;

/** The next frame of an engine's run, or null after its last one. @returns {Promise<Frame | null>} */
export async function takeStep({ bridge, id }) {
  const frame = await bridge.call('step', { run: id });
  if (frame) checkNumbers(bridge, frame);
  return frame;
}
