// Files that the visitor takes along. Each says in itself how its state is opened again: by the link to it.

import { encodePng } from './formats/png.js';

/** What stands in a file beside its pictures. */
export const textsOf = (link) => ({ Software: 'unnoise', Comment: link });

/** Leaves a file with the visitor. */
export function saveFile(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Saves a picture as PNG, every pixel `zoom` pixels large. */
export async function savePng(image, name, link, zoom = 16) {
  saveFile(await encodePng([compose([[image, 0, 0]], zoom * image.width, zoom * image.height, { zoom })], { texts: textsOf(link) }), name);
}

/** Images, `[image, left, top]` each, on one: every pixel `zoom` pixels large, and `paper` where there is none. */
export function compose(images, width, height, { zoom, paper = 0 }) {
  const whole = new ImageData(width, height);
  const to = new Uint32Array(whole.data.buffer);
  to.fill((0xff000000 | (0x010101 * paper)) >>> 0);
  for (const [image, left, top] of images) {
    const from = new Uint32Array(image.data.buffer);
    for (let y = 0; y < zoom * image.height; y++) {
      const row = (top + y) * width + left;
      const source = Math.floor(y / zoom) * image.width;
      for (let x = 0; x < zoom * image.width; x++) to[row + x] = from[source + Math.floor(x / zoom)];
    }
  }
  return whole;
}
