// PNG files, still and animated: https://www.w3.org/TR/png-3/

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

/**
 * A PNG of images of one size, or, where there are several, an animated one that begins again for ever.
 * - `delays`: how long each is shown, in milliseconds.
 * - `texts`: what else stands in the file, by its keyword.
 */
export async function encodePng(images, { delays = [], texts = {} } = {}) {
  const [{ width, height }] = images;
  const moves = images.length > 1;
  let sequence = 0;
  const control = (delay) => [u32(sequence++), u32(width), u32(height), u32(0), u32(0), u16(Math.round(delay)), u16(1000), [0, 0]];
  const parts = [chunk('IHDR', u32(width), u32(height), [8, 2, 0, 0, 0])];
  for (const [keyword, text] of Object.entries(texts)) parts.push(chunk('iTXt', utf8(keyword), [0, 0, 0, 0, 0], utf8(text)));
  if (moves) parts.push(chunk('acTL', u32(images.length), u32(0)));
  for (const [i, image] of images.entries()) {
    if (moves) parts.push(chunk('fcTL', ...control(delays[i])));
    const data = await deflate(scanlines(image));
    parts.push(i === 0 ? chunk('IDAT', data) : chunk('fdAT', u32(sequence++), data));
  }
  parts.push(chunk('IEND'));
  return new Blob([new Uint8Array(SIGNATURE), ...parts], { type: 'image/png' });
}

/** Red, green and blue, row by row, none of them predicted from another. */
function scanlines({ data, width, height }) {
  const lines = new Uint8Array(height * (3 * width + 1));
  for (let y = 0, to = 0, from = 0; y < height; y++) {
    to++;
    for (let x = 0; x < width; x++, from += 4) {
      lines[to++] = data[from];
      lines[to++] = data[from + 1];
      lines[to++] = data[from + 2];
    }
  }
  return lines;
}

async function deflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function chunk(type, ...parts) {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(length + 12);
  bytes.set(u32(length));
  let at = 4;
  for (const part of [utf8(type), ...parts]) {
    bytes.set(part, at);
    at += part.length;
  }
  bytes.set(u32(crc(bytes.subarray(4, at))), at);
  return bytes;
}

function crc(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = TABLE[(sum ^ byte) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
}

const u16 = (value) => [value >>> 8, value & 255];
const u32 = (value) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const utf8 = (text) => new TextEncoder().encode(text);
