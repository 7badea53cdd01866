// What the library fetches: the bundles and the weights, each under a name with its hash, which map.js tells.

import { clause, messageOf, UnnoiseError } from './errors.js';
import { FOLDER, MAP } from './map.js';

/** @import { LoadOptions, Progress } from './unnoise.js' */
/** @import { Place } from './map.js' */
/** @import { Own } from './weights.js' */

const MANIFEST = 'weights/manifest.json';
const DIGITS = 'weights/digits.safetensors';
/** In a variable: bundlers take `new URL` beside `import.meta.url` for a file that they are to copy. */
const HERE = import.meta.url;
/** Where a bundler has made one file of many, the files beside this one may not have come along; webpack then names the file of its own machine. */
const BUNDLED = !/^http.*\/files\.js(\?|$)/.test(HERE);
/** What scripts and wasm must be called for browsers to take them. */
const TYPES = { js: 'text/javascript', wasm: 'application/wasm' };

/** @typedef {Extract<NonNullable<LoadOptions['base']>, Function>} Hand hands over a file by its name */

/** Where the files lie, and those that have arrived. */
export class Files {
  #base;
  #hand;
  #onProgress;
  #map;
  #own;
  /** Files that were handed over, by name. @type {Map<string, Promise<Place>>} */
  #handed = new Map();
  /** The networks' weights, by name. */
  #weights = new Map();
  /** @type {Promise<{ text: string, models: Record<string, any> }> | null} */
  #manifest = null;
  /** Files of figures, by name. */
  #figures = new Map();
  /** @type {Promise<Uint8Array> | null} */
  #digits = null;

  /**
   * `base`: the folder with a copy of the library's files, or what hands them over; with null, they lie where this module does, or where a
   * bundler has put them.
   * `own`: weights in the place of those; what it lacks is taken from there.
   * @param {URL | Hand | null} base
   * @param {(progress: Progress) => void} onProgress
   * @param {Own | null} own
   */
  constructor(base, onProgress, own) {
    this.#base = base instanceof URL ? base : null;
    this.#hand = typeof base === 'function' ? base : null;
    this.#own = own;
    /** The library's modules there; null where they lie beside this one. */
    this.modules = this.#base && new URL(FOLDER, this.#base);
    this.#onProgress = onProgress;
    this.#map = this.modules ? read(this.modules, this.remedy) : Promise.resolve(MAP);
    this.#map.catch(() => {}); // whoever asks for a file is told
  }

  /** Where a file lies. @returns {Promise<Place>} */
  async place(name) {
    if (this.#hand) return this.#keep(name, this.#hand);
    const { [name]: place } = await this.#map;
    if (!place) throw new UnnoiseError('weights', `${name} is missing: ${this.remedy}.`);
    return place;
  }

  /** The address of worker.js, where it is handed over: otherwise it lies among the modules. */
  async worker() {
    return this.#hand ? (await this.place('worker.js')).url : null;
  }

  /** Gives a file that is handed over an address, once. @param {string} name @param {Hand} hand */
  #keep(name, hand) {
    let kept = this.#handed.get(name);
    if (!kept) {
      kept = handed(name, hand);
      this.#handed.set(name, kept);
      kept.catch(() => this.#handed.delete(name));
    }
    return kept;
  }

  /** Takes these addresses back: nobody needs them any longer. */
  close() {
    for (const kept of this.#handed.values()) kept.then(({ url }) => URL.revokeObjectURL(url), () => {});
  }

  /** What to do where one is missing. */
  get remedy() {
    if (this.#hand) return 'check what `base` hands over, which must be of the same version as this library';
    if (this.#base) return `check that the folder which \`base\` names, ${this.#base}, is a copy of the site's unnoise/, of the same version as this library`;
    return BUNDLED ? "copy the site's folder unnoise/ as it is, and name it with `base`" : 'check that the site was copied whole';
  }

  /** A network's weights: the manifest's text and the file's bytes, as they came, each fetched once. The engine checks both. */
  weights(name, fresh = false) {
    if (fresh) this.forget(name);
    let file = this.#weights.get(name);
    if (!file) {
      file = this.#fetchWeights(name, fresh);
      this.#weights.set(name, file);
      file.catch(() => this.#weights.get(name) === file && this.forget(name));
    }
    return file;
  }

  /** The manifest goes with the file: either of them may be the one that is wrong. */
  forget(name) {
    this.#weights.delete(name);
    this.#manifest = null;
  }

  /** What the manifest says of each network. */
  async models() {
    return { ...(await this.#manifestHere(false)).models, ...this.#own?.models };
  }

  #isOwn(name) {
    return Object.hasOwn(this.#own?.models ?? {}, name);
  }

  /** What a file of figures holds that the manifest names for a network; fetched once. Null where own weights came without it. */
  figures(network, file) {
    let figures = this.#figures.get(file);
    if (!figures) {
      figures = this.#fetchFigures(network, file);
      this.#figures.set(file, figures);
      figures.catch(() => this.#figures.delete(file));
    }
    return figures;
  }

  async #fetchFigures(network, file) {
    const own = this.#isOwn(network) && this.#own;
    if (own && !own.has(file)) return null;
    const json = new TextDecoder().decode(await (own ? own.read(file) : this.#fetch(`weights/${file}`, false)));
    try {
      return JSON.parse(json);
    } catch {
      throw new UnnoiseError('weights', `weights/${file} cannot be read${own ? '' : `: ${this.remedy}`}.`);
    }
  }

  /** The digits that training learns from: drawn by the U-Net, never MNIST's. Fetched once. */
  digits(fresh = false) {
    if (fresh) this.#digits = null;
    if (!this.#digits) {
      const digits = (this.#digits = this.#fetch(DIGITS, fresh));
      digits.catch(() => this.#digits === digits && (this.#digits = null));
    }
    return this.#digits;
  }

  /** Counts a file of a bundle as one that is on its way, and says where it lies. */
  async announce(name) {
    const { url, bytes } = await this.place(name);
    this.#onProgress({ stage: 'engine', file: name, loaded: 0, total: bytes });
    return { name, url, bytes };
  }

  async #fetchWeights(name, fresh) {
    if (this.#isOwn(name)) return this.#readOwn(name, /** @type {Own} */ (this.#own));
    // The manifest has the last word on the file's name; until it has come, the file counts as what is on its way.
    const { [`weights/${name}.safetensors`]: place } = await this.#map;
    if (place) this.#onProgress({ stage: 'weights', file: `weights/${name}.safetensors`, loaded: 0, total: place.bytes });
    const { text, models } = await this.#manifestHere(fresh);
    const file = models[name]?.file;
    if (!file) throw new UnnoiseError('weights', `${MANIFEST} has no model "${name}": run \`unnoise export ${name}\`, then build the site.`);
    return { manifest: text, bytes: await this.#fetch(`weights/${file}`, fresh) };
  }

  async #readOwn(name, { manifest, models, read }) {
    const { file, bytes: total } = models[name];
    const report = (loaded) => this.#onProgress({ stage: 'weights', file: `weights/${file}`, loaded, total });
    report(0);
    return { manifest, bytes: await read(file, report) };
  }

  /** The manifest beside the library's weights. */
  #manifestHere(fresh) {
    if (!this.#manifest) {
      const manifest = (this.#manifest = this.#fetchManifest(fresh));
      manifest.catch(() => this.#manifest === manifest && (this.#manifest = null));
    }
    return this.#manifest;
  }

  async #fetchManifest(fresh) {
    const text = new TextDecoder().decode(await this.#fetch(MANIFEST, fresh));
    try {
      const { models } = JSON.parse(text);
      return { text, models: Object(models) };
    } catch {
      throw new UnnoiseError('weights', `${MANIFEST} is not a manifest: ${this.remedy}.`);
    }
  }

  /** A file's bytes; what cannot be had is asked for once more, past the browser's cache. */
  async #fetch(name, fresh) {
    if (fresh) return this.#bytes(name, 'reload');
    return this.#bytes(name, 'default').catch(() => this.#bytes(name, 'reload'));
  }

  async #bytes(name, cache) {
    const { url, bytes: total } = await this.place(name);
    const report = (loaded) => this.#onProgress({ stage: 'weights', file: name, loaded, total });
    let response;
    try {
      response = await fetch(url, { cache });
    } catch (error) {
      throw new UnnoiseError('weights', `${name} could not be loaded: check the connection. (${messageOf(error)})`);
    }
    if (response.status === 404) throw new UnnoiseError('weights', `${name} is missing at ${url}: ${this.remedy}.`);
    // Some hosts answer with a page where there is no file, and so do networks that want a login first.
    if (response.ok && isPage(response)) throw new UnnoiseError('weights', `${name} is missing at ${url}, where a web page comes in its place: log in if your network asks for it, and ${this.remedy}.`);
    if (!response.ok) throw new UnnoiseError('weights', `${name} could not be loaded (HTTP ${response.status}): ${this.remedy}.`);
    const parts = [];
    let loaded = 0;
    report(0);
    try {
      const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        parts.push(part.value);
        loaded += part.value.length;
        report(loaded);
      }
    } catch (error) {
      throw new UnnoiseError('weights', `${name} broke off after ${loaded} of ${total} bytes: check the connection. (${clause(messageOf(error))})`);
    }
    return joined(parts, loaded);
  }
}

/** @param {string} name @param {Hand} hand @returns {Promise<Place>} */
async function handed(name, hand) {
  let file;
  try {
    file = await hand(name);
  } catch (error) {
    throw new UnnoiseError('weights', `${name} could not be had from \`base\`: ${clause(messageOf(error))}.`);
  }
  if (!(file instanceof Blob)) throw new UnnoiseError('settings', `\`base\` does not hand over ${name}: it must be a function that returns a Blob of it, or the address of a folder.`);
  return { url: URL.createObjectURL(file.slice(0, file.size, TYPES[name.slice(name.lastIndexOf('.') + 1)])), bytes: file.size };
}

/** Whether an answer is a web page. @param {Response} response */
export const isPage = (response) => Boolean(response.headers.get('content-type')?.startsWith('text/html'));

/** Where the files are that lie beside a copy of the library's modules. @returns {Promise<Record<string, Place>>} */
async function read(modules, remedy) {
  const { href } = new URL('map.js', modules);
  try {
    return (await import(/* @vite-ignore */ /* webpackIgnore: true */ href)).MAP;
  } catch (error) {
    throw new UnnoiseError('engine', `${href} could not be loaded: ${remedy}. (${messageOf(error)})`);
  }
}

function joined(parts, length) {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
