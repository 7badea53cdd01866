// The JavaScript library: digits and pictures out of pure noise, one step at a time, in the visitor's own browser.
//
//   import { Unnoise } from './unnoise/unnoise.js';
//   const u = await Unnoise.load();
//   for await (const frame of u.generate({ digit: 3, seed: 7 })) draw(frame);
//
// The networks run in a worker (worker.js), one for each backend. Frames are kept on this side, so
// going back costs no network call, and a run can move to the other backend when its own is lost.

import { abortable } from './abort.js';
import { Backends, bundleOf, findAdapter } from './backends.js';
import { checkNumbers } from './bridge.js';
import { capital, clause, LABEL, messageOf, UnnoiseError } from './errors.js';
import { Files } from './files.js';
import { nextRunId, Run } from './run.js';
import { Checks, object, oneOf, signalOf } from './settings.js';
import { Training } from './training.js';
import { compareAnswers, compareStep, memory, race } from './trial.js';

/**
 * @import { Bridge } from './bridge.js'
 * @typedef {import('./unnoise.js').Unnoise} Face
 * @typedef {import('./unnoise.js').Abortable} Abortable
 * @typedef {import('./unnoise.js').Backend} Backend
 * @typedef {import('./unnoise.js').BackendChoice} BackendChoice
 * @typedef {import('./unnoise.js').Frame} Frame
 * @typedef {import('./unnoise.js').Info} Info
 * @typedef {import('./unnoise.js').LoadOptions} LoadOptions
 * @typedef {import('./unnoise.js').Measured} Measured
 * @typedef {import('./unnoise.js').Model} Model
 * @typedef {import('./unnoise.js').Quality} Quality
 * @typedef {import('./unnoise.js').Settings} Settings
 * @typedef {import('./unnoise.js').TrainingSettings} TrainingSettings
 * @typedef {import('./unnoise.js').Weights} Weights
 */

export { Run, Training, UnnoiseError };

const BACKENDS = ['auto', 'cpu', 'webgpu'];
/** Milliseconds without a step after which the page counts as idle. */
const IDLE_MS = 1000;

/** Engines that nobody can reach any longer: their workers may end. */
const forgotten = new FinalizationRegistry((backends) => backends.close());

/**
 * The engine. Events: `backend` when another backend takes over, `measured` when the trial of WebGPU has moved on,
 * both with `detail: { backend, reason }`; `progress` while something is fetched, with what `onProgress` gets; `weights` when others are in use.
 * @implements {Face}
 */
export class Unnoise extends EventTarget {
  #base;
  #progress;
  #onLost;
  #files = /** @type {Files} */ (/** @type {unknown} */ (null)); // as long as no engine is there
  #backends = /** @type {Backends} */ (/** @type {unknown} */ (null));
  /** @type {Face['weights']} */
  #weights = null;
  #closed = false;
  /** @type {Backend} */
  #current = 'cpu';
  /** @type {BackendChoice} */
  #choice = 'auto';
  /** @type {Backend | null} */
  #winner = null;
  #trialBegun = false;
  #lastUse = 0;
  #uses = 0;
  #changes = 0;
  /** @type {Measured} */
  #measured = { state: 'waiting', cpu: null, webgpu: null, difference: null, reason: 'The CPU is used; WebGPU is tried after the first digit.' };
  info = /** @type {Info} */ ({}); // until the engine is there

  /** What a run asks of this engine, which is not forgotten while there is one. */
  #host = {
    cpu: async (model) => this.#ready(await this.#backends.open('cpu'), model),
    used: () => this.#used(),
    finished: () => this.#finished(),
  };

  /**
   * Only `Unnoise.load` makes engines.
   * @param {ConstructorParameters<typeof Files>[0]} base
   * @param {NonNullable<LoadOptions['onProgress']>} onProgress
   */
  constructor(base, onProgress) {
    super();
    // The workers hold on to what they call: without this, no engine would ever be forgotten.
    const self = new WeakRef(this);
    this.#base = base;
    this.#progress = (detail) => {
      onProgress(detail);
      self.deref()?.dispatchEvent(new CustomEvent('progress', { detail }));
    };
    this.#onLost = (bridge) => {
      const unnoise = self.deref();
      if (unnoise) unnoise.#lost(bridge);
    };
  }

  /**
   * Loads the engine and its weights.
   * - `backend`: 'auto' starts on the CPU and moves to WebGPU after the first digit if that is measured to be faster here.
   * - `onProgress`: called with `{ stage, file, loaded, total }`, bytes.
   * - `base`: a folder with a copy of this one as it is in the built site, where the files do not lie beside this module; or a
   *   function that returns a Blob of the file with the name that it is given, where they have no address.
   * - `weights`: as `useWeights` takes them.
   * @param {LoadOptions} [options]
   */
  static async load(options) {
    const { backend = 'auto', onProgress = () => {}, base, weights = null } = object('The argument of load', options);
    oneOf('backend', backend, BACKENDS);
    const unnoise = new Unnoise(base === undefined ? null : typeof base === 'function' ? base : folder(base), onProgress);
    await unnoise.#open(backend === 'webgpu' ? 'webgpu' : 'cpu', weights);
    unnoise.#choice = backend;
    return unnoise;
  }

  /**
   * Opens an engine with these weights, which takes the place of the one at hand once they are found to be good.
   * @param {Backend} backend
   * @param {Weights | null} weights
   */
  async #open(backend, weights) {
    const change = ++this.#changes;
    const own = weights === null ? null : await (await import('./weights.js')).openWeights(weights);
    const files = new Files(this.#base, this.#progress, own);
    const backends = new Backends(files, this.#progress, this.#onLost);
    let bridge;
    let networks;
    try {
      bridge = await backends.open(backend);
      networks = own ? ownNetworks(/** @type {Info} */ (/** @type {unknown} */ (bridge.info)), own.models) : [];
      // What is at hand is checked as a whole; what has to travel, when it is needed.
      if (own?.from === null) await backends.equip(bridge, networks);
    } catch (error) {
      backends.close();
      throw error;
    }
    if (this.#closed || change !== this.#changes) return backends.close(); // a later choice stands
    forgotten.unregister(this);
    forgotten.register(this, backends, this);
    const before = this.#backends;
    this.#files = files;
    this.#backends = backends;
    this.#weights = own && { from: own.from, networks };
    this.#take(bridge);
    before?.close('other weights have taken its place');
  }

  /**
   * Takes other weights than those that lie beside the library: the address of a folder with what `unnoise export` has
   * written, or those files. What is missing there stays as it was shipped; null takes all as shipped. Rejects with a
   * sentence, and changes nothing, if they cannot be used. Runs under way go on with them.
   * @param {Weights | null} weights
   */
  async useWeights(weights) {
    this.#uses++;
    await this.#open(this.#current, weights);
    this.dispatchEvent(new Event('weights'));
  }

  /** The weights in the place of the library's own: `{ from, networks }`, or null. */
  get weights() {
    return this.#weights;
  }

  /** Ends the engine and its workers: what is under way, and all that is asked of it later, is rejected. Frames stay. */
  close() {
    forgotten.unregister(this);
    this.#closed = true;
    this.#trialBegun = true;
    this.#backends.close();
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

  /** Chooses the backend for the runs to come. Rejects with a sentence, and changes nothing, if it cannot be had. @param {BackendChoice} backend */
  async use(backend) {
    oneOf('backend', backend, BACKENDS);
    const wanted = backend === 'auto' ? (this.#winner ?? 'cpu') : backend;
    const use = ++this.#uses;
    const bridge = await this.#backends.open(wanted);
    if (use !== this.#uses) return; // a later choice stands
    this.#choice = backend;
    this.#take(bridge, backend === 'auto' ? this.#measured.reason : `${capital(LABEL[wanted])} was asked for.`);
    if (backend === 'auto') this.#finished();
  }

  /**
   * Loads the weights that a model ('scorer') or a network ('noise-level') needs, unless they are there already.
   * Everything else here does so by itself; this is for pages that want to say that they are loading.
   * @param {string} name
   * @param {Abortable} [options]
   */
  async ready(name, options) {
    const signal = signalOf(options);
    this.#networks(name);
    signal?.throwIfAborted();
    const places = new Set([this.#current, this.#answering]);
    const ready = Promise.all([...places].map((backend) => this.#readyOrCpu(backend, name)));
    await abortable(ready, signal);
  }

  /**
   * How good a model was measured to be, as far as it was; `grid`, by sampler, network calls and guidance, is fetched when this is first asked.
   * @param {Model} [model]
   * @param {Abortable} [options]
   * @returns {Promise<Quality>}
   */
  async quality(model, options) {
    const signal = signalOf(options);
    const { name, weights } = this.#checks.generator(model);
    const network = weights[weights.length - 1];
    const recorded = /** @type {any} */ (this.info.models[network])?.quality?.[name];
    signal?.throwIfAborted();
    const grid = recorded?.grid ? await abortable(this.#files.figures(network, recorded.grid.file), signal) : null;
    return { ...recorded, grid };
  }

  /**
   * Starts a run; resolves as soon as its first frame, pure noise or the noised `x`, is there.
   * @param {Settings & Abortable} [settings]
   * @param {Abortable} [options]
   * @returns {Promise<Run>}
   */
  async start(settings, options) {
    const { signal: inner, ...rest } = object('settings', settings);
    const signal = signalOf(options) ?? signalOf({ signal: inner });
    const full = this.#checks.settings(rest);
    signal?.throwIfAborted();
    return abortable(this.#start(full), signal, (run) => run.free());
  }

  async #start(settings) {
    this.#used();
    const id = nextRunId();
    let bridge = await this.#readyOrCpu(this.#current, settings.model);
    /** @returns {Promise<Frame>} */
    const begin = () => bridge.call('start', { run: id, settings });
    /** @type {Frame} */
    let first;
    try {
      first = await begin();
    } catch (error) {
      if (!bridge.closed) throw new UnnoiseError('settings', `${capital(clause(messageOf(error)))}.`);
      bridge = await this.#host.cpu(settings.model);
      first = await begin();
    }
    return new Run(this.#host, { bridge, id }, settings, first);
  }

  /**
   * All frames of a run, one after another: frame 0 (pure noise), then one for each step.
   * @param {Settings & Abortable} [settings]
   * @param {Abortable} [options]
   */
  async *generate(settings, options) {
    const signal = signalOf(options) ?? signalOf({ signal: object('settings', settings).signal });
    const run = await this.start(settings, { signal });
    try {
      /** @type {Frame | null} */
      let frame = run.frame;
      for (; frame; frame = await run.step({ signal })) yield frame;
    } finally {
      run.free();
    }
  }

  /**
   * Begins to train a small network from nothing, on the CPU, in a worker of its own: from the digits that lie beside the
   * weights, which the U-Net has drawn, or from `drawings`. No step is made yet.
   * @param {TrainingSettings & Abortable} [settings]
   * @param {Abortable} [options]
   * @returns {Promise<Training>}
   */
  async train(settings, options) {
    const { drawings, signal: inner, ...rest } = object('settings', settings);
    const signal = signalOf(options) ?? signalOf({ signal: inner });
    const full = this.#checks.training(rest);
    const drawn = drawings === undefined ? undefined : this.#checks.drawings(drawings);
    signal?.throwIfAborted();
    return abortable(this.#train(full, drawn), signal, (training) => training.close());
  }

  async #train(settings, drawings) {
    const [bridge] = await Promise.all([this.#backends.spare(), drawings ?? this.#files.digits()]);
    try {
      await this.#teach(bridge, settings, drawings);
    } catch (error) {
      bridge.retire();
      throw error;
    }
    return new Training(bridge, this.#checks, settings);
  }

  /** Digits that cannot be read are fetched once more, past the browser's cache. */
  async #teach(bridge, settings, drawings) {
    if (drawings) return bridge.call('train', { settings, drawings });
    const teach = async (fresh) => bridge.call('train', { settings, digits: await this.#files.digits(fresh) });
    try {
      await teach(false);
    } catch {
      await teach(true).catch((error) => {
        throw bridge.closed ?? new UnnoiseError('weights', `${capital(clause(messageOf(error)))}.`);
      });
    }
  }

  /**
   * Asks the scorer about a picture: `{ probabilities, logF, gradient }`. The probabilities are those of the ten digits,
   * and last "no digit"; f is the probability of `digit`, or, without one, of any; `gradient` is that of log f.
   */
  score(question) {
    return this.#ask('score', question, ({ x, sigma, digit }, check) => ({ x: check.x(x), sigma: check.sigma(sigma), digit: check.classOrNull('scorer', digit) }), () => 'scorer');
  }

  /** How much noise a picture has, as far as the network can tell, and the gradient of that: `{ sigma, gradient }`. */
  noiseLevel(question) {
    return this.#ask('noiseLevel', question, ({ x }, check) => ({ x: check.x(x) }), () => 'noise-level');
  }

  /** One network call of a model: `{ denoised }`, its estimate of the clean picture. */
  denoise(question) {
    return this.#ask('denoise', question, ({ model, x, sigma, digit }, check) => ({ model: check.pixelModel(model), x: check.x(x), sigma: check.sigma(sigma), digit: check.classOrNull(model, digit) }), ({ model }) => model);
  }

  /** The noise of a seed, 28 × 28 numbers from N(0, 1): what a run with this seed starts from, up to its sigma. */
  noise(question) {
    return this.#ask('noise', question, ({ seed, stream }, check) => ({ seed: check.seed(seed), stream: check.stream(stream) }));
  }

  /** A training schedule ('linear' or 'cosine') as arrays over t = 1 to 1000: `{ beta, alphaBar, sigma }`. */
  scheduleTable(name, options) {
    return this.#ask('schedule', options, (_, check) => ({ name: check.trainingSchedule(name) }));
  }

  /** A random scene of a digit, and a sentence that describes it: `{ scene, caption }`. */
  scene(question) {
    return this.#ask('scene', question, ({ digit, seed }, check) => ({ digit: check.digit(digit), seed: check.seed(seed) }));
  }

  /** The strokes of a digit, 28 × 28 numbers, painted anew in colours as a scene says: `{ picture }`, 64 × 64 × 3 numbers. The seed gives the place and the small differences. */
  paint(question) {
    return this.#ask('paint', question, ({ x, scene, seed }, check) => ({ x: check.x(x), scene: check.scene(scene), seed: check.seed(seed) }));
  }

  /** What a coloured picture shows, without any network: `{ ink, paper, thickness, slant, size }`, or null where nothing is drawn. */
  measure(question) {
    return this.#ask('measure', question, ({ picture }, check) => ({ picture: check.picture(picture) }));
  }

  /** A coloured picture's latent, 8 × 8 × 4 numbers of about N(0, 1), and how far each may stray: `{ latent, deviation }`. */
  encode(question) {
    return this.#ask('encode', question, ({ picture }, check) => ({ picture: check.picture(picture) }), () => 'vae');
  }

  /** The coloured picture of a latent: `{ picture }`. */
  decode(question) {
    return this.#ask('decode', question, ({ latent }, check) => ({ latent: check.latent(latent) }), () => 'vae');
  }

  /** The digit that f reads in a coloured picture, whatever its colours: `{ digit, probabilities }`. */
  readDigit(question) {
    return this.#ask('readDigit', question, ({ picture }, check) => ({ picture: check.picture(picture) }), () => 'scorer');
  }

  /** CLIP's embedding of a coloured picture: `{ embedding }`, 64 numbers of length 1. Dot products of embeddings are cosines. */
  embedPicture(question) {
    return this.#ask('embedPicture', question, ({ picture }, check) => ({ picture: check.picture(picture) }), () => 'clip');
  }

  /** CLIP's embedding of a text, and what it did not take of it: `{ embedding, words, unknown, cut, digits, remarks, scale }`. */
  async embedText(question) {
    const [embedding] = await this.#embed(question, ({ text }, check) => ({ texts: [check.text(text)] }));
    return embedding;
  }

  /** The same of many texts, by one network call. */
  embedTexts(question) {
    return this.#embed(question, ({ texts }, check) => ({ texts: check.texts(texts) }));
  }

  async #embed(question, check) {
    const { embeddings, readings, scale } = await this.#ask('embedTexts', question, check, () => 'clip');
    const width = embeddings.length / readings.length;
    return readings.map((reading, i) => ({ embedding: embeddings.slice(i * width, (i + 1) * width), ...reading, scale }));
  }

  /** Where a single question is answered: its latency counts, and the CPU's is the smaller one. @returns {Backend} */
  get #answering() {
    return this.#choice === 'webgpu' ? 'webgpu' : 'cpu';
  }

  get #checks() {
    return new Checks(this.info);
  }

  /**
   * `check` makes the arguments of the question, or throws a sentence; `needs` names the model or network that must be there.
   * @param {string} method
   * @param {(question: any, checks: Checks) => any} check
   * @param {(args: any) => string | null} [needs]
   * @returns {Promise<any>}
   */
  async #ask(method, question, check, needs = () => null) {
    const asked = object('The question', question);
    const signal = signalOf(asked);
    const args = check(asked, this.#checks);
    signal?.throwIfAborted();
    return abortable(this.#answer(method, args, needs(args)), signal);
  }

  async #answer(method, args, needs) {
    const ask = async (bridge) => {
      if (needs !== null) await this.#equip(bridge, needs);
      this.#used();
      const answer = await bridge.call(method, args);
      checkNumbers(bridge, answer);
      return answer;
    };
    const bridge = await this.#backends.open(this.#answering);
    const closedBefore = bridge.closed;
    try {
      const answer = await ask(bridge);
      if (bridge.backend === 'webgpu' && needs !== null) await once(bridge.verified, method, async () => compareAnswers(method, await ask(await this.#backends.open('cpu')), answer));
      return answer;
    } catch (error) {
      // What needs no network is not the GPU's fault.
      if (needs === null && !bridge.closed) throw new UnnoiseError('settings', `${capital(clause(messageOf(error)))}.`);
      // As in a run: a GPU that fails once is not asked again.
      if (error.code === 'weights' || (bridge.backend === 'cpu' && !closedBefore && !bridge.retired)) throw error;
      bridge.close(error.message);
      return ask(await this.#backends.open('cpu'));
    }
  }

  /** Destroys the graphics device, to see that the CPU takes over: for tests and the curious. */
  async loseDevice() {
    const bridge = await this.#backends.get('webgpu');
    if (!bridge) throw new UnnoiseError('webgpu', 'WebGPU is not in use, so there is no graphics device to lose.');
    await bridge.call('lose');
  }

  /**
   * An engine with what a model or network needs. Before WebGPU draws with a model for the first time, its first step is compared with the CPU's.
   * @param {Bridge} bridge
   */
  async #ready(bridge, name) {
    await this.#equip(bridge, name);
    const generator = this.info.generators.find((generator) => generator.name === name);
    if (bridge.backend === 'cpu' || !generator) return bridge;
    try {
      await once(bridge.verified, name, async () => {
        const cpu = await this.#backends.open('cpu');
        await this.#equip(cpu, name);
        await compareStep(cpu, bridge, generator);
      });
    } catch (error) {
      if (error.code !== 'weights') bridge.close(error.message);
      throw error;
    }
    return bridge;
  }

  /** The same for a backend; where that one fails, the CPU's. */
  async #readyOrCpu(backend, name) {
    const bridge = await this.#backends.open(backend);
    try {
      return await this.#ready(bridge, name);
    } catch (error) {
      if (!bridge.closed || error.code === 'weights') throw error;
      return this.#host.cpu(name);
    }
  }

  #equip(bridge, name) {
    return this.#backends.equip(bridge, this.#networks(name));
  }

  /** The networks that a model needs; a network needs itself. */
  #networks(name) {
    const { generators, models } = this.info;
    const generator = generators.find((generator) => generator.name === name);
    if (generator) return generator.weights;
    if (generators.some(({ weights }) => weights.includes(name)) || Object.hasOwn(models, name)) return [name];
    return this.#checks.generator(name).weights;
  }

  #used() {
    this.#lastUse = performance.now();
  }

  /** A run has reached its last frame: the moment from which on WebGPU may be tried. */
  #finished() {
    if (this.#trialBegun || this.#choice !== 'auto') return;
    this.#trialBegun = true;
    this.#trial().catch((error) => this.#settle('cpu', `WebGPU was tried without success (${clause(messageOf(error))}): the CPU is used.`));
  }

  #take(bridge, reason) {
    const changed = reason !== undefined && bridge.backend !== this.#current;
    this.#current = bridge.backend;
    Object.assign(this.info, bridge.info);
    if (changed) this.#emit('backend', reason);
  }

  #emit(type, reason) {
    this.dispatchEvent(new CustomEvent(type, { detail: { backend: this.#current, reason } }));
  }

  /** An engine has closed after it had been in use. */
  #lost(bridge) {
    if (bridge.backend === 'cpu') return;
    // It is not tried again unless the visitor asks for it.
    this.#winner = 'cpu';
    this.#trialBegun = true;
    if (this.#choice === 'webgpu') this.#choice = 'auto';
    this.#measured = { ...this.#measured, state: 'done', reason: `${bridge.closed.message} The CPU is used.` };
    if (this.#current !== 'webgpu') return;
    this.#current = 'cpu';
    Object.assign(this.info, { backend: 'cpu', bundle: bundleOf('cpu'), adapter: null });
    this.#emit('backend', `${bridge.closed.message} The CPU goes on from the same step.`);
  }

  #settle(winner, reason, figures = {}) {
    this.#winner = winner;
    this.#measured = { ...this.#measured, ...figures, state: 'done', reason };
    if (winner === 'cpu' && this.#choice !== 'webgpu') this.#backends.retire('webgpu');
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
    if (/** @type {any} */ (navigator).connection?.saveData) return this.#settle('cpu', 'The browser is asked to save data, so WebGPU was not loaded: the CPU is used.');

    const { version, models, defaults } = this.info;
    const networks = this.#networks(defaults.model);
    const key = [version, ...networks.map((name) => models[name]?.sha256), adapter.description, navigator.userAgent].join(' | ');
    const known = memory.read();
    if (known?.key === key && known.winner === 'cpu') return this.#settle('cpu', known.reason, known.figures);

    await this.#idle();
    progress('WebGPU is being loaded and measured; the CPU is used meanwhile.');
    const [gpu, cpu] = [await this.#backends.open('webgpu'), await this.#backends.open('cpu')];
    const verdict = await this.#compare(cpu, gpu);
    memory.write({ key, ...verdict });
    if (gpu.closed) return; // lost in the meantime, which has been said
    this.#settle(verdict.winner, verdict.reason, verdict.figures);
    if (verdict.winner === 'webgpu' && this.#choice === 'auto') this.#take(gpu, verdict.reason);
  }

  async #compare(cpu, gpu) {
    const generator = this.#checks.generator();
    let difference;
    try {
      await once(gpu.verified, generator.name, async () => (difference = await compareStep(cpu, gpu, generator)));
    } catch (error) {
      if (gpu.closed) throw error;
      return { winner: /** @type {const} */ ('cpu'), reason: `WebGPU: ${clause(messageOf(error))}. The CPU is used.`, figures: { difference: null } };
    }
    const { winner, reason, figures } = await race(cpu, gpu, generator, () => this.#idle());
    return { winner, reason, figures: { ...figures, difference } };
  }

  async #idle() {
    const hidden = () => globalThis.document?.visibilityState === 'hidden';
    while (performance.now() - this.#lastUse < IDLE_MS || hidden()) await new Promise((resolve) => setTimeout(resolve, IDLE_MS / 4));
  }
}

/** Does something unless it has been done, or is being done, under this name; what failed may be tried again. */
function once(done, name, work) {
  if (!done.has(name)) {
    const doing = work();
    done.set(name, doing);
    doing.catch(() => done.delete(name));
  }
  return done.get(name);
}

/** Those of a manifest's networks that are known here. @returns {import('./unnoise.js').Network[]} */
function ownNetworks({ generators, digit: { width } }, models) {
  const known = new Set(generators.flatMap(({ weights }) => weights));
  const networks = Object.keys(models).filter((name) => known.has(name));
  const ofPixels = new Set(generators.filter(({ draws }) => draws === 'digit').flatMap(({ weights }) => weights));
  const other = networks.find((name) => ofPixels.has(name) && (models[name].config?.size ?? width) !== width);
  if (other) {
    const { size } = models[other].config;
    throw new UnnoiseError('weights', `${other} has learned pictures of ${size}×${size} pixels, and those that are shown here have ${width}×${width}: train it on pictures of that size (\`unnoise data --size ${width}\`).`);
  }
  if (networks.length) return /** @type {import('./unnoise.js').Network[]} */ (networks);
  throw new UnnoiseError('weights', `manifest.json has none of the networks that are used here: it has ${Object.keys(models).join(', ')}; known are ${[...known].join(', ')}.`);
}

function folder(base) {
  try {
    return new URL(`${base}`.replace(/\/?$/, '/'), globalThis.location?.href);
  } catch {
    throw new UnnoiseError('settings', `base is "${base}": it must be the address of a folder.`);
  }
}
