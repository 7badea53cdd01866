// The JavaScript library: digits and pictures out of pure noise, one step at a time, in the visitor's own browser.
//
//   import { Unnoise } from './unnoise.js';
//   const u = await Unnoise.load();
//   for await (const frame of u.generate({ digit: 3, seed: 7 })) draw(frame);
//
// The network runs in a worker (worker.js), one for each backend. Frames are kept on this side, so
// going back costs no network call, and a run can move to the other backend when its own is lost.

/** What a run is started with where the caller says nothing. */
export const DEFAULTS = Object.freeze({
  model: 'digits',
  digit: null,
  prompt: null,
  seed: 1,
  steps: 20,
  sampler: 'dpmpp-2m',
  guidance: 1.5,
  eta: 0,
});

/** The networks whose weights are loaded with the engine; the others come when they are first needed. */
const FIRST = ['unet'];
/** Width and height of a digit. */
const SIDE = 28;
/** Numbers of a coloured picture, 64 × 64 × 3, and of its latent, 8 × 8 × 4. */
const COLOURED = 64 * 64 * 3;
const LATENT = 8 * 8 * 4;
/** The one model that is asked in words. */
const TEXT_MODEL = 'text';
/** More noise than any network here has seen, by far. */
const MAX_SIGMA = 1000;
const SCHEDULES = ['linear', 'cosine'];
const BACKENDS = ['auto', 'cpu', 'webgpu'];
const LABEL = { cpu: 'the CPU', webgpu: 'WebGPU' };

/** How far the first step may differ between CPU and WebGPU, in units of a picture that spans [-1, 1]. */
const PARITY_TOLERANCE = 1e-2;
/** The run that both backends are measured with: two network calls a step, as in the default settings. */
const TRIAL = { ...DEFAULTS, digit: 3, seed: 1, steps: 13, sampler: 'euler' };
const TRIAL_WARM_UP = 3;
/** A backend that is this many times slower, its first step aside, is not measured to the end. */
const TRIAL_HOPELESS = 10;
/** Milliseconds without a step after which the page counts as idle. */
const IDLE_MS = 1000;
const MEMORY_KEY = 'unnoise.backend';

const COLOURS = Object.freeze(['red', 'orange', 'yellow', 'green', 'cyan', 'blue', 'purple', 'pink', 'white', 'black']);

/** What a scene says of a coloured picture, beside its digit, and the words for it. */
export const SCENE = Object.freeze({
  ink: COLOURS,
  paper: COLOURS,
  thickness: Object.freeze(['thin', 'medium', 'bold']),
  slant: Object.freeze(['left', 'upright', 'right']),
  size: Object.freeze(['small', 'medium', 'large']),
});

/** The longest text that is taken, in characters as JavaScript counts them. */
export const MAX_TEXT = 10_000;

/** An error whose message is a sentence for the visitor. `code`: 'settings', 'weights', 'webgpu', 'engine' or 'browser'. */
export class UnnoiseError extends Error {
  name = 'UnnoiseError';
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** One worker with one wasm bundle: a queue of promises with request ids. */
class Bridge {
  #worker;
  #pending = new Map();
  #lastId = 0;
  #onProgress;
  #onClose;
  /** The reason why this bridge can no longer be used, once it has one. */
  closed = null;
  info = null;
  /** The networks that its engine has, or is about to have, by name. */
  networks = new Map();

  constructor(backend, base, onProgress, onClose) {
    this.backend = backend;
    this.#onProgress = onProgress;
    this.#onClose = onClose;
    this.#worker = openWorker(new URL('worker.js', base));
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onmessageerror = () => this.close('a message from its worker could not be read');
    this.#worker.onerror = (event) => {
      event.preventDefault?.();
      this.close(event.message || 'worker.js could not be loaded, or failed without a word');
    };
  }

  /** Asks the worker; rejects with the sentence that it answers with. */
  call(method, args) {
    if (this.closed) return Promise.reject(this.closed);
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, method, args });
    });
  }

  #receive({ id, value, error, event, ...rest }) {
    if (event === 'progress') return this.#onProgress(rest);
    if (event === 'lost') return this.close(`the graphics device was lost${rest.message ? ` (${clause(rest.message)})` : ''}`);
    if (event === 'dead') return this.close(rest.message);
    const request = this.#pending.get(id);
    this.#pending.delete(id);
    if (!error) return request?.resolve(value);
    if (error.fatal) this.close(`it met an internal error (${clause(error.message)})`);
    request?.reject(this.closed ?? new UnnoiseError('engine', error.message));
  }

  /** Ends the worker; every request that waits, and every later one, is rejected with the reason. */
  close(reason) {
    if (this.closed) return;
    this.closed = new UnnoiseError('engine', `${this.backend === 'cpu' ? 'The CPU engine' : 'WebGPU'} stopped: ${clause(reason)}.`);
    this.#worker.terminate();
    for (const { reject } of this.#pending.values()) reject(this.closed);
    this.#pending.clear();
    this.#onClose(this);
  }

  /** Ends the worker without a word: nobody uses it. */
  retire() {
    this.#onClose = () => {};
    this.close('it is not needed');
  }
}

function openWorker(url) {
  let modules = false;
  const options = {
    // A browser that knows module workers reads this.
    get type() {
      modules = true;
      return 'module';
    },
  };
  let worker;
  try {
    worker = new Worker(url, options);
  } catch (error) {
    throw new UnnoiseError('browser', `A worker could not be started in this browser: ${clause(error.message)}.`);
  }
  if (modules) return worker;
  worker.terminate();
  throw new UnnoiseError('browser', 'This browser is too old for module workers, which this page computes in: please update it.');
}

/** One generation: a list of frames that grows by a step at a time, and a place in it. */
export class Run {
  #unnoise;
  #bridge;
  #id;
  #index = 0;
  #last;
  #seeks = 0;
  #turn = Promise.resolve();
  #freed = false;

  /** Only `Unnoise.start` makes runs. */
  constructor(unnoise, bridge, id, settings, first) {
    this.#unnoise = unnoise;
    this.#bridge = bridge;
    this.#id = id;
    this.#last = first.steps;
    /** The settings in full. */
    this.settings = Object.freeze(settings);
    /** Every frame so far, frame 0 (pure noise) first. */
    this.frames = [first];
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
    return this.#bridge.backend;
  }

  /** Goes one step on and returns that frame, or null after the last one. A frame that is kept costs no network call. */
  step({ signal } = {}) {
    const turn = this.#turn.then(() => {
      signal?.throwIfAborted();
      return this.#step();
    });
    this.#turn = turn.catch(() => {});
    return abortable(turn, signal);
  }

  async #step() {
    if (this.done) return null;
    const from = this.#index;
    const seeks = this.#seeks;
    if (from + 1 === this.frames.length) {
      if (this.#freed) throw new UnnoiseError('settings', 'This run has been freed: start another one.');
      const frame = await this.#next();
      if (frame) this.frames.push(frame);
      else this.#last = from;
      if (!frame || frame.step === this.#last) this.#release();
      if (frame && frame.step === this.#last) this.#unnoise._finished();
    }
    // Whoever went elsewhere meanwhile stays there.
    if (seeks === this.#seeks && this.#index < this.#last) this.#index = from + 1;
    return this.frames[from + 1] ?? null;
  }

  async #next() {
    this.#unnoise._used();
    const closedBefore = this.#bridge.closed;
    try {
      return await takeStep(this.#bridge, this.#id);
    } catch (error) {
      // A GPU that fails once is not asked again; the CPU says if the fault was not the GPU's.
      // An engine that had stopped earlier has been spoken of, and this is the next attempt.
      if (this.#bridge.backend === 'cpu' && !closedBefore) throw error;
      this.#bridge.close(error.message);
      await this.#moveToCpu();
      return takeStep(this.#bridge, this.#id);
    }
  }

  /** The same settings, replayed silently up to the frames that are kept. */
  async #moveToCpu() {
    const bridge = await this.#unnoise._open('cpu');
    await this.#unnoise._equip(bridge, this.settings.model);
    const id = nextRunId();
    await bridge.call('start', { run: id, settings: this.settings });
    for (let step = 1; step < this.frames.length; step++) await takeStep(bridge, id);
    this.#bridge = bridge;
    this.#id = id;
  }

  /** Goes one frame back and returns that frame, or null at the first one. */
  back() {
    return this.#index === 0 ? null : this.seek(this.#index - 1);
  }

  /** Goes to a frame that is kept and returns it. */
  seek(index) {
    const frame = Number.isInteger(index) ? this.frames[index] : undefined;
    if (!frame) {
      throw new RangeError(`Frame ${index} has not been computed: frames 0 to ${this.frames.length - 1} of ${this.#last} are kept. step() computes the next one.`);
    }
    this.#seeks++;
    this.#index = index;
    return frame;
  }

  /** Lets the engine forget this run. Frames stay; a finished run has been forgotten already. */
  free() {
    if (!this.#freed) this.#release();
  }

  #release() {
    this.#freed = true;
    this.#bridge.call('free', { run: this.#id }).catch(() => {});
  }
}

let runIds = 0;
const nextRunId = () => ++runIds;

async function takeStep(bridge, run) {
  const frame = await bridge.call('step', { run });
  if (frame) checkNumbers(bridge, frame);
  return frame;
}

/** Numbers that are none are a fault that would otherwise go unseen: a black picture. */
function checkNumbers(bridge, answer) {
  for (const array of [answer, ...Object.values(answer ?? {}), answer?.picture?.x]) {
    if (ArrayBuffer.isView(array) && !array.every(Number.isFinite)) {
      throw new UnnoiseError('engine', `${bridge.backend === 'cpu' ? 'The CPU' : 'WebGPU'} returned values that are not numbers.`);
    }
  }
}

/**
 * The engine. Events: `backend` when another backend takes over, `measured` when the trial of WebGPU has moved on,
 * both with `detail: { backend, reason }`; `progress` while something is fetched, with what `onProgress` gets.
 */
export class Unnoise extends EventTarget {
  #base;
  #onProgress;
  #bridges = new Map();
  #files = new Map();
  #manifest = null;
  #current = 'cpu';
  #choice = 'auto';
  #winner = null;
  #trialBegun = false;
  #lastUse = 0;
  #uses = 0;
  #measured = { state: 'waiting', cpu: null, webgpu: null, difference: null, reason: 'The CPU is used; WebGPU is tried after the first digit.' };
  info = null;

  /**
   * Loads the engine and its weights.
   * - `backend`: 'auto' starts on the CPU and moves to WebGPU after the first digit if that is measured to be faster here.
   * - `onProgress`: called with `{ stage, file, loaded, total }`, bytes; `total` is null where it is not known.
   * - `base`: the folder with worker.js, wasm/ and weights/; by default the one that this module lies in.
   */
  static async load({ backend = 'auto', onProgress = () => {}, base = new URL('.', import.meta.url) } = {}) {
    checkBackend(backend);
    const unnoise = new Unnoise();
    unnoise.#base = new URL(base, globalThis.location?.href);
    unnoise.#onProgress = (progress) => {
      onProgress(progress);
      unnoise.dispatchEvent(new CustomEvent('progress', { detail: progress }));
    };
    const first = backend === 'webgpu' ? 'webgpu' : 'cpu';
    const bridge = await unnoise._open(first);
    unnoise.#choice = backend;
    unnoise.#take(bridge);
    return unnoise;
  }

  /** The backend that the next run starts on: 'cpu' or 'webgpu'. */
  get backend() {
    return this.#current;
  }

  /** What was asked for: 'auto', 'cpu' or 'webgpu'. */
  get choice() {
    return this.#choice;
  }

  /** What the trial of WebGPU has found: `{ state, cpu, webgpu, difference, reason }`, milliseconds for one network call. */
  get measured() {
    return this.#measured;
  }

  /** Chooses the backend for the runs to come. Rejects with a sentence, and changes nothing, if it cannot be had. */
  async use(backend) {
    checkBackend(backend);
    const wanted = backend === 'auto' ? (this.#winner ?? 'cpu') : backend;
    const use = ++this.#uses;
    const bridge = await this._open(wanted);
    if (use !== this.#uses) return; // a later choice stands
    this.#choice = backend;
    this.#take(bridge, backend === 'auto' ? this.#measured.reason : `${capital(LABEL[wanted])} was asked for.`);
    if (backend === 'auto') this._finished();
  }

  /**
   * Loads the weights that a model ('scorer') or a network ('noise-level') needs, unless they are there already.
   * Everything else here does so by itself; this is for pages that want to say that they are loading.
   */
  async ready(name, { signal } = {}) {
    this.#networks(name);
    signal?.throwIfAborted();
    const places = new Set([this.#current, this.#answering]);
    const ready = Promise.all([...places].map(async (backend) => this._equip(await this._open(backend), name)));
    await abortable(ready, signal);
  }

  /** Starts a run; resolves as soon as its first frame, pure noise or the noised `x`, is there. */
  async start(settings = {}, { signal } = {}) {
    const { signal: inner, ...rest } = settings;
    const full = checkSettings(rest, this.info);
    signal ??= inner;
    signal?.throwIfAborted();
    return abortable(this.#start(full), signal, (run) => run.free());
  }

  async #start(settings) {
    this._used();
    const id = nextRunId();
    let bridge = await this._open(this.#current);
    let first;
    const begin = async () => {
      await this._equip(bridge, settings.model);
      first = await bridge.call('start', { run: id, settings });
    };
    try {
      await begin();
    } catch (error) {
      if (error.code === 'weights') throw error;
      if (!bridge.closed) throw new UnnoiseError('settings', error.message);
      bridge = await this._open('cpu');
      await begin();
    }
    return new Run(this, bridge, id, settings, first);
  }

  /** All frames of a run, one after another: frame 0 (pure noise), then one for each step. */
  async *generate(settings = {}, { signal = settings.signal } = {}) {
    const run = await this.start(settings, { signal });
    try {
      for (let frame = run.frame; frame; frame = await run.step({ signal })) yield frame;
    } finally {
      run.free();
    }
  }

  /**
   * Asks the scorer about a picture: `{ probabilities, logF, gradient }`. The probabilities are those of the ten digits,
   * and last "no digit"; f is the probability of `digit`, or, without one, of any; `gradient` is that of log f.
   */
  score({ x, sigma = 0, digit = null, signal } = {}) {
    return this.#ask('score', () => ({ x: picture(x), sigma: amount(sigma), digit: digitOrNull(digit) }), 'scorer', signal);
  }

  /** How much noise a picture has, as far as the network can tell, and the gradient of that: `{ sigma, gradient }`. */
  noiseLevel({ x, signal } = {}) {
    return this.#ask('noiseLevel', () => ({ x: picture(x) }), 'noise-level', signal);
  }

  /** One network call of a model: `{ denoised }`, its estimate of the clean picture. */
  denoise({ model = 'digits', x, sigma = 0, digit = null, signal } = {}) {
    return this.#ask('denoise', () => ({ model: onPixels(model), x: picture(x), sigma: amount(sigma), digit: digitOrNull(digit) }), model, signal);
  }

  /** The noise of a seed, 28 × 28 numbers from N(0, 1): what a run with this seed starts from, up to its sigma. */
  noise({ seed = 1, stream = 0, signal } = {}) {
    return this.#ask('noise', () => ({ seed: seedOf(seed), stream: whole('stream', stream, 0, 0xffffffff) }), null, signal);
  }

  /** A training schedule ('linear' or 'cosine') as arrays over t = 1 to 1000: `{ beta, alphaBar, sigma }`. */
  scheduleTable(name, { signal } = {}) {
    return this.#ask('schedule', () => ({ name: oneOf('schedule', name, SCHEDULES) }), null, signal);
  }

  /** A random scene of a digit, and a sentence that describes it: `{ scene, caption }`. */
  scene({ digit, seed = 1, signal } = {}) {
    return this.#ask('scene', () => ({ digit: whole('digit', digit, 0, 9), seed: seedOf(seed) }), null, signal);
  }

  /** The strokes of a digit, 28 × 28 numbers, painted anew in colours as a scene says: `{ picture }`, 64 × 64 × 3 numbers. The seed gives the place and the small differences. */
  paint({ x, scene, seed = 1, signal } = {}) {
    return this.#ask('paint', () => ({ x: picture(x), scene: sceneOf(scene), seed: seedOf(seed) }), null, signal);
  }

  /** What a coloured picture shows, without any network: `{ ink, paper, thickness, slant, size }`, or null where nothing is drawn. */
  measure({ picture, signal } = {}) {
    return this.#ask('measure', () => ({ picture: coloured(picture) }), null, signal);
  }

  /** A coloured picture's latent, 8 × 8 × 4 numbers of about N(0, 1), and how far each may stray: `{ latent, deviation }`. */
  encode({ picture, signal } = {}) {
    return this.#ask('encode', () => ({ picture: coloured(picture) }), 'vae', signal);
  }

  /** The coloured picture of a latent: `{ picture }`. */
  decode({ latent, signal } = {}) {
    return this.#ask('decode', () => ({ latent: numbers('latent', latent, LATENT, 'a latent of 8 × 8 × 4') }), 'vae', signal);
  }

  /** CLIP's embedding of a coloured picture: `{ embedding }`, 64 numbers of length 1. Dot products of embeddings are cosines. */
  embedPicture({ picture, signal } = {}) {
    return this.#ask('embedPicture', () => ({ picture: coloured(picture) }), 'clip', signal);
  }

  /** CLIP's embedding of a text, and what it did not take of it: `{ embedding, unknown, cut, scale }`. */
  embedText({ text, signal } = {}) {
    return this.#ask('embedText', () => ({ text: textOf('text', text) }), 'clip', signal);
  }

  /** Where a single question is answered: its latency counts, and the CPU's is the smaller one. */
  get #answering() {
    return this.#choice === 'webgpu' ? 'webgpu' : 'cpu';
  }

  /** `check` returns the arguments, or throws a sentence; `needs` is the model or network that must be there. */
  async #ask(method, check, needs, signal) {
    const args = check();
    if (needs !== null) this.#networks(needs);
    signal?.throwIfAborted();
    return abortable(this.#answer(method, args, needs), signal);
  }

  async #answer(method, args, needs) {
    const ask = async (bridge) => {
      if (needs !== null) await this._equip(bridge, needs);
      this._used();
      const answer = await bridge.call(method, args);
      checkNumbers(bridge, answer);
      return answer;
    };
    const bridge = await this._open(this.#answering);
    const closedBefore = bridge.closed;
    try {
      return await ask(bridge);
    } catch (error) {
      // What needs no network is not the GPU's fault.
      if (needs === null && !bridge.closed) throw new UnnoiseError('settings', `${capital(clause(error.message))}.`);
      // As in a run: a GPU that fails once is not asked again.
      if (error.code === 'weights' || (bridge.backend === 'cpu' && !closedBefore)) throw error;
      bridge.close(error.message);
      return ask(await this._open('cpu'));
    }
  }

  /** Destroys the graphics device, to see that the CPU takes over: for tests and the curious. */
  async loseDevice() {
    if (!this.#bridges.has('webgpu')) throw new UnnoiseError('webgpu', 'WebGPU is not in use, so there is no graphics device to lose.');
    const bridge = await this.#bridges.get('webgpu');
    await bridge.call('lose');
  }

  // Members with an underscore are for Run alone.

  /** @internal The bridge of a backend, opened when first asked for. */
  _open(backend) {
    let bridge = this.#bridges.get(backend);
    if (!bridge) {
      bridge = this.#connect(backend);
      this.#bridges.set(backend, bridge);
      bridge.catch(() => {
        if (this.#bridges.get(backend) === bridge) this.#bridges.delete(backend);
      });
    }
    return bridge;
  }

  /** @internal Gives an engine the weights that a model or network needs, unless it has them. */
  async _equip(bridge, name) {
    await Promise.all(this.#networks(name).map((network) => this.#give(bridge, network)));
  }

  /** The networks that a model needs; a network needs itself. */
  #networks(name) {
    const { generators, models } = this.info;
    const generator = generators.find((generator) => generator.name === name);
    if (generator) return generator.weights;
    if (generators.some(({ weights }) => weights.includes(name)) || (models && Object.hasOwn(models, name))) return [name];
    throw new UnnoiseError('settings', `There is no model "${name}": choose ${generators.map(({ name }) => name).join(', ')}.`);
  }

  /** @internal */
  _used() {
    this.#lastUse = performance.now();
  }

  /** @internal A run has reached its last frame: the moment from which on WebGPU may be tried. */
  _finished() {
    if (this.#trialBegun || this.#choice !== 'auto') return;
    this.#trialBegun = true;
    this.#trial().catch((error) => this.#settle('cpu', `WebGPU was tried without success (${clause(error.message)}): the CPU is used.`));
  }

  async #connect(backend) {
    checkWasm();
    if (backend === 'webgpu') await findAdapter();
    let opened = false;
    let info, models;
    const bridge = new Bridge(backend, this.#base, this.#onProgress, (closed) => opened && this.#lost(closed));
    try {
      // The weights travel while the bundle is compiled.
      [info] = await Promise.all([bridge.call('open', { backend, base: this.#base.href }), ...FIRST.map((name) => this.#weights(name))]);
      for (const name of FIRST) await this.#give(bridge, name);
      models = JSON.parse((await this.#weights(FIRST[0])).manifest).models;
    } catch (error) {
      bridge.retire();
      throw error;
    }
    bridge.info = { ...info, models };
    opened = true;
    return bridge;
  }

  /** Hands a network's weights to an engine, once. */
  #give(bridge, name) {
    let given = bridge.networks.get(name);
    if (!given) {
      given = this.#hand(bridge, name);
      bridge.networks.set(name, given);
      given.catch(() => bridge.networks.delete(name));
    }
    return given;
  }

  /** What the engine refuses is fetched once more past the browser's cache, which may hold an older file. */
  async #hand(bridge, name) {
    const hand = async (fresh) => {
      const { manifest, bytes } = await this.#weights(name, fresh);
      await bridge.call('load', { name, manifest, bytes });
    };
    try {
      await hand(false);
    } catch (error) {
      if (bridge.closed || error.code === 'weights') throw error;
      try {
        await hand(true);
      } catch (again) {
        if (bridge.closed) throw again;
        this.#forget(name);
        throw new UnnoiseError('weights', again.message);
      }
    }
  }

  /** A network's weights: the manifest's text and the file's bytes, as they came, each fetched once. The engine checks both. */
  #weights(name, fresh = false) {
    if (fresh) this.#forget(name);
    let file = this.#files.get(name);
    if (!file) {
      file = this.#fetch(name, fresh);
      this.#files.set(name, file);
      file.catch(() => this.#files.get(name) === file && this.#forget(name));
    }
    return file;
  }

  async #fetch(name, fresh) {
    this.#manifest ??= fetchManifest(this.#base, fresh);
    const manifest = await this.#manifest;
    return { manifest, bytes: await fetchWeights(name, manifest, this.#base, fresh, this.#onProgress) };
  }

  /** The manifest goes with the file: either of them may be the one that is wrong. */
  #forget(name) {
    this.#files.delete(name);
    this.#manifest = null;
  }

  #take(bridge, reason) {
    const changed = reason !== undefined && bridge.backend !== this.#current;
    this.#current = bridge.backend;
    this.info = bridge.info;
    if (changed) this.#emit('backend', reason);
  }

  #emit(type, reason) {
    this.dispatchEvent(new CustomEvent(type, { detail: { backend: this.#current, reason } }));
  }

  /** A bridge has closed after it had been in use. */
  #lost(bridge) {
    this.#bridges.delete(bridge.backend);
    if (bridge.backend === 'cpu') return;
    // It is not tried again unless the visitor asks for it.
    this.#winner = 'cpu';
    this.#trialBegun = true;
    if (this.#choice === 'webgpu') this.#choice = 'auto';
    this.#measured = { ...this.#measured, state: 'done', reason: `${bridge.closed.message} The CPU is used.` };
    if (this.#current !== 'webgpu') return;
    this.#current = 'cpu';
    this.info = { ...this.info, backend: 'cpu' };
    this.#emit('backend', `${bridge.closed.message} The CPU goes on from the same step.`);
  }

  #settle(winner, reason, figures = {}) {
    this.#winner = winner;
    this.#measured = { ...this.#measured, ...figures, state: 'done', reason };
    if (winner === 'cpu' && this.#choice !== 'webgpu') {
      this.#bridges.get('webgpu')?.then((bridge) => bridge.retire(), () => {});
      this.#bridges.delete('webgpu');
    }
    this.#emit('measured', reason);
  }

  /** Is WebGPU right here, and is it faster? Costs nothing until the page is idle. */
  async #trial() {
    const progress = (reason) => {
      this.#measured = { ...this.#measured, state: 'measuring', reason };
      this.#emit('measured', reason);
    };
    let adapter;
    try {
      adapter = await findAdapter();
    } catch (error) {
      return this.#settle('cpu', `${error.message} The CPU is used.`);
    }
    if (adapter.software) return this.#settle('cpu', `WebGPU is emulated in software here (${adapter.description}): the CPU is used.`);
    if (navigator.connection?.saveData) return this.#settle('cpu', 'The browser is asked to save data, so WebGPU was not loaded: the CPU is used.');

    const key = [this.info.version, this.info.models?.unet?.sha256, adapter.description, navigator.userAgent].join(' | ');
    const known = memory.read();
    if (known?.key === key && known.winner === 'cpu') return this.#settle('cpu', known.reason, known.figures);

    await this.#idle();
    progress('WebGPU is being loaded and measured; the CPU is used meanwhile.');
    const gpu = await this._open('webgpu');
    const cpu = await this._open('cpu');
    const verdict = await this.#compare(cpu, gpu);
    memory.write({ key, ...verdict });
    if (gpu.closed) return; // lost in the meantime, which has been said
    this.#settle(verdict.winner, verdict.reason, verdict.figures);
    if (verdict.winner === 'webgpu' && this.#choice === 'auto') this.#take(gpu, verdict.reason);
  }

  async #compare(cpu, gpu) {
    const difference = await firstStepDifference(cpu, gpu);
    if (!(difference <= PARITY_TOLERANCE)) {
      const reason = `WebGPU's first step differs from the CPU's by ${difference.toPrecision(2)}, more than ${PARITY_TOLERANCE}: the CPU is used.`;
      return { winner: 'cpu', reason, figures: { difference } };
    }
    await this.#idle();
    const cpuMs = await timeCall(cpu);
    await this.#idle();
    const gpuMs = await timeCall(gpu, cpuMs * TRIAL_HOPELESS);
    const winner = gpuMs < cpuMs ? 'webgpu' : 'cpu';
    const reason = `CPU ${milliseconds(cpuMs)} a call, WebGPU ${milliseconds(gpuMs)} a call: ${LABEL[winner]} is used.`;
    return { winner, reason, figures: { cpu: cpuMs, webgpu: gpuMs, difference } };
  }

  async #idle() {
    const hidden = () => globalThis.document?.visibilityState === 'hidden';
    while (performance.now() - this.#lastUse < IDLE_MS || hidden()) await new Promise((resolve) => setTimeout(resolve, IDLE_MS / 4));
  }
}

/** The largest difference between two backends after one step of the same run, in units of the picture. */
async function firstStepDifference(one, other) {
  const steps = [];
  for (const bridge of [one, other]) {
    const run = nextRunId();
    await bridge.call('start', { run, settings: TRIAL });
    steps.push(await takeStep(bridge, run));
    bridge.call('free', { run }).catch(() => {});
  }
  const [a, b] = steps;
  const scale = Math.hypot(1, a.sigma);
  let difference = 0;
  for (let i = 0; i < a.x.length; i++) {
    difference = Math.max(difference, Math.abs(a.x[i] - b.x[i]) / scale, Math.abs(a.denoised[i] - b.denoised[i]));
  }
  return difference;
}

/** Median milliseconds of one network call, after a warm-up. */
async function timeCall(bridge, hopeless = Infinity) {
  const run = nextRunId();
  const times = [];
  let calls = (await bridge.call('start', { run, settings: TRIAL })).nfe;
  for (let step = 1; step <= TRIAL.steps; step++) {
    const { ms, nfe } = await takeStep(bridge, run);
    times.push(ms / (nfe - calls));
    calls = nfe;
    if (step > 1 && times.at(-1) > hopeless) break;
  }
  bridge.call('free', { run }).catch(() => {});
  const warm = times.slice(TRIAL_WARM_UP);
  return warm.length ? median(warm) : times.at(-1);
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The outcome of the last trial, so that a bundle that lost is not downloaded again. Private windows may refuse it. */
const memory = {
  read() {
    try {
      return JSON.parse(localStorage.getItem(MEMORY_KEY));
    } catch {
      return null;
    }
  },
  write(outcome) {
    try {
      localStorage.setItem(MEMORY_KEY, JSON.stringify(outcome));
    } catch {
      // Nothing depends on it.
    }
  },
};

/** The graphics adapter's description, and whether it is a processor in disguise. */
async function findAdapter() {
  const gpu = globalThis.navigator?.gpu;
  if (!gpu) {
    const why = globalThis.isSecureContext === false ? 'Browsers offer WebGPU only to pages from https:// or localhost.' : 'This browser has no WebGPU.';
    throw new UnnoiseError('webgpu', why);
  }
  const adapter = await gpu.requestAdapter().catch(() => null);
  if (!adapter) throw new UnnoiseError('webgpu', 'This browser has WebGPU, but found no graphics adapter that it may use.');
  const info = adapter.info ?? {};
  const description = [info.vendor, info.architecture, info.device, info.description].filter(Boolean).join(' ') || 'unnamed adapter';
  const software = Boolean(info.isFallbackAdapter ?? adapter.isFallbackAdapter) || /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b/i.test(description);
  return { description, software };
}

/** The manifest's text. */
async function fetchManifest(base, fresh) {
  return (await fetchFile('weights/manifest.json', base, fresh ? 'reload' : 'default')).text();
}

/** The bytes of a network's weights. */
async function fetchWeights(name, manifest, base, fresh, onProgress) {
  let model;
  try {
    model = JSON.parse(manifest).models[name];
  } catch {
    throw new UnnoiseError('weights', 'weights/manifest.json is not a manifest: check that the site was copied whole.');
  }
  if (!model?.file) throw new UnnoiseError('weights', `weights/manifest.json has no model "${name}": run \`unnoise export ${name}\`, then build the site.`);

  const file = `weights/${model.file}`;
  const total = Number(model.bytes) || null;
  const report = (loaded) => onProgress({ stage: 'weights', file, loaded, total });
  const response = await fetchFile(file, base, fresh ? 'reload' : 'default');
  const parts = [];
  let loaded = 0;
  report(0);
  try {
    const reader = response.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value);
      loaded += part.value.length;
      report(loaded);
    }
  } catch (error) {
    throw new UnnoiseError('weights', `${file} broke off after ${loaded} of ${total} bytes: check the connection. (${error.message})`);
  }
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

async function fetchFile(file, base, cache) {
  let response;
  try {
    response = await fetch(new URL(file, base), { cache });
  } catch (error) {
    throw new UnnoiseError('weights', `${file} could not be loaded: check the connection. (${error.message})`);
  }
  if (!response.ok) {
    const what = response.status === 404 ? 'is missing' : `could not be loaded (HTTP ${response.status})`;
    throw new UnnoiseError('weights', `${file} ${what}: check that the site was copied whole.`);
  }
  return response;
}

/** The smallest module with a SIMD instruction. */
const SIMD = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11]);

function checkWasm() {
  if (typeof WebAssembly !== 'object') {
    throw new UnnoiseError('browser', 'WebAssembly is missing or turned off in this browser, and the network runs in it.');
  }
  if (!WebAssembly.validate(SIMD)) {
    throw new UnnoiseError('browser', 'This browser is too old for WebAssembly SIMD, which the network is built with: please update it.');
  }
}

function checkBackend(backend) {
  if (!BACKENDS.includes(backend)) throw new UnnoiseError('settings', `There is no backend "${backend}": choose ${BACKENDS.join(', ')}.`);
}

const refuse = (sentence) => {
  throw new UnnoiseError('settings', sentence);
};

function whole(name, value, from, to) {
  if (!Number.isSafeInteger(value) || value < from || value > to) refuse(`${name} is ${value}: it must be a whole number from ${from} to ${to}.`);
  return value;
}

function number(name, value, from, to) {
  if (typeof value !== 'number' || !(value >= from && value <= to)) refuse(`${name} is ${value}: it must be a number from ${from} to ${to}.`);
  return value;
}

function oneOf(what, value, names) {
  if (!names.includes(value)) refuse(`There is no ${what} "${value}": choose from ${names.join(', ')}.`);
  return value;
}

const amount = (sigma) => number('sigma', sigma, 0, MAX_SIGMA);
const seedOf = (seed) => whole('seed', seed, 0, Number.MAX_SAFE_INTEGER);
const digitOrNull = (digit) => (digit === null ? null : whole('digit', digit, 0, 9));

/** The caller's numbers as an array that nobody else writes into. */
function numbers(name, values, length, what) {
  if (values?.length !== length) refuse(`${name} has ${values?.length ?? 'no'} values: it must be ${what} numbers.`);
  const copy = Float32Array.from(values);
  if (!copy.every(Number.isFinite)) refuse(`${name} has values that are not numbers.`);
  return copy;
}

const picture = (x) => numbers('x', x, SIDE * SIDE, `a picture of ${SIDE} × ${SIDE}`);
const coloured = (picture) => numbers('picture', picture, COLOURED, 'a picture of 64 × 64 × 3');

function onPixels(model) {
  if (model === TEXT_MODEL) refuse(`The model "${TEXT_MODEL}" works on latents, and is not asked about pictures: choose another one.`);
  return model;
}

function textOf(name, text) {
  if (typeof text !== 'string') refuse(`${name} is ${text}: it must be a text.`);
  if (text.length > MAX_TEXT) refuse(`${name} has ${text.length} characters: it may have at most ${MAX_TEXT}.`);
  return text;
}

function sceneOf(scene) {
  const words = Object.entries(SCENE).map(([name, values]) => [name, oneOf(name, scene?.[name], values)]);
  // A drawing may be of no digit. The painter looks at the strokes alone.
  return { digit: whole('digit', scene.digit ?? 0, 0, 9), ...Object.fromEntries(words) };
}

/** The settings in full, or an error that names what is wrong. */
function checkSettings(settings, { samplers, generators }) {
  const names = [...Object.keys(DEFAULTS), 'schedule', 'x', 'sigma'];
  const { model = DEFAULTS.model } = settings;
  const generator = generators.find(({ name }) => name === model);
  if (!generator) refuse(`There is no model "${model}": choose ${generators.map(({ name }) => name).join(', ')}.`);
  const full = { ...DEFAULTS };
  // Each model is customarily sampled in its own way; the digits' is the one above.
  const own = model === DEFAULTS.model ? {} : generator.defaults;
  for (const [name, value] of [...Object.entries(own), ...Object.entries(settings)]) {
    if (!names.includes(name)) refuse(`There is no setting "${name}": choose from ${names.join(', ')}.`);
    if (value !== undefined) full[name] = value;
  }
  digitOrNull(full.digit);
  seedOf(full.seed);
  whole('steps', full.steps, 1, 1000);
  number('guidance', full.guidance, 0, 20);
  number('eta', full.eta, 0, 1);
  oneOf('sampler', full.sampler, samplers);
  if (full.prompt !== null) textOf('prompt', full.prompt);
  if (full.prompt !== null && model !== TEXT_MODEL) refuse(`The model "${model}" cannot read: only "${TEXT_MODEL}" takes a prompt.`);
  if (full.x !== undefined && model === TEXT_MODEL) refuse(`The model "${TEXT_MODEL}" starts from pure noise: leave x out.`);
  if (full.x !== undefined) full.x = picture(full.x);
  if (full.sigma !== undefined) amount(full.sigma);
  return full;
}

/** Rejects when the signal aborts; what arrives afterwards goes to `discard`. */
function abortable(promise, signal, discard = () => {}) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => {
      reject(signal.reason);
      promise.then(discard, () => {});
    };
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

const milliseconds = (ms) => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
const capital = (text) => text[0].toUpperCase() + text.slice(1);
/** A sentence as part of another one. */
const clause = (text) => String(text).trim().replace(/\.+$/, '');
