// The converged path: steps so short that shorter ones would change nothing, walked in the background.

/** DPM-Solver++(2M) with as many; with twice as many, or with another solver, it ends 1e-5 away (root mean square). */
const STEPS = 500;
/** How often the background looks whether the visitor still waits. */
const WAIT_MS = 20;
/** Its progress is told every so many steps. */
const EVERY = 10;

/** Events: `progress` whenever it has come further, or begun anew; `error` with the error as `detail`. */
export class Converged extends EventTarget {
  #unnoise;
  #busy;
  /** What is asked for, as text, and the walk there: `{ stop, run }`. */
  #asked = null;
  #settings = null;
  #walk = null;
  #awake = false;

  /** `busy` says whether the visitor waits for steps of their own: they go first. */
  constructor(unnoise, { busy }) {
    super();
    this.#unnoise = unnoise;
    this.#busy = busy;
    unnoise.addEventListener('weights', () => (this.#asked = null));
  }

  /** The frames of the path, or null as long as it has not been walked to its end. */
  get path() {
    const run = this.#walk?.run;
    return run?.done ? run.frames : null;
  }

  /** The converged picture, or null. */
  get picture() {
    return this.path?.at(-1).x ?? null;
  }

  get step() {
    return this.#walk?.run?.index ?? 0;
  }

  get steps() {
    return STEPS;
  }

  /** Asks for the path of a digit, seed and guidance; the one before is given up. */
  open(settings) {
    const asked = JSON.stringify(settings);
    if (asked === this.#asked) return;
    this.#drop();
    this.#asked = asked;
    this.#settings = settings;
    this.#tell('progress');
    this.#go();
  }

  /** Goes on, where it had stopped. */
  wake() {
    this.#awake = true;
    this.#go();
  }

  /** Stops after the step under way, and keeps what there is. */
  rest() {
    this.#awake = false;
  }

  /** What failed, once more. */
  again = () => this.#go();

  #drop() {
    this.#walk?.stop.abort();
    this.#walk?.run?.free();
    this.#walk = null;
  }

  async #go() {
    if (!this.#awake || !this.#settings || this.#walk?.going) return;
    const walk = (this.#walk ??= { stop: new AbortController(), run: null, going: false });
    const { signal } = walk.stop;
    walk.going = true;
    try {
      walk.run ??= await this.#unnoise.start({ model: 'digits', ...this.#settings, sampler: 'dpmpp-2m', schedule: 'karras', steps: STEPS }, { signal });
      // One step at a time waits in the engine's queue, so that the visitor's never stand behind more than that.
      while (!walk.run.done && this.#awake && !signal.aborted) {
        if (this.#busy()) await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
        else {
          await walk.run.step({ signal });
          if (walk.run.done || walk.run.index % EVERY === 0) this.#tell('progress');
        }
      }
    } catch (error) {
      if (!signal.aborted) this.#tell('error', error);
    } finally {
      walk.going = false;
    }
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
