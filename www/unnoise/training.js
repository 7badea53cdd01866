// A network in training, in a worker of its own: a step at a time, for as long as its owner asks for steps.

import { abortable } from './abort.js';
import { checkNumbers } from './bridge.js';
import { capital, clause, messageOf, UnnoiseError } from './errors.js';
import { object, refuse, signalOf } from './settings.js';

/**
 * @import { Bridge } from './bridge.js'
 * @import { Checks } from './settings.js'
 * @import { Abortable, FullTrainingSettings, Training as Face, TrainingStep } from './unnoise.js'
 */

/** Trainings that nobody can reach any longer: their workers may end. */
const forgotten = new FinalizationRegistry((bridge) => bridge.retire());

/** @implements {Face} */
export class Training {
  #bridge;
  #checks;
  #settings;
  #steps = 0;

  /**
   * Only `Unnoise.train` makes trainings.
   * @param {Bridge} bridge
   * @param {Checks} checks
   * @param {FullTrainingSettings} settings
   */
  constructor(bridge, checks, settings) {
    this.#bridge = bridge;
    this.#checks = checks;
    this.#settings = settings;
    forgotten.register(this, bridge, this);
  }

  /** The settings in full, as they are now. */
  get settings() {
    return Object.freeze({ ...this.#settings });
  }

  /** Steps made. */
  get steps() {
    return this.#steps;
  }

  /**
   * One step. `learningRate` and `batch` hold for the steps to come, too.
   * @param {Abortable & { learningRate?: number, batch?: number }} [options]
   * @returns {Promise<TrainingStep>}
   */
  async step(options) {
    const { learningRate = this.#settings.learningRate, batch = this.#settings.batch, signal } = object('The argument of step', options);
    const pace = this.#checks.pace({ learningRate, batch });
    Object.assign(this.#settings, pace);
    const step = await this.#ask('trainStep', pace, signalOf({ signal }));
    checkNumbers(this.#bridge, step);
    this.#steps = step.step;
    const { digits, sigmas, ...rest } = step;
    return { ...rest, digits: Array.from(digits, (digit) => (digit > 9 ? null : digit)), sigmas: [...sigmas] };
  }

  /**
   * Draws a picture of 28 × 28 numbers from each seed, with the averaged weights.
   * @param {Abortable & { seeds: readonly number[], digits?: readonly (number | null)[] }} question
   * @returns {Promise<Float32Array[]>}
   */
  async sample(question) {
    const { signal, ...asked } = object('The question', question);
    const args = this.#checks.samples(asked);
    const { pictures } = await this.#ask('trainSample', args, signalOf({ signal }));
    checkNumbers(this.#bridge, pictures);
    const length = pictures.length / args.seeds.length;
    return Array.from(args.seeds, (_, i) => pictures.slice(i * length, (i + 1) * length));
  }

  /** The network as the bytes of a safetensors file. @returns {Promise<Uint8Array>} */
  async save() {
    return (await this.#ask('trainSave', {})).file;
  }

  /** Takes the network of such a file in the place of the own one; where the file is none, this rejects, and nothing is changed. @param {Uint8Array} bytes */
  async open(bytes) {
    if (!(bytes instanceof Uint8Array)) refuse('What is opened must be the bytes of a file, as a Uint8Array.');
    const { settings, steps } = await this.#ask('trainOpen', { file: bytes });
    this.#settings = settings;
    this.#steps = steps;
  }

  /** Ends the training and its worker. */
  close() {
    forgotten.unregister(this);
    this.#bridge.retire('it has been closed');
  }

  async #ask(method, args, signal) {
    signal?.throwIfAborted();
    try {
      return await abortable(this.#bridge.call(method, args), signal);
    } catch (error) {
      if (signal?.aborted || this.#bridge.closed) throw error;
      throw new UnnoiseError('settings', `${capital(clause(messageOf(error)))}.`);
    }
  }
}
