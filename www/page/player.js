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
  #opening = null;
  /** What was asked of the run at hand while the one in its place was being opened: that one is to do it too. */
  #meanwhile = [];
  #approaching = false;
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

  /** The step that it shows, or is on its way to. */
  get aim() {
    return this.seeking ? this.#goal : (this.#run?.index ?? 0);
  }

  /** Whether it is on its way to where a run before this one stood: nobody wants to see the noise again. */
  get approaching() {
    return this.#approaching && this.seeking;
  }

  /** 'playing', 'seeking', 'done' or 'paused'. */
  get state() {
    return this.#playing ? 'playing' : this.seeking ? 'seeking' : this.#run?.done ? 'done' : 'paused';
  }

  /**
   * Starts a run in the place of the one at hand: plays it, or walks to step `goal` as fast as it can. `approach`: the
   * visitor keeps looking at that step, and only the settings are others.
   */
  async open(settings, { play = false, goal = 0, approach = false } = {}) {
    this.#opening?.abort();
    const opening = (this.#opening = new AbortController());
    if (!approach) this.#meanwhile = [];
    try {
      const run = await this.#unnoise.start(settings, { signal: opening.signal });
      this.#opening = null;
      this.#run?.free();
      this.#run = run;
      this.#goal = play ? Infinity : Math.min(goal, run.frame.steps);
      this.#playing = play;
      this.#approaching = approach;
      this.#due = performance.now() + this.interval;
      this.#emit('run');
      this.#emit('frame');
      this.#emit('state');
      this.#wake();
      this.#walk();
      for (const asked of this.#meanwhile.splice(0)) asked();
    } catch (error) {
      if (opening.signal.aborted) return;
      this.#opening = null;
      this.#meanwhile = [];
      this.#fail(error);
    }
  }

  /** Lets go of its run, and of one that is being opened. */
  close() {
    this.#opening?.abort();
    this.#opening = null;
    this.#meanwhile = [];
    this.#run?.free();
    this.#run = null;
    this.#playing = false;
    this.#wake();
  }

  /** From the start if the run is at its end. */
  play() {
    if (!this.#run) return;
    this.#repeat(() => this.play());
    this.#playFrom(this.#run.done ? 0 : this.#run.index);
  }

  #playFrom(step) {
    this.#playing = true;
    this.#goal = Infinity;
    this.#show(step);
    // Pure noise is shown for as long as any step; from elsewhere the next one comes at once.
    this.#due = performance.now() + (this.#run.index === 0 ? this.interval : 0);
    this.#emit('state');
    this.#walk();
  }

  pause() {
    if (!this.#run) return;
    this.#repeat(() => this.pause());
    const { approaching } = this;
    this.#playing = false;
    this.#goal = this.#run.index;
    if (approaching) this.#emit('frame');
    this.#emit('state');
    this.#wake();
  }

  toggle() {
    if (this.#playing) this.pause();
    else this.play();
  }

  /** Returns whether there was a step to take. */
  forward() {
    if (!this.#run || this.aim >= this.#run.frame.steps) return false;
    this.seek(this.aim + 1);
    return true;
  }

  /** Returns whether there was a step to take back. */
  back() {
    if (!this.#run || this.aim <= 0) return false;
    this.seek(this.aim - 1);
    return true;
  }

  /** To a step: at once if its frame is kept, else as fast as the network allows. */
  seek(step) {
    const run = this.#run;
    if (!run) return;
    this.#repeat(() => this.seek(step));
    const goal = Math.max(0, Math.min(step, run.frame.steps));
    this.#playing = false;
    this.#approaching = false;
    this.#goal = goal;
    this.#show(Math.min(goal, run.frames.length - 1));
    this.#emit('state');
    this.#wake();
    this.#walk();
  }

  restart() {
    if (!this.#run) return;
    this.#repeat(() => this.play());
    this.#playFrom(0);
  }

  #repeat(asked) {
    if (this.#opening) this.#meanwhile.push(asked);
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
