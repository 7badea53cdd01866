// One worker with one wasm bundle: a queue of promises with request ids.

import { clause, UnnoiseError } from './errors.js';

/**
 * @import { Files } from './files.js'
 * @import { Backend, Progress } from './unnoise.js'
 */

const NO_MEMORY = 'there is not enough memory for it; close other tabs or programs, then try again';

export class Bridge {
  #worker;
  #pending = new Map();
  #lastId = 0;
  #heard = false;
  #onProgress;
  #onClose;
  /** The reason why this bridge can no longer be used, once it has one. @type {UnnoiseError | null} */
  closed = null;
  /** Whether it was closed for no fault of its own. */
  retired = false;
  /** What the engine tells of itself. */
  info = null;
  /** The networks that its engine has, or is about to have, by name. @type {Map<string, Promise<void>>} */
  networks = new Map();
  /** What has been compared with the CPU's answer, or is about to be. @type {Map<string, Promise<void>>} */
  verified = new Map();

  /**
   * @param {Backend} backend
   * @param {Files} files
   * @param {string | null} worker the address of worker.js, where it does not lie among the modules
   * @param {(progress: Progress) => void} onProgress
   * @param {(bridge: Bridge) => void} onClose
   */
  constructor(backend, files, worker, onProgress, onClose) {
    this.backend = backend;
    this.#onProgress = onProgress;
    this.#onClose = onClose;
    this.#worker = openWorker(files, worker);
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onmessageerror = () => this.close('a message from its worker could not be read');
    this.#worker.onerror = (event) => {
      event.preventDefault?.();
      // Some browsers throw where the worker is made, others say it here, without a word.
      if (!this.#heard && isForeign(files.modules)) return this.close(`its worker could not be started: ${FOREIGN}`);
      // worker.js is a module, which an older browser stumbles over.
      if (!this.#heard && /\b(export|module)\b/.test(event.message)) return this.close('this browser is too old for module workers, which the network runs in: please update it');
      this.close(event.message || `worker.js could not be loaded, or failed without a word: ${files.remedy}`);
    };
  }

  /** Asks the worker; rejects with the sentence that it answers with. @returns {Promise<any>} */
  call(method, args = {}) {
    if (this.closed) return Promise.reject(this.closed);
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, method, args });
    });
  }

  #receive({ id, value, error, event, ...rest }) {
    this.#heard = true;
    if (event === 'progress') return this.#onProgress(/** @type {Progress} */ (rest));
    if (event === 'lost') return this.close(`the graphics device was lost${rest.message ? ` (${clause(rest.message)})` : ''}`);
    if (event === 'dead') return this.close(rest.exhausted ? NO_MEMORY : rest.message);
    const request = this.#pending.get(id);
    this.#pending.delete(id);
    if (!error) return request?.resolve(value);
    if (error.exhausted) this.close(NO_MEMORY);
    else if (error.fatal) this.close(`it met an internal error (${clause(error.message)})`);
    request?.reject(this.closed ?? Object.assign(new UnnoiseError(error.code ?? 'engine', error.message), { stale: error.stale }));
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
  retire(reason = 'it is not needed') {
    this.#onClose = () => {};
    this.retired = true;
    this.close(reason);
  }
}

/** Numbers that are none are a fault that would otherwise go unseen: a black picture. */
export function checkNumbers(bridge, answer) {
  for (const array of arraysOf(answer)) {
    if (!array.every(Number.isFinite)) throw new UnnoiseError('engine', `${bridge.backend === 'cpu' ? 'The CPU' : 'WebGPU'} returned values that are not numbers.`);
  }
}

/** The arrays of numbers in an answer. @returns {Float32Array[]} */
export const arraysOf = (answer) => [answer, ...Object.values(answer ?? {}), answer?.picture?.x].filter(/** @type {(value: any) => value is Float32Array} */ (ArrayBuffer.isView));

/** In a variable: bundlers take `new URL` beside `import.meta.url` for a file that they are to copy. In webpack's it is none of the web. */
const HERE = import.meta.url;
/** Where a bundler has made one file of many, only its own expression leads to the worker. */
const BUNDLED = !/^http.*\/bridge\.js(\?|$)/.test(HERE);

/** @param {Files} files @param {string | null} worker */
function openWorker({ modules, remedy }, worker) {
  try {
    if (worker) return new Worker(worker, { type: 'module' });
    if (isForeign(modules) && (modules || !BUNDLED)) return openForeign(new URL('worker.js', modules ?? HERE));
    if (modules) return new Worker(new URL('worker.js', modules), { type: 'module' });
    // Bundlers look for this very expression.
    return new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  } catch (error) {
    throw new UnnoiseError('browser', `A worker could not be started, and the network runs in one: ${whyNot(error, modules, remedy)}. (${clause(error.message)})`);
  }
}

/** Browsers start workers from a page's own origin alone, of which a blob is; the module that it imports may come from another. */
function openForeign(url) {
  const shim = URL.createObjectURL(new Blob([`import ${JSON.stringify(url.href)};`], { type: 'text/javascript' }));
  try {
    return new Worker(shim, { type: 'module' });
  } finally {
    // The browser has asked for it by then.
    setTimeout(() => URL.revokeObjectURL(shim), SHIM_MS);
  }
}

const SHIM_MS = 60_000;

const FOREIGN = "the library lies on another origin than the page, so that origin must share it (Access-Control-Allow-Origin), and the page's content policy must allow it (script-src and worker-src, and worker-src blob:); or copy it to the page's own origin";

/** Whether the library lies on another origin than the page. */
function isForeign(modules) {
  const { protocol, origin } = new URL(modules ?? HERE);
  return protocol.startsWith('http') && origin !== globalThis.location?.origin;
}

function whyNot(error, modules, remedy) {
  if (!modules && /^(blob|data):/.test(HERE)) return `this module came as a text, so nothing lies beside it; ${remedy}, or hand over its files by \`base\``;
  if (/trusted/i.test(error.message)) return 'the content policy of this page asks for trusted types, which a worker is not started with; leave its script out of `require-trusted-types-for`';
  if (isForeign(modules)) return FOREIGN;
  if (error.name === 'SecurityError') return "the content policy of this page must allow it (worker-src 'self')";
  return 'this browser gives no better reason';
}
