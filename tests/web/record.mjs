// Records the opening run anew, when the network has changed: node record.mjs --site DIR --weights DIR. What it writes is
// played while the weights are on their way (www/page/recording.js), on sites with the very weights whose checksum it
// writes beside it.

import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { launch } from './browsers.mjs';
import { serve } from './server.mjs';
import { Visit } from './visit.mjs';

const FILE = new URL('../../www/chapters/generate/recording.webp', import.meta.url);
const OF = new URL('recording.of', FILE);
/** Noise cannot be packed without loss; this much loss cannot be seen in pictures that are shown an eighth of a second. */
const QUALITY = 0.8;

const { values: options } = parseArgs({ options: { site: { type: 'string' }, weights: { type: 'string' } } });
for (const name of ['site', 'weights']) {
  if (!options[name]) throw new Error(`--${name} is missing: \`./build.sh site\` leaves the site in dist, \`unnoise export\` the weights in weights`);
}

const browser = await launch.chromium();
const server = await serve(options.site);
const visit = await Visit.open(browser, server);
await visit.state('done');
const base64 = await visit.page.evaluate(async (quality) => {
  const cells = [...document.querySelectorAll('#film canvas')];
  const [{ width, height }] = cells;
  // Between the two pictures of a cell lies a gap.
  const film = new OffscreenCanvas(width * cells.length, 2 * width);
  const context = film.getContext('2d');
  context.fillRect(0, 0, film.width, film.height);
  for (const [step, cell] of cells.entries()) {
    for (const [row, top] of [0, height - width].entries()) {
      context.drawImage(cell, 0, top, width, width, step * width, row * width, width, width);
    }
  }
  const bytes = new Uint8Array(await (await film.convertToBlob({ type: 'image/webp', quality })).arrayBuffer());
  return btoa(String.fromCharCode(...bytes));
}, QUALITY);
const bytes = Buffer.from(base64, 'base64');
await writeFile(FILE, bytes);
await writeFile(OF, `${createHash('sha256').update(await readFile(path.join(options.weights, 'unet.safetensors'))).digest('hex').slice(0, 16)}\n`);
console.log(`recording.webp: ${bytes.length} bytes`);
await browser.close();
server.close();
