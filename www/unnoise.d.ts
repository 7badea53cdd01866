/** Types of unnoise.js: digits and pictures out of pure noise, one step at a time, in the visitor's own browser. */

export type Backend = 'cpu' | 'webgpu';
export type BackendChoice = 'auto' | Backend;
export type Sampler = 'ddpm' | 'ddim' | 'euler' | 'heun' | 'dpmpp-2m';
export type Schedule = 'karras' | 'linear' | 'cosine';
/**
 * - `digits`: the U-Net, told how much noise there is; `digits-blind`: one that is not told; `digits-estimated`: the first one, told the predicted amount.
 * - `scorer`: the gradient of log f, annealed; `scorer-plain`: the same with f always told the same amount of noise.
 * - `noise-level`: the gradient of the predicted amount of noise.
 * - `text`: coloured pictures of digits, by a U-Net that works on latents and reads a prompt.
 */
export type Model = 'digits' | 'digits-blind' | 'digits-estimated' | 'scorer' | 'scorer-plain' | 'noise-level' | 'text';
/** A model that works on the pixels of a digit, rather than on latents. */
export type PixelModel = Exclude<Model, 'text'>;
/** A network that weights/manifest.json has weights for. */
export type Network = 'unet' | 'unet-blind' | 'noise-level' | 'scorer' | 'vae' | 'clip' | 'text';

export type Colour = 'red' | 'orange' | 'yellow' | 'green' | 'cyan' | 'blue' | 'purple' | 'pink' | 'white' | 'black';

/** What can be said of a coloured picture. */
export interface Attributes {
  ink: Colour;
  paper: Colour;
  thickness: 'thin' | 'medium' | 'bold';
  slant: 'left' | 'upright' | 'right';
  size: 'small' | 'medium' | 'large';
}

export interface Scene extends Attributes {
  digit: number;
}

/** The words for each attribute. */
export const SCENE: Readonly<{ [Name in keyof Attributes]: readonly Attributes[Name][] }>;

/** The longest text that is taken, in characters as JavaScript counts them. */
export const MAX_TEXT: number;

export interface Settings {
  /** The model that generates. */
  model?: Model;
  /** The digit asked for; null for any. */
  digit?: number | null;
  /** What the picture should show, for the model `text` alone; null for anything. At most `MAX_TEXT` characters. */
  prompt?: string | null;
  /** Where the noise comes from: a whole number from 0. The same seed gives the same digit on every machine. */
  seed?: number;
  /** Steps from noise to picture, from 1. By default, as with `sampler` and `guidance`, what suits the model. */
  steps?: number;
  sampler?: Sampler;
  /** How the noise levels are spaced; by default as suits the model, or else as the sampler is customarily used. */
  schedule?: Schedule;
  /** uncond + guidance · (cond - uncond): 1 is off; anything else doubles the network calls. */
  guidance?: number;
  /** DDIM only: 0 adds no noise on the way, 1 as much as DDPM. */
  eta?: number;
  /** A picture of 28 × 28 numbers to start from (not for the model `text`), with noise of amount `sigma` added, rather than from pure noise. */
  x?: ArrayLike<number>;
  sigma?: number;
}

/** Settings in full. */
export type FullSettings = Required<Omit<Settings, 'schedule' | 'x' | 'sigma'>> & Pick<Settings, 'schedule' | 'sigma'> & { x?: Float32Array };

export interface Question {
  /** The picture, 28 × 28 numbers: a clean one lies in [-1, 1]. */
  x: ArrayLike<number>;
  /** How much noise is in it; 0 where nothing is said. */
  sigma?: number;
  /** The digit in question; null for any. */
  digit?: number | null;
  signal?: AbortSignal;
}

export interface Score {
  /** Of the ten digits, and last of no digit; their sum is 1. */
  readonly probabilities: Float64Array;
  /** log f up to a constant: differences mean something. f is the probability of the digit in question. */
  readonly logF: number;
  /** d log f / d x, for every pixel. */
  readonly gradient: Float32Array;
}

export interface NoiseLevel {
  /** The predicted amount of noise. */
  readonly sigma: number;
  /** d sigma / d x, for every pixel. */
  readonly gradient: Float32Array;
}

export interface Latent {
  /** 8 × 8 × 4 numbers, each about N(0, 1). */
  readonly latent: Float32Array;
  /** The standard deviation of each: how far it may stray without harm. */
  readonly deviation: Float32Array;
}

export interface TextEmbedding {
  /** 64 numbers of length 1: the dot product with a picture's embedding is the cosine. */
  readonly embedding: Float32Array;
  /** The words that are not known, in lower case, each once. They are left out. */
  readonly unknown: string[];
  /** How many known words came too late in the text, and are left out too. */
  readonly cut: number;
  /** softmax(scale · cosine) over pictures or texts is what the training compared. */
  readonly scale: number;
}

/** A training schedule over t = 1 to 1000; index t - 1. */
export interface ScheduleTable {
  readonly beta: Float64Array;
  readonly alphaBar: Float64Array;
  /** √((1 - ᾱ) / ᾱ): the amount of noise in x0 + sigma · noise. */
  readonly sigma: Float64Array;
}

export interface Frame {
  /** 0 is pure noise, or the noised picture that was started from; the last one is `steps`. */
  readonly step: number;
  readonly steps: number;
  /** The amount of noise that is left in `x`. */
  readonly sigma: number;
  /** Network calls so far; guidance doubles them. */
  readonly nfe: number;
  /** Milliseconds that this step took. */
  readonly ms: number;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** The noisy picture, height × width × channels: a clean picture lies in [-1, 1], noise reaches as far as sigma. */
  readonly x: Float32Array;
  /** The network's estimate of the clean picture, made in this step; null in frame 0. */
  readonly denoised: Float32Array | null;
  /** Of the model `text`, whose `x` and `denoised` are latents: `denoised` decoded, height × width × red, green and blue in [-1, 1]. Null in frame 0, and for the other models. */
  readonly picture: { readonly width: number; readonly height: number; readonly channels: number; readonly x: Float32Array } | null;
}

export interface Progress {
  stage: 'engine' | 'weights';
  file: string;
  /** Bytes so far. */
  loaded: number;
  /** Bytes in all; null where the server does not say. */
  total: number | null;
}

export interface Measured {
  state: 'waiting' | 'measuring' | 'done';
  /** Median milliseconds for one network call. */
  cpu: number | null;
  webgpu: number | null;
  /** The largest difference between CPU and WebGPU after one step, in units of a picture that spans [-1, 1]. */
  difference: number | null;
  /** All of it in a sentence. */
  reason: string;
}

export interface Info {
  version: string;
  backend: Backend;
  samplers: Sampler[];
  /** The models that `start` and `denoise` know: the networks that each needs, and how it is customarily sampled. */
  generators: { name: Model; weights: Network[]; defaults: Partial<Pick<Settings, 'steps' | 'sampler' | 'schedule' | 'guidance' | 'eta'>>; toldSigma?: number | null }[];
  /** The networks of weights/manifest.json. */
  models?: Record<string, { file: string; bytes: number; sha256: string; parameters?: number; mflop_per_call?: number; [key: string]: unknown }>;
}

export interface LoadOptions {
  /** 'auto' starts on the CPU, and moves to WebGPU after the first digit if that is measured to be faster here. */
  backend?: BackendChoice;
  onProgress?: (progress: Progress) => void;
  /** The folder with worker.js, wasm/ and weights/; by default the one that the module lies in. */
  base?: string | URL;
}

export interface Abortable {
  signal?: AbortSignal;
}

/** Every error of the library has a sentence for the visitor as its message. */
export class UnnoiseError extends Error {
  readonly code: 'settings' | 'weights' | 'webgpu' | 'engine' | 'browser';
}

/** One generation: a list of frames that grows by a step at a time, and a place in it. */
export class Run {
  private constructor();
  readonly settings: Readonly<FullSettings>;
  /** Every frame so far, frame 0 first. */
  readonly frames: readonly Frame[];
  /** The current frame. */
  readonly frame: Frame;
  /** The current frame's number. */
  readonly index: number;
  /** Whether the current frame is the last one. */
  readonly done: boolean;
  /** The backend that computes the next frame. */
  readonly backend: Backend;
  /** One step on; null after the last one. A frame that is kept costs no network call. */
  step(options?: Abortable): Promise<Frame | null>;
  /** One frame back; null at the first one. */
  back(): Frame | null;
  /** To a frame that is kept. Throws a RangeError for one that has not been computed. */
  seek(index: number): Frame;
  /** Lets the engine forget this run; the frames stay. */
  free(): void;
}

export interface UnnoiseEventMap {
  /** Another backend has taken over. */
  backend: CustomEvent<{ backend: Backend; reason: string }>;
  /** The trial of WebGPU has moved on: see `measured`. */
  measured: CustomEvent<{ backend: Backend; reason: string }>;
  /** Something is being fetched. */
  progress: CustomEvent<Progress>;
}

export class Unnoise extends EventTarget {
  private constructor();
  static load(options?: LoadOptions): Promise<Unnoise>;
  /** The backend that the next run starts on. */
  readonly backend: Backend;
  /** What was asked for. */
  readonly choice: BackendChoice;
  readonly info: Info;
  readonly measured: Measured;
  /** Chooses the backend for the runs to come. Rejects, and changes nothing, if it cannot be had. */
  use(backend: BackendChoice): Promise<void>;
  /** Loads the weights that a model or a network needs, unless they are there: all else does so by itself. */
  ready(name: Model | Network, options?: Abortable): Promise<void>;
  /** Starts a run; its first frame is pure noise, or the noised `x`. */
  start(settings?: Settings & Abortable, options?: Abortable): Promise<Run>;
  /** All frames of a run: frame 0, then one for each step. */
  generate(settings?: Settings & Abortable, options?: Abortable): AsyncGenerator<Frame, void, void>;
  /** What the scorer says of a picture, and the gradient of log f. */
  score(question: Question): Promise<Score>;
  /** How much noise the network sees in a picture, and the gradient of that. */
  noiseLevel(question: Pick<Question, 'x' | 'signal'>): Promise<NoiseLevel>;
  /** One network call of a model: its estimate of the clean picture. */
  denoise(question: Question & { model?: PixelModel }): Promise<{ readonly denoised: Float32Array }>;
  /** The noise of a seed: 28 × 28 numbers from N(0, 1). */
  noise(options?: Abortable & { seed?: number; stream?: number }): Promise<Float32Array>;
  /** A random scene of a digit, and a sentence that describes it. */
  scene(options: Abortable & { digit: number; seed?: number }): Promise<{ readonly scene: Scene; readonly caption: string }>;
  /** The strokes of a digit, 28 × 28 numbers, painted anew in colours: 64 × 64 × 3 numbers. Rejects where there are none. The seed gives the place and the small differences. */
  paint(question: Abortable & { x: ArrayLike<number>; scene: Attributes & { digit?: number | null }; seed?: number }): Promise<{ readonly picture: Float32Array }>;
  /** What a coloured picture shows, told without any network; null where nothing is drawn. */
  measure(question: Abortable & { picture: ArrayLike<number> }): Promise<Attributes | null>;
  /** The latent of a coloured picture. */
  encode(question: Abortable & { picture: ArrayLike<number> }): Promise<Latent>;
  /** The coloured picture of a latent, 64 × 64 × 3 numbers. */
  decode(question: Abortable & { latent: ArrayLike<number> }): Promise<{ readonly picture: Float32Array }>;
  /** CLIP's embedding of a coloured picture: 64 numbers of length 1. */
  embedPicture(question: Abortable & { picture: ArrayLike<number> }): Promise<{ readonly embedding: Float32Array }>;
  /** CLIP's embedding of a text of at most `MAX_TEXT` characters. */
  embedText(question: Abortable & { text: string }): Promise<TextEmbedding>;
  scheduleTable(name: 'linear' | 'cosine', options?: Abortable): Promise<ScheduleTable>;
  /** Destroys the graphics device, to see that the CPU takes over: for tests and the curious. */
  loseDevice(): Promise<void>;
  addEventListener<K extends keyof UnnoiseEventMap>(type: K, listener: (event: UnnoiseEventMap[K]) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
}

/** What a run is started with where the caller says nothing. */
export const DEFAULTS: Readonly<Required<Omit<Settings, 'schedule' | 'x' | 'sigma'>>>;
