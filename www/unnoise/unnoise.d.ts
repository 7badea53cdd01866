/** Types of unnoise.js: digits and pictures out of pure noise, one step at a time, in the visitor's own browser. */

export type Backend = 'cpu' | 'webgpu';
export type BackendChoice = 'auto' | Backend;
export type Sampler =
  | 'ddpm' | 'ddim' | 'euler' | 'euler-ancestral' | 'heun' | 'lms' | 'dpmpp-2m' | 'dpmpp-2m-sde' | 'dpmpp-3m' | 'unipc' | 'flow'
  | 'gradient-descent' | 'momentum' | 'adam';
/** A setting that some samplers have. */
export type SamplerParameter = 'eta' | 'rate' | 'momentum';
/** `fitted`: as measured to suit the model's network in few steps, where that has been done; `info.models` says so. */
export type Schedule = 'karras' | 'linear' | 'cosine' | 'exponential' | 'flow' | 'fitted';
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

export interface Settings {
  /** The model that generates. */
  model?: Model;
  /** The digit asked for, or the number of another class where the weights have learned others: one of the model's `classes` in `info.generators`; null for any. */
  digit?: number | null;
  /** What the picture should show, for the model `text` alone; null for anything. At most `info.limits.text` characters. */
  prompt?: string | null;
  /** What the picture should not show: a digit, or words for the model `text`. Guidance, which must be above 1, leads away from it: negative + guidance · (cond - negative). */
  negative?: number | string | null;
  /** Where the noise comes from: a whole number from 0. The same seed gives the same digit on every machine. */
  seed?: number;
  /** Steps from noise to picture, from 1. By default, as with `sampler` and `guidance`, what suits the model. */
  steps?: number;
  sampler?: Sampler;
  /** How the noise levels are spaced; by default as suits the model, or else as the sampler is customarily used. `fitted` is for models that have it, for the numbers of steps that its tables span, and leads from pure noise, not from `x`. */
  schedule?: Schedule;
  /** uncond + guidance · (cond - uncond): 1 is off; anything else doubles the network calls. */
  guidance?: number;
  /** The noise levels at which it guides, where low < sigma ≤ high; everywhere by default. At the others a step costs no second call. */
  guidanceInterval?: Range;
  /** DDIM only: 0 adds no noise on the way, 1 as much as DDPM. As all settings that mean nothing to the sampler, the schedule or the model: refused by the others. */
  eta?: number;
  /** The c in "subtract c times the noise": gradient-descent, momentum and adam only. */
  rate?: number;
  /** The share of the way of the step before that is gone once more: momentum and adam only. */
  momentum?: number;
  /** The schedule `flow` only: above 1 more steps lie where there is much noise. */
  shift?: number;
  /** Several pictures in one run, each with what it has otherwise of digit, prompt, negative and seed; the network is asked for all at once. At most `info.limits.pictures`. */
  pictures?: Partial<Asked>[];
  /** After which steps `frame.picture` is made, which costs as much as a network call; `u.decode` makes one of any `frame.denoised` later. */
  decode?: Decode;
  /** A picture of 28 × 28 numbers to start from, with noise of amount `sigma` added, rather than from pure noise; for the model `text` a latent, as `encode` makes one of a picture. */
  x?: ArrayLike<number>;
  sigma?: number;
}

/** What a run is asked for, of each picture. */
export type Asked = Required<Pick<Settings, 'digit' | 'prompt' | 'negative' | 'seed'>>;

/** What is not set unless it is asked for. */
type Optional = 'schedule' | 'guidanceInterval' | SamplerParameter | 'shift';

/** Settings in full. */
export type FullSettings = Required<Omit<Settings, Optional | 'pictures' | 'x' | 'sigma'>> & Pick<Settings, Optional | 'sigma'> & { pictures?: Asked[]; x?: Float32Array };

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
  /** The words that were read, in order, in lower case. */
  readonly words: string[];
  /** How many known words came too late in the text, and are left out too. */
  readonly cut: number;
  /** The digits that are named. Where none is, the model `text` lets the seed choose one. */
  readonly digits: number[];
  /** What does not do what the writer may think, the gravest first. */
  readonly remarks: Remark[];
  /** softmax(scale · cosine) over pictures or texts is what the training compared. */
  readonly scale: number;
}

/** Something in a text that does not do what its writer may think; `text` is its sentence, without its capital and its stop. */
export type Remark = { readonly text: string } & (
  /** Words that are not known, and the known ones that are nearest, where any are near. */
  | { readonly kind: 'unknown'; readonly words: { readonly word: string; readonly nearest: string[] }[] }
  /** Numbers that are no digit. */
  | { readonly kind: 'number'; readonly words: string[] }
  /** Hardly a word is known. */
  | { readonly kind: 'foreign' }
  /** Words that deny, which no network here has learned: what is named is drawn. */
  | { readonly kind: 'denied'; readonly words: string[] }
  /** Known words came too late. */
  | { readonly kind: 'cut'; readonly count: number }
  /** Ink and paper are to be of the same colour. */
  | { readonly kind: 'invisible'; readonly colour: string });

export interface DigitReading {
  /** The likeliest digit; null where "no digit" is likelier, and where nothing is drawn. */
  readonly digit: number | null;
  /** As in `Score`; null where nothing is drawn. */
  readonly probabilities: Float64Array | null;
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
  /** Network calls so far, of which each is for all pictures; guidance doubles them. */
  readonly nfe: number;
  /** Milliseconds that this step took. */
  readonly ms: number;
  /** The pictures of the run, 1 unless it was given `pictures`: as many stand one after another in `x`, `denoised` and `picture.x`. */
  readonly count: number;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** The noisy picture, height × width × channels: a clean picture lies in [-1, 1], noise reaches as far as sigma. */
  readonly x: Float32Array;
  /** The network's estimate of the clean picture, made in this step; null in frame 0. */
  readonly denoised: Float32Array | null;
  /** Of the model `text`, whose `x` and `denoised` are latents: `denoised` decoded, height × width × red, green and blue in [-1, 1]. Null in frame 0, where the run was not to decode it, and for the other models. */
  readonly picture: { readonly width: number; readonly height: number; readonly channels: number; readonly x: Float32Array } | null;
}

export interface Progress {
  stage: 'engine' | 'weights';
  file: string;
  /** Bytes so far. */
  loaded: number;
  /** Bytes in all, however the file travels. */
  total: number;
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

/** The least and the most that is taken. */
export type Range = readonly [least: number, most: number];

/** Numbers of a picture: height × width × channels. */
export interface Shape {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

export type ErrorCode = 'settings' | 'weights' | 'webgpu' | 'engine' | 'browser';
/** After which steps a picture is made of a latent, for the model `text`. */
export type Decode = 'every' | 'last' | 'never';

/** A paper or a program that describes a sampler. */
export interface Source {
  authors: string;
  year: number;
  title: string;
  url: string;
}

/** What this bundle is, can do and takes: what a page would otherwise have to say a second time. */
export interface Info {
  version: string;
  backend: Backend;
  /** Which of the bundles computes: `relaxed` is the CPU's with relaxed SIMD. */
  bundle: 'cpu' | 'relaxed' | 'gpu';
  /** The graphics adapter, as far as the browser tells; null on the CPU. */
  adapter: string | null;
  /**
   * `parameters`: the settings that mean something to it; `schedule`: the one that it walks unless told otherwise; `calls`: how often a
   * step asks the network, without guidance; `order`: by which power of the length of its steps its error falls, null where fresh noise
   * or a rate of its own leads it elsewhere; `sources`: who described it.
   */
  samplers: { name: Sampler; parameters: SamplerParameter[]; schedule: Schedule; calls: number; order: number | null; sources: Source[] }[];
  /** The value of each parameter where a sampler has it and nothing is said. */
  tuning: Record<SamplerParameter, number>;
  /** What `start` takes as `schedule`. */
  schedules: Schedule[];
  /** What `scheduleTable` knows. */
  trainingSchedules: ('linear' | 'cosine')[];
  /** The t of their tables, from 1. */
  trainingSteps: number;
  /** What `start` takes as `decode`. */
  decodes: Decode[];
  /** What `start` is given where nothing is said, whatever the model; the rest is in `generators`. */
  defaults: Required<Pick<Settings, 'model' | 'digit' | 'prompt' | 'negative' | 'seed' | 'decode'>>;
  /** `text`: characters of a text, as JavaScript counts them; `words`: those that are read of it; `texts`, `pictures`: as many are taken at once; `value`: of a picture or latent that is handed in. */
  limits: { digit: Range; seed: Range; steps: Range; guidance: Range; eta: Range; rate: Range; momentum: Range; shift: Range; sigma: Range; value: Range; text: number; texts: number; pictures: number; words: number };
  /** The amounts of noise that sampling of digits walks through. */
  sigmas: Range;
  digit: Shape;
  /** A coloured picture. */
  picture: Shape;
  latent: Shape;
  /** The words for each attribute of a coloured picture. */
  scene: { [Name in keyof Attributes]: Attributes[Name][] };
  /** Red, green and blue of each colour, 0 to 1. */
  colours: Record<Colour, readonly [number, number, number]>;
  /**
   * The models that `start` and `denoise` know: the networks that each needs, how it is customarily sampled, what it can be
   * asked for and whether it draws digits or coloured pictures. `toldSigma`: the amount of noise that its network is always told.
   */
  generators: {
    name: Model;
    weights: Network[];
    defaults: Required<Pick<Settings, 'steps' | 'sampler' | 'guidance'>> & Pick<Settings, Optional>;
    takesDigit: boolean;
    /** The names of what it can be asked for as `digit`, by number: of the weights at hand. [] where it takes none. */
    classes: string[];
    takesPrompt: boolean;
    draws: 'digit' | 'picture';
    toldSigma?: number;
  }[];
  /** What `train` takes, and what it takes where nothing is said. */
  training: { defaults: FullTrainingSettings; learningRate: Range; batch: Range; samples: Range; drawings: Range };
  /** The networks of weights/manifest.json. `classes`: the names of those that it has learned, where they are not digits. `fit`: the schedule `fitted`, a table for each of some numbers of steps. */
  models: Record<string, { file: string; bytes: number; sha256: string; parameters?: number; mflop_per_call?: number; classes?: string[]; fit?: Fit; [key: string]: unknown }>;
}

/** A schedule that was fitted to a network: to where a sampler, with this guidance, leads in so many steps (`converged`) on the schedule karras. */
export interface Fit {
  sampler: Sampler;
  guidance: number;
  converged: number;
  /** The seed of the first picture, and how many it was fitted to. */
  seed: number;
  count: number;
  /** By number of steps: the noise levels without the 0 at the end, and how far the pictures are from the converged ones. */
  tables: Record<string, { sigmas: number[]; karras: Distances; fitted: Distances }>;
}

/** The mean over the pictures of the root mean square over the pixels: of those that were fitted to, and of as many others. */
export interface Distances {
  fittedTo: number;
  heldOut: number;
}

/** How good samples are. Shares are from 0 to 1. */
export interface Judged {
  /** Share of samples in which the digit asked for is the digit seen. */
  readonly accuracy: number;
  /** That of the digit for which it is lowest. */
  readonly worst: number;
  /** Fréchet distance to real digits that no network was trained with. */
  readonly frechet: number;
  /** In units of the distance of as many real digits, which falls with their number: a mean over five ways to halve those, the lowest and the highest. */
  readonly times: number;
  readonly timesRange: Range;
  /** Share of samples that look like real digits, and of real digits that look like samples (Kynkäänniemi et al. 2019). */
  readonly precision: number;
  readonly recall: number;
  /** The same in another way (Naeem et al. 2020): real digits near a sample, 1 where they are drawn alike, and the share of real digits with a sample nearby. */
  readonly density: number;
  readonly coverage: number;
}

export interface Figures {
  /** By two networks that read digits, of different kinds. */
  readonly lenet: Judged;
  readonly resnet: Judged;
  /** From a sample to the nearest training digit, over 28 × 28 pixels from 0 to 1: copies would be nearer than real digits are. One in a hundred is nearer than `percentile`. */
  readonly nearest: { readonly median: number; readonly percentile: number };
  /** The variance of a pixel among samples of one digit, in units of that among real ones. */
  readonly variance: number | null;
}

/** A way to sample. */
export type Way = Readonly<Required<Pick<Settings, 'sampler' | 'schedule' | 'steps' | 'guidance'>>>;

/** Quality by sampler, network calls and guidance. */
export interface QualityGrid {
  readonly model: Model;
  /** Of the weights that were measured, by network: the `sha256` that `info.models` has too. */
  readonly weights: Readonly<Record<string, string>>;
  /** Samples of a cell, as many of each digit. Their seeds are the same in every cell. */
  readonly count: number;
  readonly seed: number;
  /** What suits the model. The cells with its sampler, schedule and steps differ in nothing but guidance. */
  readonly recommended: Way;
  /** What real digits reach in the place of samples. */
  readonly real: Figures;
  /** `calls`: network calls of a sample, guidance included. */
  readonly cells: readonly (Way & { readonly calls: number } & Figures)[];
}

/** What was measured of a model, as weights/manifest.json has it. */
export interface Quality {
  /** Null where it was not measured. */
  readonly grid: QualityGrid | null;
  readonly [key: string]: unknown;
}

/** How a network is trained, from `Unnoise.train`. */
export interface TrainingSettings {
  /** Decides the first weights and every draw. The same seed and settings give the same losses on every machine, to a thousandth at first. */
  seed?: number;
  learningRate?: number;
  /** Pictures a step. */
  batch?: number;
  /** Whether the network is told how much noise there is. */
  tellSigma?: boolean;
  /** Pictures to learn from, each 28 × 28 numbers in [-1, 1], in the place of the digits that the library ships. They are turned, resized and moved a little each time. */
  drawings?: ArrayLike<number>[];
}

export type FullTrainingSettings = Required<Omit<TrainingSettings, 'drawings'>>;

/** What a step of training has seen and done. The pictures lie one after another, 28 × 28 numbers each. */
export interface TrainingStep {
  /** Steps made, this one included. */
  readonly step: number;
  /** The mean squared error of `denoised`, before the weights were changed. */
  readonly loss: number;
  readonly ms: number;
  /** The digit that the network was told to expect in each picture; null for any. */
  readonly digits: (number | null)[];
  /** The amount of noise in each. */
  readonly sigmas: number[];
  /** The clean pictures. */
  readonly x0: Float32Array;
  /** The noise that was drawn, from N(0, 1). */
  readonly noise: Float32Array;
  /** x0 + sigma · noise: what the network sees. */
  readonly x: Float32Array;
  /** Its answer, the estimate of x0. (x - denoised) / sigma is its estimate of the noise. */
  readonly denoised: Float32Array;
}

/** A small network in training, in a worker of its own. */
export class Training {
  private constructor();
  readonly settings: Readonly<FullTrainingSettings>;
  /** Steps made. */
  readonly steps: number;
  /** One step. `learningRate` and `batch` hold for the steps to come, too. Where it rejects, the weights stay as they were. */
  step(options?: Abortable & { learningRate?: number; batch?: number }): Promise<TrainingStep>;
  /** Draws a picture of 28 × 28 numbers from each seed, of the digit at its place or, by default, of any. */
  sample(question: Abortable & { seeds: readonly number[]; digits?: readonly (number | null)[] }): Promise<Float32Array[]>;
  /** The network as the bytes of a safetensors file: its weights, and the averaged ones that draw. */
  save(): Promise<Uint8Array>;
  /** Takes the network of such a file in the place of the own one. Rejects where the file is none; nothing is changed then. */
  open(bytes: Uint8Array): Promise<void>;
  /** Ends the training and its worker. */
  close(): void;
}

/** The address of a folder with what `unnoise export` has written, or those files, `manifest.json` among them: with their own names, or by name. */
export type Weights = string | URL | Iterable<File> | Record<string, Blob>;

export interface LoadOptions {
  /** 'auto' starts on the CPU, and moves to WebGPU after the first digit if that is measured to be faster here. */
  backend?: BackendChoice;
  onProgress?: (progress: Progress) => void;
  /**
   * A folder with a copy of unnoise/ as it is in the built site, for where the files do not lie beside this module; or, for where they have
   * no address, as in a notebook, what returns the file of a name: `worker.js`, `wasm/cpu/unnoise.js`, `weights/unet.safetensors`, …
   */
  base?: string | URL | ((name: string) => Blob | Promise<Blob>);
  /** Weights in the place of those that the library ships: see `useWeights`. */
  weights?: Weights;
}

export interface Abortable {
  signal?: AbortSignal;
}

/** Every error of the library has a sentence for the visitor as its message. */
export class UnnoiseError extends Error {
  readonly code: ErrorCode;
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
  /** One step on; null after the last one. A frame that is kept costs no network call. Where it rejects, the run stands where it was. */
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
  /** Other weights are in use: `weights` and `info.models` say which. */
  weights: Event;
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
  /** The networks whose weights are not those that the library ships, and the address of their folder, null where they were files; null where all are as shipped. */
  readonly weights: { readonly from: string | null; readonly networks: readonly Network[] } | null;
  /** Ends the engine and its workers. What is asked of it later is rejected; frames stay. One that nobody can reach is ended by the browser, some day. */
  close(): void;
  /** Chooses the backend for the runs to come. Rejects, and changes nothing, if it cannot be had. */
  use(backend: BackendChoice): Promise<void>;
  /**
   * Takes these weights for all that is computed from now on; a network that they lack stays as the library ships it, and null takes all as shipped.
   * Files are checked as a whole before; of an address the manifest and what draws digits, and each other network when it is first used.
   * Rejects, and changes nothing, if they cannot be used.
   */
  useWeights(weights: Weights | null): Promise<void>;
  /** Loads the weights that a model or a network needs, unless they are there: all else does so by itself. */
  ready(name: Model | Network, options?: Abortable): Promise<void>;
  /** How good a model was measured to be. Its grid is fetched when this is first asked. */
  quality(model?: Model, options?: Abortable): Promise<Quality>;
  /** Starts a run; its first frame is pure noise, or the noised `x`. */
  start(settings?: Settings & Abortable, options?: Abortable): Promise<Run>;
  /** All frames of a run: frame 0, then one for each step. */
  generate(settings?: Settings & Abortable, options?: Abortable): AsyncGenerator<Frame, void, void>;
  /** Begins to train a small network from nothing, on the CPU, from digits that the U-Net has drawn or from `drawings`. */
  train(settings?: TrainingSettings & Abortable, options?: Abortable): Promise<Training>;
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
  /** The digit that f reads in a coloured picture, whatever its colours. */
  readDigit(question: Abortable & { picture: ArrayLike<number> }): Promise<DigitReading>;
  /** CLIP's embedding of a coloured picture: 64 numbers of length 1. */
  embedPicture(question: Abortable & { picture: ArrayLike<number> }): Promise<{ readonly embedding: Float32Array }>;
  /** CLIP's embedding of a text of at most `info.limits.text` characters. */
  embedText(question: Abortable & { text: string }): Promise<TextEmbedding>;
  /** Those of at most `info.limits.texts` texts, by one network call. */
  embedTexts(question: Abortable & { texts: readonly string[] }): Promise<TextEmbedding[]>;
  scheduleTable(name: 'linear' | 'cosine', options?: Abortable): Promise<ScheduleTable>;
  /** Destroys the graphics device, to see that the CPU takes over: for tests and the curious. */
  loseDevice(): Promise<void>;
  addEventListener<K extends keyof UnnoiseEventMap>(type: K, listener: (event: UnnoiseEventMap[K]) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
}
