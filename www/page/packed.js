// A drawing as text, short enough for the address: a character for each pixel, and '.' for repeats.

const LEVELS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const TOP = LEVELS.length - 1;

/** The level of a brightness in [-1, 1]. */
const level = (value) => Math.round(((Math.min(1, Math.max(-1, value)) + 1) / 2) * TOP);

/** The picture with each pixel at the nearest of 64 levels: what its text will give back. */
export function snap(picture) {
  return picture.map((value) => (level(value) / TOP) * 2 - 1);
}

/** A picture's text: each pixel's level; after it, '.' and a number say how many more pixels have the same. */
export function pack(picture) {
  let text = '';
  for (let i = 0; i < picture.length; ) {
    const value = level(picture[i]);
    let more = 0;
    while (more < TOP && i + more + 1 < picture.length && level(picture[i + more + 1]) === value) more++;
    text += LEVELS[value];
    if (more > 1) text += `.${LEVELS[more]}`;
    i += more > 1 ? more + 1 : 1;
  }
  return text;
}

/** The picture of a text, or undefined where the text is none of `length` pixels. */
export function unpack(text, length = 784) {
  const picture = new Float32Array(length);
  let filled = 0;
  for (let i = 0; i < text.length; i++) {
    const value = LEVELS.indexOf(text[i]);
    const more = text[i + 1] === '.' ? LEVELS.indexOf(text[i + 2] ?? '.') : 0;
    if (value < 0 || more < 0 || filled + more + 1 > length) return undefined;
    picture.fill((value / TOP) * 2 - 1, filled, filled + more + 1);
    filled += more + 1;
    if (text[i + 1] === '.') i += 2;
  }
  return filled === length ? picture : undefined;
}
