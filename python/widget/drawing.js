// What one model's settings say, drawn whenever they change, and sent to Python.

import { engine } from './engine.js';

/** Numbers from Python, or nothing: the bytes need not lie where an array of them may begin. */
const floats = (view) => view && new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));

const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

/** Draws what one model's settings say, whenever they change. Events: `state`, `frames`. */
export class Drawing extends EventTarget {
  #model;
  #leave;
  #underWay = new AbortController();
  #changed = null;
  #heard;
  /** The frames of the last run that came to its end. */
  frames = null;
  /** What is being waited for, and what was wrong: sentences, or nothing. */
  busy = '';
  error = '';

  constructor(model) {
    super();
    this.#model = model;
    this.#leave = engine.join(model);
    this.#heard = (content) => content?.kind === 'kept' && this.#tell('');
    model.on('msg:custom', this.#heard);
    for (const name of this.#names) model.on(`change:${name}`, this.#change);
    model.on('change:asked', this.#change);
    this.#draw();
  }

  close() {
    this.#underWay.abort();
    clearTimeout(this.#changed);
    this.#leave();
    this.#model.off('msg:custom', this.#heard);
    for (const name of [...this.#names, 'asked']) this.#model.off(`change:${name}`, this.#change);
  }

  get #names() {
    return this.#model.get('names');
  }

  /** Several may change at once. */
  #change = () => {
    clearTimeout(this.#changed);
    this.#changed = setTimeout(() => this.#draw());
  };

  /** Settings as the library takes them: what is not said is as suits the model. */
  #settings() {
    const said = this.#names.map((name) => [camel(name), this.#model.get(name)]).filter(([, value]) => value !== null && value !== undefined);
    const { x, ...rest } = Object.fromEntries(said);
    return x ? { ...rest, x: floats(x) } : rest;
  }

  async #draw() {
    this.#underWay.abort();
    const { signal } = (this.#underWay = new AbortController());
    const asked = this.#model.get('asked');
    const run = crypto.randomUUID?.() ?? String(Math.random());
    try {
      this.#show({ busy: this.frames ? 'Drawing' : 'Loading the network' });
      const unnoise = await engine.open();
      if (signal.aborted) return;
      const drawn = await unnoise.start(this.#settings(), { signal });
      for (let frame = drawn.frame; frame; frame = await drawn.step({ signal })) {
        this.#send(run, frame);
        this.#show({ busy: `Step ${frame.step} of ${frame.steps}` });
      }
      const { x, ...settings } = drawn.settings;
      this.#model.send({ kind: 'end', run, asked, count: drawn.frames.length, settings });
      this.frames = drawn.frames;
      this.#show({});
      this.dispatchEvent(new Event('frames'));
    } catch (error) {
      if (signal.aborted) return;
      const sentence = error?.message ?? String(error);
      this.#show({ error: sentence });
      this.#model.send({ kind: 'refused', asked, sentence });
      this.#tell(sentence);
    }
  }

  #send(run, { step, sigma, nfe, width, height, channels, x, denoised, picture }) {
    const arrays = { x, denoised, picture: picture?.x };
    const parts = Object.keys(arrays).filter((name) => arrays[name]);
    const shapes = { x: [height, width, channels], denoised: [height, width, channels], picture: picture && [picture.height, picture.width, picture.channels] };
    const content = { kind: 'frame', run, step, sigma, nfe, parts: parts.map((name) => ({ name, shape: shapes[name] })) };
    this.#model.send(content, undefined, parts.map((name) => arrays[name].slice().buffer));
  }

  /** What runs cells of marimo again: a trait that is set here. */
  #tell(error) {
    this.#model.set('error', error);
    this.#model.set('runs', this.#model.get('runs') + 1);
    this.#model.save_changes();
  }

  #show({ busy = '', error = '' }) {
    Object.assign(this, { busy, error });
    this.dispatchEvent(new Event('state'));
  }
}
