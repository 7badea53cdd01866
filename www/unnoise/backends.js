// The engines, one for each backend, and the weights that each has been given.

import { Bridge } from './bridge.js';
import { messageOf, UnnoiseError } from './errors.js';

/**
 * @import { Files } from './files.js'
 * @import { Backend, Progress } from './unnoise.js'
 */

/** Weights that travel while the bundle is compiled; the engine says what else is needed. */
const FIRST = ['unet'];

/** A model's classes are those that its first network has learned: the manifest names them where they are not MNIST's. */
const asLearned = (models) => (generator) => ({ ...generator, classes: generator.takesDigit ? (models[generator.weights[0]]?.classes ?? generator.classes) : [] });

export class Backends {
  #files;
  #onProgress;
  #onLost;
  /** @type {Map<Backend, Promise<Bridge>>} */
  #bridges = new Map();
  #closed = false;

  /**
   * @param {Files} files
   * @param {(progress: Progress) => void} onProgress
   * @param {(bridge: Bridge) => void} onLost called when an engine that was in use has closed
   */
  constructor(files, onProgress, onLost) {
    this.#files = files;
    this.#onProgress = onProgress;
    this.#onLost = onLost;
  }

  /** The engine of a backend, if it has been opened. */
  get(backend) {
    return this.#bridges.get(backend);
  }

  /** The engine of a backend, opened when first asked for. @param {Backend} backend */
  open(backend) {
    if (this.#closed) return Promise.reject(new UnnoiseError('engine', 'This engine has been closed: load another one.'));
    let bridge = this.#bridges.get(backend);
    if (!bridge) {
      bridge = this.#connect(backend);
      this.#bridges.set(backend, bridge);
      bridge.catch(() => this.#bridges.get(backend) === bridge && this.#bridges.delete(backend));
    }
    return bridge;
  }

  /** Gives an engine the weights of these networks, unless it has them. */
  async equip(bridge, networks) {
    await Promise.all(networks.map((name) => this.#give(bridge, name)));
  }

  /** Ends a backend's engine, which nobody uses. @param {Backend} backend @param {string} [reason] */
  retire(backend, reason) {
    this.#bridges.get(backend)?.then((bridge) => bridge.retire(reason), () => {});
    this.#bridges.delete(backend);
  }

  /** Ends all engines, for good. */
  close(reason = 'it has been closed') {
    this.#closed = true;
    for (const backend of this.#bridges.keys()) this.retire(backend, reason);
    this.#files.close();
  }

  async #connect(backend) {
    checkWasm();
    const adapter = backend === 'webgpu' ? (await findAdapter()).description : null;
    return again((fresh) => this.#start(backend, adapter, fresh));
  }

  /**
   * A worker of its own on the CPU, with the bundle that trains and without any weights; whoever asks for it ends it.
   * @returns {Promise<Bridge>}
   */
  async spare() {
    checkWasm();
    return again(async (fresh) => {
      const bridge = new Bridge('cpu', this.#files, await this.#files.worker(), this.#onProgress, () => {});
      try {
        bridge.info = await this.#bundle(bridge, fresh, 'training');
      } catch (error) {
        bridge.retire();
        throw error;
      }
      return bridge;
    });
  }

  /** Lets a worker load its bundle, and tell of itself. */
  async #bundle(bridge, fresh, name = bundleOf(bridge.backend)) {
    const folder = `wasm/${name}`;
    const [script, code] = await Promise.all(['unnoise.js', 'unnoise_bg.wasm'].map((file) => this.#files.announce(`${folder}/${file}`)));
    return bridge.call('open', { script, code, webgpu: bridge.backend === 'webgpu', fresh });
  }

  async #start(backend, adapter, fresh) {
    let opened = false;
    const lost = (bridge) => {
      if (!opened) return;
      this.#bridges.delete(backend);
      this.#onLost(bridge);
    };
    const bridge = new Bridge(backend, this.#files, await this.#files.worker(), this.#onProgress, lost);
    try {
      const [info, models] = await Promise.all([this.#bundle(bridge, fresh), this.#files.models(), ...FIRST.map((name) => this.#files.weights(name))]);
      bridge.info = { ...info, generators: info.generators.map(asLearned(models)), bundle: bundleOf(backend), adapter, models };
      const { generators, defaults } = info;
      await this.equip(bridge, generators.find(({ name }) => name === defaults.model).weights);
    } catch (error) {
      bridge.retire();
      throw error;
    }
    if (this.#closed) bridge.retire();
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

  /** What the engine refuses is fetched once more, too. */
  async #hand(bridge, name) {
    const hand = async (fresh) => {
      const { manifest, bytes } = await this.#files.weights(name, fresh);
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
        this.#files.forget(name);
        throw new UnnoiseError('weights', messageOf(again));
      }
    }
  }
}

/**
 * What cannot be started is fetched once more, past the browser's cache, which may hold older files.
 * @template T
 * @param {(fresh: boolean) => Promise<T>} start
 */
async function again(start) {
  try {
    return await start(false);
  } catch (error) {
    if (!error.stale) throw error;
    return start(true);
  }
}

/** The graphics adapter's description, and whether it is a processor in disguise. */
export async function findAdapter() {
  const gpu = /** @type {any} */ (globalThis.navigator)?.gpu;
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

/** The bundle of a backend: on the CPU the one that multiplies and adds in one, where the browser can. @param {Backend} backend */
export function bundleOf(backend) {
  if (backend === 'webgpu') return 'gpu';
  return WebAssembly.validate(RELAXED) ? 'relaxed' : 'cpu';
}

/** The smallest module with an instruction of relaxed SIMD, f32x4.relaxed_madd. */
const RELAXED = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0, 65, 0, 253, 17, 65, 0, 253, 17, 65, 0, 253, 17, 253, 133, 2, 11]);

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
