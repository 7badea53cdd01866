// Plays a run: a goal, and one loop that walks towards it. Knows nothing of the page.

/**
 * Events: `run` a new run has begun; `frame` another frame is current; `state` playing or pausing;
 * `error` with the error as `detail`.
 */
export class Player extends EventTarget {
  #unnoise;
  #run = null;
  #goal = 0;
  #playing = false;
  #walking = false;
  /** When the next step is due while playing. */
  #due = 0;
  #wake = () => {};
  #opening = new AbortController();
  /** Milliseconds between two steps while playing. */
  interval = 125;

  constructor(unnoise) {
    super();
    this.#unnoise = unnoise;
  }

  get run() {
    return this.#run;
  }

  get playing() {
    return this.#playing;
  }

  /** Whether the loop is on its way to a step that was asked for. */
  get seeking() {
    return !this.#playing && this.#run !== null && this.#run.index < this.#goal;
  }

  /** 'playing', 'seeking', 'done' or 'paused'. */
  get state() {
    return this.#playing ? 'playing' : this.seeking ? 'seeking' : this.#run?.done ? 'done' : 'paused';
  }

  /** Starts a run in the place of the one at hand: plays it, or walks to step `goal` as fast as it can. */
  async open(settings, { play = false, goal = 0 } = {}) {
    this.#opening.abort();
    const opening = (this.#opening = new AbortController());
    try {
      const run = await this.#unnoise.start(settings, { signal: opening.signal });
      this.#run?.free();
      this.#run = run;
      this.#goal = play ? Infinity : Math.min(goal, run.frame.steps);
      this.#playing = play;
      this.#due = performance.now() + this.interval;
      this.#emit('run');
      this.#emit('frame');
      this.#emit('state');
      this.#wake();
      this.#walk();
    } catch (error) {
      if (!opening.signal.aborted) this.#fail(error);
    }
  }

  /** From the start if the run is at its end. */
  play() {
    if (!this.#run) return;
    if (this.#run.done) this.#show(0);
    this.#playing = true;
    this.#goal = Infinity;
    // Pure noise is shown for as long as any step; from elsewhere the next one comes at once.
    this.#due = performance.now() + (this.#run.index === 0 ? this.interval : 0);
    this.#emit('state');
    this.#walk();
  }

  pause() {
    if (!this.#run) return;
    this.#playing = false;
    this.#goal = this.#run.index;
    this.#emit('state');
    this.#wake();
  }

  toggle() {
    if (this.#playing) this.pause();
    else this.play();
  }

  forward() {
    if (this.#run) this.seek(this.#aim + 1);
  }

  back() {
    if (this.#run) this.seek(this.#aim - 1);
  }

  /** To a step: at once if its frame is kept, else as fast as the network allows. */
  seek(step) {
    const run = this.#run;
    if (!run) return;
    const goal = Math.max(0, Math.min(step, run.frame.steps));
    this.#playing = false;
    this.#goal = goal;
    this.#show(Math.min(goal, run.frames.length - 1));
    this.#emit('state');
    this.#wake();
    this.#walk();
  }

  restart() {
    if (!this.#run) return;
    this.#show(0);
    this.play();
  }

  get #aim() {
    return this.seeking ? this.#goal : this.#run.index;
  }

  #show(step) {
    if (step === this.#run.index) return;
    this.#run.seek(step);
    this.#emit('frame');
  }

  async #walk() {
    if (this.#walking) return;
    this.#walking = true;
    try {
      while (this.#run && !this.#run.done && this.#run.index < this.#goal) {
        const run = this.#run;
        if (this.#playing) {
          await this.#sleep(this.#due - performance.now());
          if (run !== this.#run || !this.#playing) continue;
          this.#due = Math.max(this.#due, performance.now() - this.interval) + this.interval;
        }
        const frame = await run.step();
        if (run !== this.#run || !frame) continue;
        if (run.index > this.#goal) run.seek(this.#goal);
        this.#emit('frame');
      }
      if (this.#run) this.#goal = this.#run.index;
      this.#playing = false;
      this.#emit('state');
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#walking = false;
    }
  }

  /** A pause that `#wake` ends early. */
  #sleep(ms) {
    if (ms <= 0) return null;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #fail(error) {
    this.#playing = false;
    if (this.#run) this.#goal = this.#run.index;
    this.#emit('state');
    this.#emit('error', error);
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
