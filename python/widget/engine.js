// The library's engine, which all models of a page share; its files come from Python, since nothing lies beside a text.

import { Unnoise } from 'unnoise';

/** Two kernels may have other versions of this. */
const SHARED = Symbol.for(`unnoise ${BUILD}`);

class Engine {
  #models = new Set();
  /** Files that have been asked for, by name. */
  #wanted = new Map();
  #opening = null;

  join(model) {
    const take = (content, buffers) => content?.kind === 'file' && this.#take(content, buffers);
    model.on('msg:custom', take);
    this.#models.add(model);
    this.#askAgain();
    return () => {
      model.off('msg:custom', take);
      this.#models.delete(model);
      this.#askAgain();
    };
  }

  /** Opened when first asked for, and again where that failed. */
  open() {
    this.#opening ??= Unnoise.load({ backend: 'cpu', base: (file) => this.#hand(file) }).catch((error) => {
      this.#opening = null;
      throw error;
    });
    return this.#opening;
  }

  #hand(file) {
    return new Promise((resolve, reject) => {
      this.#wanted.set(file, { resolve, reject });
      this.#ask(file);
    });
  }

  /** The newest model's kernel is the likeliest to be alive. */
  #ask(file) {
    [...this.#models].at(-1)?.send({ kind: 'want', file });
  }

  #askAgain() {
    for (const file of this.#wanted.keys()) this.#ask(file);
  }

  #take({ file, error }, [bytes]) {
    const wanted = this.#wanted.get(file);
    this.#wanted.delete(file);
    if (error) wanted?.reject(new Error(error));
    else wanted?.resolve(new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).blob());
  }
}

/** The first of the models of a page loads the engine: a cell that is run again leaves its model behind. */
export const engine = (globalThis[SHARED] ??= new Engine());
