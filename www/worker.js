// Owns one wasm bundle, so that the page never waits for a network call.
//
// request  {id, method, args}          answer  {id, value} or {id, error: {message, fatal}}
// event    {event: 'progress', stage, file, loaded, total}
//          {event: 'lost', message}    the graphics device is gone
//          {event: 'dead', message}    an error that no request waits for
//
// Requests are answered one after another: a network call is the only work here that takes time,
// and two at once would only falsify the `ms` of both.

let Engine;
let engine;
let device;
const runs = new Map();

const methods = {
  /** Loads the bundle for `backend` and creates its engine. Returns `Engine.info()`. */
  async open({ backend, base }) {
    const folder = `wasm/${backend === 'webgpu' ? 'gpu' : 'cpu'}/`;
    if (backend === 'webgpu') {
      if (!navigator.gpu) throw new Error('This browser has WebGPU on its pages, but not in workers.');
      keepDevice();
    }
    const [module, code] = await Promise.all([
      importModule(`${folder}unnoise.js`, base),
      fetchCode(`${folder}unnoise_bg.wasm`, base, backend === 'webgpu'),
    ]);
    try {
      await module.default({ module_or_path: code });
    } catch (error) {
      throw new Error(`${folder}unnoise_bg.wasm could not be started; it may be damaged, or this browser too old. (${error.message})`);
    }
    ({ Engine } = module);
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
    return plain(generation.first());
  },

  /** The next frame of a run, or null after its last one. */
  async step({ run }) {
    const before = performance.now();
    const frame = await runs.get(run).step();
    return frame ? plain(frame, performance.now() - before) : null;
  },

  async score({ x, sigma, digit }) {
    return own(await engine.score(x, sigma, digit));
  },

  async noiseLevel({ x }) {
    return own(await engine.noiseLevel(x));
  },

  async denoise({ model, x, sigma, digit }) {
    return own(await engine.denoise(model, x, sigma, digit));
  },

  async encode({ picture }) {
    return own(await engine.encode(picture));
  },

  async decode({ latent }) {
    return own(await engine.decode(latent));
  },

  async embedPicture({ picture }) {
    return own(await engine.embedPicture(picture));
  },

  async embedText({ text }) {
    return own(await engine.embedText(text));
  },

  scene({ digit, seed }) {
    return Engine.scene(digit, seed);
  },

  paint({ x, scene, seed }) {
    return own(Engine.paint(x, scene, seed));
  },

  measure({ picture }) {
    return Engine.measure(picture);
  },

  noise({ seed, stream }) {
    return Engine.noise(seed, stream).slice();
  },

  schedule({ name }) {
    return own(Engine.schedule(name));
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

async function importModule(file, base) {
  try {
    return await import(new URL(file, base).href);
  } catch (error) {
    throw new Error(`${file} could not be loaded: check the connection, and that the site was copied whole. (${error.message})`);
  }
}

/** The bundle's code as a `Response`, compiled while it arrives. */
async function fetchCode(file, base, large) {
  let response;
  try {
    response = await fetch(new URL(file, base));
  } catch (error) {
    throw new Error(`${file} could not be loaded: check the connection. (${error.message})`);
  }
  if (!response.ok) throw new Error(`${file} could not be loaded (HTTP ${response.status}): check that the site was copied whole.`);
  // Only the large bundle is counted: the browser can keep the compiled code of a response that it reads alone.
  if (large) count(response.clone(), file).catch(() => {});
  return response;
}

async function count(response, file) {
  // With a content encoding the header counts the bytes on the wire, not those read here.
  const total = response.headers.has('content-encoding') ? null : Number(response.headers.get('content-length')) || null;
  let loaded = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    loaded += part.value.length;
    postMessage({ event: 'progress', stage: 'engine', file, loaded, total });
  }
}

/** What latents are decoded to: red, green and blue. */
const DECODED = { width: 64, height: 64, channels: 3 };

/** A frame as a plain object with arrays of its own: nothing in it points into wasm memory. */
function plain(frame, elapsed = 0) {
  const { step, steps, sigma, nfe, ms = elapsed, width, height, channels, x, denoised, picture } = frame;
  return {
    step, steps, sigma, nfe, ms, width, height, channels,
    x: x.slice(),
    denoised: denoised ? denoised.slice() : null,
    picture: picture ? { ...DECODED, x: picture.slice() } : null,
  };
}

/** An answer with arrays of its own, for the same reason. */
function own(answer) {
  return Object.fromEntries(Object.entries(answer).map(([name, value]) => [name, ArrayBuffer.isView(value) ? value.slice() : value]));
}

async function answer({ id, method, args }) {
  try {
    const value = await methods[method](args);
    const buffers = [value, ...Object.values(value ?? {}), value?.picture?.x].filter(ArrayBuffer.isView).map((array) => array.buffer);
    postMessage({ id, value }, buffers);
  } catch (error) {
    // A trap leaves wasm memory in an unknown state: such an engine must not be asked again.
    const fatal = error instanceof WebAssembly.RuntimeError;
    postMessage({ id, error: { message: error?.message ?? String(error), fatal } });
  }
}

let queue = Promise.resolve();
self.onmessage = ({ data }) => {
  queue = queue.then(() => answer(data));
};
self.onunhandledrejection = ({ reason }) => postMessage({ event: 'dead', message: reason?.message ?? String(reason) });
