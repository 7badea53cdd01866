// Weights of the user's own: what `unnoise export` writes, in a folder with an address or as files.

import { clause, messageOf, UnnoiseError } from './errors.js';
import { isPage } from './files.js';

/** @import { Weights } from './unnoise.js' */

const MANIFEST = 'manifest.json';
/** A file beside the manifest, never one elsewhere. */
const PLAIN = /^[\w-][\w.-]*$/;

/**
 * @typedef {object} Own
 * @property {string | null} from the folder's address; null for files
 * @property {string} manifest its text
 * @property {Record<string, any>} models those of the manifest whose weights are there
 * @property {(name: string, onBytes?: (loaded: number) => void) => Promise<Uint8Array>} read a file's bytes
 * @property {(name: string) => boolean} has whether a file is there, as far as can be told
 */

/** Finds the weights, and reads their manifest. The engine checks the rest. @param {Weights} weights @returns {Promise<Own>} */
export async function openWeights(weights) {
  const place = typeof weights === 'string' || weights instanceof URL ? folder(weights) : files(weights);
  const manifest = new TextDecoder().decode(await place.read(MANIFEST));
  const named = modelsOf(manifest);
  const models = Object.fromEntries(Object.entries(named).filter(([, { file }]) => place.has(file)));
  if (Object.keys(models).length === 0) {
    const wanted = Object.values(named).map(({ file }) => file).join(', ');
    throw new UnnoiseError('weights', wanted ? `No weights are there: ${MANIFEST} names ${wanted}.` : `${MANIFEST} names no networks: \`unnoise export\` writes one that does.`);
  }
  return { ...place, manifest, models };
}

/** The models that a manifest names. @param {string} text @returns {Record<string, any>} */
function modelsOf(text) {
  let models;
  try {
    ({ models } = JSON.parse(text));
  } catch (error) {
    throw new UnnoiseError('weights', `${MANIFEST} cannot be read (${clause(messageOf(error))}): take the one that \`unnoise export\` has written.`);
  }
  const sound = models && typeof models === 'object' && Object.values(models).every((model) => PLAIN.test(model?.file) && typeof model.sha256 === 'string');
  if (!sound) throw new UnnoiseError('weights', `${MANIFEST} is not one that \`unnoise export\` has written: it does not say in which files the networks are.`);
  return models;
}

/** @param {string | URL} address */
function folder(address) {
  let base;
  try {
    base = new URL(`${address}`.replace(/\/?$/, '/'), globalThis.location?.href);
  } catch {
    throw new UnnoiseError('settings', `weights is "${address}": it must be the address of a folder.`);
  }
  /** @type {Own['read']} */
  async function read(name, onBytes = () => {}) {
    const { href } = new URL(name, base);
    let response;
    try {
      response = await fetch(href, { cache: 'no-cache' }); // the name does not say what is in it
    } catch (error) {
      throw new UnnoiseError('weights', `${href} could not be loaded: check the address and the connection. (${messageOf(error)})`);
    }
    // Some hosts answer with a page where there is no file.
    if (response.status === 404 || isPage(response)) {
      throw new UnnoiseError('weights', `${href} is missing: \`weights\` must name the folder that \`unnoise export\` has written.`);
    }
    if (!response.ok) throw new UnnoiseError('weights', `${href} could not be loaded (HTTP ${response.status}).`);
    try {
      const bytes = new Uint8Array(await response.arrayBuffer());
      onBytes(bytes.length);
      return bytes;
    } catch (error) {
      throw new UnnoiseError('weights', `${href} broke off: check the connection. (${clause(messageOf(error))})`);
    }
  }
  return { from: base.href, read, has: () => true };
}

/** @param {Iterable<File> | Record<string, Blob>} given */
function files(given) {
  /** @type {[string, unknown][]} */
  const named = given && typeof given === 'object' ? (Symbol.iterator in given ? [...given].map((file) => [file?.name, file]) : Object.entries(given)) : [];
  if (named.length === 0 || !named.every(([name, file]) => typeof name === 'string' && file instanceof Blob)) {
    throw new UnnoiseError('settings', 'weights must be the address of a folder, or files with their names.');
  }
  const there = /** @type {Map<string, Blob>} */ (new Map(named));
  /** @type {Own['read']} */
  async function read(name) {
    const file = there.get(name);
    if (!file) throw new UnnoiseError('weights', `${name} is not among the files: \`unnoise export\` writes it beside the weights.`);
    try {
      return new Uint8Array(await file.arrayBuffer());
    } catch (error) {
      throw new UnnoiseError('weights', `${name} cannot be read: it may have been moved or changed. (${clause(messageOf(error))})`);
    }
  }
  return { from: null, read, has: (name) => there.has(name) };
}
