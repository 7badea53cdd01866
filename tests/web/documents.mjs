// The examples for documents that import the library: a notebook of Observable's, and a page of Quarto's.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { serve } from './server.mjs';
import { difference, quick, shades } from './visit.mjs';

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url));
const MODULES = fileURLToPath(new URL('node_modules', import.meta.url));
const NOTEBOOKS = path.join(MODULES, '@observablehq/notebook-kit/dist/bin/notebooks.js');

/** Visits a page that `make` leaves in the second of two folders, with the library beside it, and holds its last picture to the library's. */
const draws = (file, make, then = () => {}) => async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'unnoise-'));
  try {
    const [source, page] = ['source', 'page'].map((name) => path.join(folder, name));
    await Promise.all([mkdir(source), mkdir(page)]);
    await make(source, page);
    await cp(path.join(t.site, 'unnoise'), path.join(page, 'unnoise'), { recursive: true });
    const server = await serve(page);
    server.policy = null;
    try {
      const visit = await t.visit({ server, file });
      const last = async (digit) => {
        await visit.page.waitForFunction(() => {
          const [, step, steps] = document.body.innerText.match(/Step (\d+) of (\d+), where σ is/) ?? [];
          return steps && step === steps;
        });
        const frames = await (await quick(t)).frames({ digit, seed: 7 });
        await agree(t, visit, frames.at(-1).x);
      };
      await last(3);
      await then(visit, last);
    } finally {
      server.close();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
};

async function agree(t, visit, x) {
  const expected = shades(x).map(Math.round);
  await visit.page.waitForFunction((expected, most) => {
    const canvas = document.querySelector('canvas');
    const seen = canvas?.getContext('2d').getImageData(0, 0, 28, 28).data;
    return seen && expected.every((grey, i) => Math.abs(grey - seen[4 * i]) <= most);
  }, {}, expected, t.greys);
}

export const documents = {
  'a notebook of Observable’s, as its kit builds it, draws, and draws anew when another digit is chosen': draws('observable.html', async (source, page) => {
    const notebook = path.join(source, 'observable.html');
    await cp(path.join(EXAMPLES, 'observable.html'), notebook);
    // It looks for its parts as if it had been installed there.
    await symlink(MODULES, path.join(source, 'node_modules'));
    await promisify(execFile)(process.execPath, [NOTEBOOKS, 'build', '--root', source, '--out', page, notebook]);
    const built = path.join(page, 'observable.html');
    await writeFile(built, (await readFile(built, 'utf8')).replace('</head>', '<link rel="icon" href="data:,"></head>'));
  }, async (visit, last) => {
    await visit.page.$eval('input[title=Digit]', (input) => {
      input.value = '5';
      input.dispatchEvent(new Event('input', { bubbles: true }));
    });
    await last(5);
  }),

  // Quarto cannot be installed here: this is the structure that it makes of such a block, which it leaves as it is.
  'a page as Quarto makes it of a block with the library draws': draws('index.html', async (_, page) => {
    const [, block] = (await readFile(path.join(EXAMPLES, 'quarto.qmd'), 'utf8')).match(/^```\{=html\}\n(.+?)^```$/ms);
    assert.match(block, /unnoise\.js/);
    await writeFile(path.join(page, 'index.html'), `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A digit out of noise</title><link rel="icon" href="data:,"></head>
      <body class="fullcontent quarto-light"><div id="quarto-content" class="page-columns page-rows-contents page-layout-article"><main class="content" id="quarto-document-content">${block}</main></div></body></html>`);
  }),
};
