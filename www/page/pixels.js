// Values to pixels. Digits are grey: white ink on black, as in MNIST, in both colour schemes.

/** Grey values of a picture whose clean range is [-1, 1], as RGBA. */
export function toImage(values, width, height, scale = 1) {
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const grey = (values[i] * scale + 1) * 127.5; // clamped by the array
    image.data.set([grey, grey, grey, 255], i * 4);
  }
  return image;
}

/** A coloured picture, height × width × red, green and blue in [-1, 1], as RGBA. */
export function toColourImage(values, width = 64, height = 64) {
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = (values[3 * i + c] + 1) * 127.5;
    image.data[4 * i + 3] = 255;
  }
  return image;
}

/** One of the channels of height × width × channels numbers. */
export function channelOf(values, channel, channels = 4) {
  return Float32Array.from({ length: values.length / channels }, (_, i) => values[i * channels + channel]);
}

/**
 * The noisy picture. Its values have a standard deviation of about √(1 + σ²), so dividing by that keeps
 * noise within black and white while σ is large, and changes nothing at the end.
 */
export function noisyImage({ x, width, height, sigma }) {
  return toImage(x, width, height, 1 / Math.hypot(1, sigma));
}

/** The estimate of the clean picture; black before the network has been asked. */
export function denoisedImage({ denoised, width, height }) {
  return toImage(denoised ?? new Float32Array(width * height).fill(-1), width, height);
}

/** What is taken away and what is added: blue and orange, which every eye tells apart. Black is nothing. */
const LESS = [64, 156, 255];
const MORE = [255, 150, 40];

/** Signed values as RGBA: orange where positive, blue where negative, at full colour from `limit` on. */
export function signedImage(values, { width = 28, height = 28, limit = limitOf(values) } = {}) {
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const part = limit > 0 ? Math.min(1, Math.abs(values[i]) / limit) : 0;
    const [r, g, b] = values[i] < 0 ? LESS : MORE;
    image.data.set([r * part, g * part, b * part, 255], i * 4);
  }
  return image;
}

/** A limit at which a few outliers do not push all other values into the dark. */
export function limitOf(values) {
  const sizes = Float32Array.from(values, Math.abs).sort();
  return sizes[Math.floor(0.995 * (sizes.length - 1))];
}

/** The scale of `signedImage`, in words and colours. `root`: an empty element. */
export class SignedLegend {
  #ends;

  constructor(root, { less = 'darker', more = 'brighter' } = {}) {
    root.classList.add('signed-legend');
    const ramp = document.createElement('canvas');
    const values = Float32Array.from({ length: 65 }, (_, i) => (i - 32) / 32);
    draw(ramp, signedImage(values, { width: 65, height: 1, limit: 1 }));
    ramp.setAttribute('aria-hidden', 'true');
    this.#ends = [less, more].map((word) => {
      const end = document.createElement('span');
      end.textContent = word;
      return end;
    });
    root.append(this.#ends[0], ramp, this.#ends[1]);
  }

  /** `text` of the two ends: with their values, for a hint. */
  set limit(limit) {
    this.#ends[0].title = `−${limit.toPrecision(2)} or less`;
    this.#ends[1].title = `${limit.toPrecision(2)} or more`;
  }
}

export function draw(canvas, image) {
  if (canvas.width !== image.width || canvas.height !== image.height) {
    canvas.width = image.width;
    canvas.height = image.height;
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
}

/** Leaves nothing on a canvas. */
export function wipe(canvas) {
  canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
}
