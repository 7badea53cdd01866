// Animated GIF files, by gifenc. Its own quantiser leaves 32 of 256 greys: so greys have a palette of their own here.

const COLOURS = 256;
/** Of a picture with more: so many greys at least, the rest for its colours. */
const GREYS = 128;
/** Browsers slow down what is faster. */
const LEAST_MS = 20;

/**
 * A GIF of images of one size, which begins again for ever.
 * - `delays`: how long each is shown, in milliseconds; a GIF knows hundredths of a second, so what one loses the next one gets.
 * - `comment`: what else stands in the file.
 */
export async function encodeGif(images, { delays, comment }) {
  const { GIFEncoder, quantize } = await import('../../vendor/gifenc.js');
  const gif = GIFEncoder();
  let due = 0;
  let shown = 0;
  for (const [i, image] of images.entries()) {
    due += Math.max(delays[i], LEAST_MS);
    const delay = 10 * Math.round((due - shown) / 10);
    shown += delay;
    const { palette, index } = reduce(image.data, quantize);
    gif.writeFrame(index, image.width, image.height, { palette, delay, repeat: 0 });
  }
  gif.finish();
  const bytes = gif.bytes();
  return new Blob([bytes.subarray(0, -1), commentBlock(comment), bytes.subarray(-1)], { type: 'image/gif' });
}

/** A picture's colours, exact where there is room for all, and each pixel's place among them. */
function reduce(data, quantize) {
  const colours = new Map();
  const keys = new Uint32Array(data.buffer, data.byteOffset, data.length / 4);
  for (const key of keys) colours.set(key, (colours.get(key) ?? 0) + 1);
  const rgb = (key) => [key & 255, (key >>> 8) & 255, (key >>> 16) & 255];
  const isGrey = ([r, g, b]) => r === g && g === b;
  const palette = [];
  const places = new Map();
  const place = (colour) => {
    const name = colour.join();
    if (!places.has(name)) places.set(name, palette.push(colour) - 1);
    return places.get(name);
  };
  const map = new Map();
  if (colours.size <= COLOURS) {
    for (const key of colours.keys()) map.set(key, place(rgb(key)));
  } else {
    const coloured = keys.filter((key) => !isGrey(rgb(key)));
    for (const key of colours.keys()) {
      const [grey] = rgb(key);
      if (isGrey(rgb(key))) map.set(key, place(Array(3).fill(grey & ~1)));
    }
    const rest = quantize(new Uint8Array(coloured.slice().buffer), COLOURS - Math.min(GREYS, palette.length)).map((colour) => place(colour.slice(0, 3)));
    for (const key of new Set(coloured)) map.set(key, nearest(rgb(key), palette, rest));
  }
  return { palette, index: Uint8Array.from(keys, (key) => map.get(key)) };
}

function nearest(colour, palette, places) {
  const distance = (place) => palette[place].reduce((sum, value, i) => sum + (value - colour[i]) ** 2, 0);
  return places.reduce((best, place) => (distance(place) < distance(best) ? place : best));
}

/** A comment extension: blocks of up to 255 bytes. */
function commentBlock(comment) {
  const text = new TextEncoder().encode(comment);
  const bytes = [0x21, 0xfe];
  for (let at = 0; at < text.length; at += 255) {
    const part = text.subarray(at, at + 255);
    bytes.push(part.length, ...part);
  }
  return new Uint8Array([...bytes, 0]);
}
