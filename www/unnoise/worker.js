// Owns one wasm bundle, so that the page never waits for a network call.
//
// request  {id, method, args}          answer  {id, value} or {id, error: {message, fatal, exhausted, code, stale}}
// event    {event: 'progress', stage, file, loaded, total}
//          {event: 'lost', message}    the graphics device is gone
//          {event: 'dead', message, exhausted}   an error that no request waits for
//
// Requests are answered one after another: a network call is the only work here that takes time,
// and two at once would only falsify the `ms` of both.

export {}; // a module

/** So much more memory a call may need, in pages of 64 KiB. */
const ROOM = 64;

/** The bundle's memory. @type {WebAssembly.Memory | undefined} */
let memory;
let Engine;
let Trainer;
let engine;
let trainer;
let device;
const runs = new Map();

const methods = {
  /** Loads a bundle, `{ name, url, bytes }` of its script and of its code, and creates its engine. Returns `Engine.info()`. */
  async open({ script, code, webgpu, fresh }) {
    checkPolicy();
    if (webgpu) {
      if (!navigator.gpu) throw new Error('This browser has WebGPU on its pages, but not in workers.');
      keepDevice();
    }
    const [module, response] = await Promise.all([importModule(script, fresh), fetchCode(code, fresh)]);
    try {
      ({ memory } = await module.default({ module_or_path: response }));
    } catch (error) {
      if (error instanceof RangeError) throw new Error(`There is not enough memory for ${code.name}: close other tabs or programs, then try again. (${error.message})`);
      throw stale(`${code.name} could not be started: it is damaged, or of another version than the rest of the site. (${error.message})`);
    }
    ({ Engine, Trainer } = module);
    engine = await Engine.create();
    return Engine.info();
  },

  /** Hands a model's weights to the engine, which checks them. */
  load({ name, manifest, bytes }) {
    engine.load(name, manifest, bytes);
  },

  /** Starts a run under the number that the caller chose. Returns its first frame: pure noise. */
  start({ run, settings }) {
    const { x, sigma, ...rest } = settings;
    const generation = engine.start(rest, x, sigma);
    runs.set(run, generation);
    return generation.first();
  },

  /** The next frame of a run, or null after its last one. */
  step: ({ run }) => runs.get(run).step(),

  score: ({ x, sigma, digit }) => engine.score(x, sigma, digit),
  noiseLevel: ({ x }) => engine.noiseLevel(x),
  denoise: ({ model, x, sigma, digit }) => engine.denoise(model, x, sigma, digit),
  readDigit: ({ picture }) => engine.readDigit(picture),
  encode: ({ picture }) => engine.encode(picture),
  decode: ({ latent }) => engine.decode(latent),
  embedPicture: ({ picture }) => engine.embedPicture(picture),
  embedTexts: ({ texts }) => engine.embedTexts(texts),
  scene: ({ digit, seed }) => Engine.scene(digit, seed),
  paint: ({ x, scene, seed }) => Engine.paint(x, scene, seed),
  measure: ({ picture }) => Engine.measure(picture),
  noise: ({ seed, stream }) => Engine.noise(seed, stream),
  schedule: ({ name }) => Engine.schedule(name),

  /** Begins to train, in the place of what was trained before. */
  train({ settings, digits, drawings }) {
    const begun = new Trainer(settings, digits, drawings);
    trainer?.free();
    trainer = begun;
  },

  trainStep: ({ learningRate, batch }) => trainer.step(learningRate, batch),
  trainSample: ({ seeds, digits }) => trainer.sample(seeds, digits),
  trainSave: () => ({ file: trainer.save() }),

  /** Goes on with the network of a file. Returns the settings and how far it is. */
  trainOpen({ file }) {
    trainer.open(file);
    return { settings: trainer.settings(), steps: trainer.steps() };
  },

  free({ run }) {
    runs.get(run)?.free();
    runs.delete(run);
  },

  /** Destroys the graphics device, as a driver's reset would: to see what happens then. */
  lose() {
    if (!device) throw new Error('This engine has no graphics device that could be lost.');
    device.destroy();
  },
};

/** Keeps the device that the bundle will ask for, and reports its loss, which the bundle itself cannot survive. */
function keepDevice() {
  const adapter = self.GPUAdapter?.prototype;
  if (!adapter) return;
  const request = adapter.requestDevice;
  adapter.requestDevice = async function (...args) {
    device = await request.apply(this, args);
    device.lost.then(({ message }) => postMessage({ event: 'lost', message }));
    return device;
  };
}

/** WebAssembly is there, but the server may forbid it. */
function checkPolicy() {
  try {
    new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
  } catch (error) {
    const sentence = "The content policy that this site is served with forbids WebAssembly, which the network runs in: its script-src needs 'wasm-unsafe-eval'.";
    throw Object.assign(new Error(`${sentence} (${error.message})`), { code: 'browser' });
  }
}

/** An error that an outdated or broken copy in the browser's cache may be the cause of. */
const stale = (message) => Object.assign(new Error(message), { stale: true });

async function importModule({ name, url }, fresh) {
  try {
    if (fresh) await fetch(url, { cache: 'reload' });
    return await import(/* @vite-ignore */ /* webpackIgnore: true */ url);
  } catch (error) {
    throw stale(`${name} could not be loaded: check the connection, and that the site was copied whole. (${error.message})`);
  }
}

/** The bundle's code as a `Response`, compiled while it arrives. */
async function fetchCode({ name, url, bytes }, fresh) {
  let response;
  try {
    response = await fetch(url, { cache: fresh ? 'reload' : 'default' });
  } catch (error) {
    throw stale(`${name} could not be loaded: check the connection. (${error.message})`);
  }
  if (!response.ok) throw stale(`${name} could not be loaded (HTTP ${response.status}): check that the site was copied whole.`);
  count(response.clone(), name, bytes).catch(() => {});
  return response;
}

/** Says how far it is. The bytes are those of the file, however it travels. */
async function count(response, file, total) {
  let loaded = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    loaded += part.value.length;
    postMessage({ event: 'progress', stage: 'engine', file, loaded, total });
  }
}

/** Whether memory has run out, which a trap does not say of itself. */
function isExhausted() {
  try {
    memory?.grow(ROOM);
    return false;
  } catch {
    return true;
  }
}

async function answer({ id, method, args }) {
  try {
    const value = await methods[method](args);
    const buffers = [value, ...Object.values(value ?? {}), value?.picture?.x].filter(ArrayBuffer.isView).map((array) => array.buffer);
    postMessage({ id, value }, buffers);
  } catch (error) {
    // A trap leaves wasm memory in an unknown state: such an engine must not be asked again.
    const fatal = error instanceof WebAssembly.RuntimeError;
    const exhausted = fatal && isExhausted();
    postMessage({ id, error: { message: error?.message ?? String(error), fatal, exhausted, code: error?.code, stale: error?.stale } });
  }
}

let queue = Promise.resolve();
self.onmessage = ({ data }) => {
  queue = queue.then(() => answer(data));
};

/** An error that no request waits for. */
const die = (event, error) => {
  event.preventDefault();
  const exhausted = error instanceof WebAssembly.RuntimeError && isExhausted();
  postMessage({ event: 'dead', message: error?.message ?? String(error), exhausted });
};
self.onunhandledrejection = (event) => die(event, event.reason);
self.addEventListener('error', (event) => die(event, event.error ?? event.message));
