// Checks of what the caller hands in: refused with a sentence before any network is asked. What is allowed is the engine's to say (`info`).

import { UnnoiseError } from './errors.js';

/** @import { Abortable, Asked, Attributes, FullSettings, FullTrainingSettings, Info, Range, Shape } from './unnoise.js' */

/** What a run is asked for, of each picture. */
const ASKED = /** @type {const} */ (['digit', 'prompt', 'negative', 'seed']);

/** What some samplers have, or one schedule: the engine refuses it where it means nothing. */
const TUNING = /** @type {const} */ (['eta', 'rate', 'momentum', 'shift']);

/** @returns {never} */
export const refuse = (sentence) => {
  throw new UnnoiseError('settings', sentence);
};

/** A value as its writer wrote it. */
function written(value) {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return 'an array';
  if (isList(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return Object.is(value, -0) ? '-0' : String(value);
}

const isList = (value) => typeof value === 'object' && typeof value?.[Symbol.iterator] === 'function';

/** What was handed in as an object; nothing is an empty one. */
export function object(what, value) {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || isList(value)) refuse(`${what} is ${written(value)}: it must be an object, as in { digit: 3 }.`);
  return value;
}

/** The signal among options. @returns {AbortSignal | undefined} */
export function signalOf(options) {
  const { signal } = object('The last argument', options);
  if (signal !== undefined && !(signal instanceof AbortSignal)) refuse(`signal is ${written(signal)}: it must be an AbortSignal.`);
  return signal;
}

/** @param {Range} range */
function whole(name, value, range) {
  const [from, to] = range;
  if (!Number.isSafeInteger(value) || value < from || value > to) refuse(`${name} is ${written(value)}: it must be a whole number from ${from} to ${to}.`);
  return value;
}

/** @param {Range} range */
function number(name, value, range) {
  const [from, to] = range;
  if (typeof value !== 'number' || !(value >= from && value <= to)) refuse(`${name} is ${written(value)}: it must be a number from ${from} to ${to}.`);
  return value;
}

/**
 * Two numbers, the lower one first.
 * @param {Range} range
 * @returns {Range}
 */
function interval(name, value, range) {
  if (!Array.isArray(value) || value.length !== 2) refuse(`${name} is ${written(value)}: it must be two numbers, as in [0.3, 5].`);
  const [low, high] = value.map((end) => number(name, end, range));
  if (!(low < high)) refuse(`${name} is from ${low} to ${high}: the lower number comes first.`);
  return [low, high];
}

/** @param {readonly string[]} names */
export function oneOf(what, value, names) {
  if (!names.includes(value)) refuse(`There is no ${what} ${written(value)}: choose from ${names.join(', ')}.`);
  return value;
}

/**
 * The caller's numbers as an array that nobody else writes into.
 * @param {Shape} shape
 * @param {Range} range
 */
function numbers(name, values, shape, range) {
  const { width, height, channels } = shape;
  const [from, to] = range;
  const length = width * height * channels;
  const size = [width, height, ...(channels > 1 ? [channels] : [])].join(' × ');
  const count = typeof values === 'object' ? values?.length : undefined;
  if (count !== length) refuse(`${name} ${typeof count === 'number' ? `has ${count} values` : `is ${written(values)}`}: it must be an array of ${size} numbers.`);
  const copy = Float32Array.from(values);
  const wrong = copy.findIndex((value) => !(value >= from && value <= to));
  if (wrong !== -1) refuse(`${name} has ${written(values[wrong])} at place ${wrong}: each value must be a number from ${from} to ${to}.`);
  return copy;
}

/** @param {string} text */
function textOf(name, text, longest) {
  if (typeof text !== 'string') refuse(`${name} is ${written(text)}: it must be a text.`);
  if (text.length > longest) refuse(`${name} has ${text.length} characters: it may have at most ${longest}.`);
  return text;
}

/** Checks by what an engine says of itself. */
export class Checks {
  #info;

  /** @param {Info} info */
  constructor(info) {
    this.#info = info;
  }

  /** @returns {number} */
  seed = (seed = this.#info.defaults.seed) => whole('seed', seed, this.#info.limits.seed);
  /** @returns {number} */
  digit = (digit) => whole('digit', digit, this.#info.limits.digit);
  /** The number of a class that a model can be asked for. @returns {number | null} */
  classOrNull = (model, /** @type {any} */ digit = null) => (digit === null ? null : whole('digit', digit, this.#classes(this.generator(model))));
  /** @returns {number | null} */
  digitOrNull = (/** @type {any} */ digit = null) => (digit === null ? null : this.digit(digit));
  /** @returns {number} */
  sigma = (sigma = 0) => number('sigma', sigma, this.#info.limits.sigma);
  /** A stream of a seed's noise. @returns {number} */
  stream = (stream = 0) => whole('stream', stream, [0, 0xffffffff]);
  x = (x) => numbers('x', x, this.#info.digit, this.#info.limits.value);
  picture = (picture) => numbers('picture', picture, this.#info.picture, this.#info.limits.value);
  latent = (latent) => numbers('latent', latent, this.#info.latent, this.#info.limits.value);
  /** @returns {string} */
  text = (text) => textOf('text', text, this.#info.limits.text);
  /** @returns {string[]} */
  texts = (texts) => {
    const most = this.#info.limits.texts;
    if (!Array.isArray(texts)) refuse(`texts is ${written(texts)}: it must be an array of texts.`);
    if (texts.length < 1 || texts.length > most) refuse(`texts has ${texts.length} entries: it must have 1 to ${most}.`);
    return texts.map((text, i) => textOf(`texts[${i}]`, text, this.#info.limits.text));
  };
  trainingSchedule = (name) => oneOf('schedule', name, this.#info.trainingSchedules);

  generator(model = this.#info.defaults.model) {
    const { generators } = this.#info;
    return generators.find(({ name }) => name === model) ?? refuse(`There is no model ${written(model)}: choose from ${generators.map(({ name }) => name).join(', ')}.`);
  }

  /** A model that can be asked about the picture of a digit. */
  pixelModel(model) {
    const { name, draws } = this.generator(model);
    if (draws !== 'digit') refuse(`The model "${name}" works on latents, and is not asked about pictures: choose another one.`);
    return name;
  }

  /**
   * What is asked for, of one picture: `of` says which, where there are several.
   * @param {Asked} asked
   * @param {number} guidance
   * @param {Info['generators'][number]} generator
   */
  #asked({ digit, prompt, negative, seed }, guidance, generator, of = '') {
    const { limits } = this.#info;
    if (digit !== null) whole(`${of}digit`, digit, this.#classes(generator));
    whole(`${of}seed`, seed, limits.seed);
    if (prompt !== null) textOf(`${of}prompt`, prompt, limits.text);
    if (prompt !== null && !generator.takesPrompt) refuse(`The model "${generator.name}" cannot read: leave prompt out.`);
    if (negative === null) return;
    const { takesDigit, takesPrompt } = generator;
    if (!takesDigit && !takesPrompt) refuse(`The model "${generator.name}" is asked for nothing: leave negative out.`);
    if (takesPrompt && typeof negative === 'string') textOf(`${of}negative`, negative, limits.text);
    else whole(`${of}negative`, negative, this.#classes(generator));
    if (!(guidance > 1)) refuse(`guidance is ${guidance}: it must be above 1 to lead away from the negative.`);
    if (digit === negative) refuse(`${of}digit and negative are both ${negative}: they must differ.`);
  }

  /**
   * Several pictures of a run, each in full: what it does not say is as for all.
   * @param {any} pictures
   * @param {FullSettings} full
   * @param {Info['generators'][number]} generator
   * @returns {Asked[]}
   */
  #pictures(pictures, full, generator) {
    const most = this.#info.limits.pictures;
    if (!Array.isArray(pictures) || pictures.length < 1 || pictures.length > most) refuse(`pictures is ${Array.isArray(pictures) ? `an array of ${pictures.length}` : written(pictures)}: it must be an array of 1 to ${most}, as in [{ digit: 3 }, { digit: 5 }].`);
    return pictures.map((picture, i) => {
      const own = object(`pictures[${i}]`, picture);
      for (const name of Object.keys(own)) if (!ASKED.includes(/** @type {any} */ (name))) refuse(`pictures[${i}] has ${written(name)}: each has ${ASKED.join(', ')} alone.`);
      const asked = /** @type {Asked} */ (Object.fromEntries(ASKED.map((name) => [name, own[name] === undefined ? full[name] : own[name]])));
      this.#asked(asked, full.guidance, generator, `pictures[${i}].`);
      return asked;
    });
  }

  /** @param {Info['generators'][number]} generator @returns {Range} */
  #classes({ classes }) {
    return classes.length ? [0, classes.length - 1] : this.#info.limits.digit;
  }

  scene(scene) {
    const words = Object.entries(this.#info.scene).map(([name, values]) => [name, oneOf(name, object('scene', scene)[name], values)]);
    // A drawing may be of no digit. The painter looks at the strokes alone.
    return { digit: this.digit(scene.digit ?? 0), .../** @type {Attributes} */ (Object.fromEntries(words)) };
  }

  /** How the steps of a training are made. */
  pace = ({ learningRate, batch }) => {
    const { learningRate: rates, batch: batches } = this.#info.training;
    return { learningRate: number('learningRate', learningRate, rates), batch: whole('batch', batch, batches) };
  };

  /** The settings of a training in full. @returns {FullTrainingSettings} */
  training(settings) {
    const full = { ...this.#info.training.defaults };
    for (const [name, value] of Object.entries(settings)) {
      if (!(name in full)) refuse(`There is no setting ${written(name)}: choose from ${[...Object.keys(full), 'drawings'].join(', ')}.`);
      if (value !== undefined) full[name] = value;
    }
    this.seed(full.seed);
    this.pace(full);
    if (typeof full.tellSigma !== 'boolean') refuse(`tellSigma is ${written(full.tellSigma)}: it must be true or false.`);
    return full;
  }

  /** Drawings to learn from, as one array. */
  drawings = (drawings) => {
    const [from, to] = this.#info.training.drawings;
    if (!Array.isArray(drawings) || drawings.length < from || drawings.length > to) refuse(`drawings is ${Array.isArray(drawings) ? `an array of ${drawings.length}` : written(drawings)}: it must be an array of ${from} to ${to} pictures.`);
    const { width, height } = this.#info.digit;
    const all = new Float32Array(drawings.length * width * height);
    for (const [i, drawing] of drawings.entries()) all.set(numbers(`drawings[${i}]`, drawing, this.#info.digit, [-1, 1]), i * width * height);
    return all;
  };

  /**
   * Pictures to draw: their seeds, and their digits, of which 10 is any.
   * @param {{ seeds?: any, digits?: any }} question
   */
  samples = ({ seeds, digits = null }) => {
    const [from, to] = this.#info.training.samples;
    if (!Array.isArray(seeds) || seeds.length < from || seeds.length > to) refuse(`seeds is ${Array.isArray(seeds) ? `an array of ${seeds.length}` : written(seeds)}: it must be an array of ${from} to ${to} seeds.`);
    if (digits !== null && (!Array.isArray(digits) || digits.length !== seeds.length)) refuse(`digits is ${written(digits)}: it must be an array with a digit, or null for any, for each seed.`);
    const any = this.#info.limits.digit[1] + 1;
    return {
      seeds: Float64Array.from(seeds, (seed) => this.seed(seed)),
      digits: Uint8Array.from(seeds, (_, i) => this.digitOrNull(digits?.[i]) ?? any),
    };
  };

  /** The settings of a run in full. @returns {FullSettings} */
  settings(settings) {
    const { limits, samplers, schedules, defaults } = this.#info;
    const given = object('settings', settings);
    const generator = this.generator(given.model);
    /** @type {FullSettings} */
    const full = { ...defaults, ...generator.defaults, model: generator.name };
    const names = [...new Set([...Object.keys(full), 'schedule', 'guidanceInterval', ...TUNING, 'pictures', 'x', 'sigma'])];
    for (const [name, value] of Object.entries(given)) {
      if (!names.includes(name)) refuse(`There is no setting ${written(name)}: choose from ${names.join(', ')}.`);
      if (value !== undefined) full[name] = value;
    }
    whole('steps', full.steps, limits.steps);
    number('guidance', full.guidance, limits.guidance);
    if (full.guidanceInterval !== undefined) full.guidanceInterval = interval('guidanceInterval', full.guidanceInterval, limits.sigma);
    for (const name of TUNING) if (full[name] !== undefined) number(name, full[name], limits[name]);
    oneOf('sampler', full.sampler, samplers.map(({ name }) => name));
    if (full.schedule !== undefined) oneOf('schedule', full.schedule, schedules);
    oneOf('decode', full.decode, this.#info.decodes);
    if (full.pictures === undefined) this.#asked(full, full.guidance, generator);
    else full.pictures = this.#pictures(full.pictures, full, generator);
    if ((full.x === undefined) !== (full.sigma === undefined)) refuse('x and sigma go together: the picture to start from, and how much noise is put on it.');
    if (full.x !== undefined) full.x = numbers('x', full.x, this.#info[generator.draws === 'digit' ? 'digit' : 'latent'], limits.value);
    if (full.sigma !== undefined) this.sigma(full.sigma);
    return full;
  }
}
