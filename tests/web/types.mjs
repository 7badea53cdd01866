// The library is what its types say, and they are what a user of it needs: `tsc` reads both. No browser.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const here = path.dirname(fileURLToPath(import.meta.url));
const TSC = path.join(here, 'node_modules/typescript/bin/tsc');
const OPTIONS = ['--noEmit', '--target', 'es2022', '--module', 'es2022', '--moduleResolution', 'bundler', '--lib', 'es2022,dom,dom.iterable,dom.asynciterable', '--strict', '--noImplicitAny', 'false', '--useUnknownInCatchVariables', 'false'];

/** What the compiler complains of. */
async function complaints(...args) {
  try {
    await promisify(execFile)(process.execPath, [TSC, ...OPTIONS, ...args]);
    return '';
  } catch ({ stdout }) {
    return stdout;
  }
}

export const types = {
  async 'the library is what its types say'(t) {
    // In the site they are without their comments, in which the types stand; its map of files is written as it is built.
    const folder = await mkdtemp(path.join(os.tmpdir(), 'unnoise-'));
    const built = path.join(t.site, 'unnoise');
    const map = (await readdir(built, { recursive: true })).find((name) => name.endsWith('map.js'));
    try {
      await cp(path.join(here, '../../www/unnoise'), folder, { recursive: true });
      await cp(path.join(built, map), path.join(folder, 'map.js'));
      // The worker has another global scope.
      const files = (await readdir(folder)).filter((name) => /(\.d\.ts|\.js)$/.test(name) && name !== 'worker.js');
      assert.ok(files.includes('unnoise.js') && files.includes('unnoise.d.ts') && files.length > 10);
      assert.equal(await complaints('--allowJs', '--checkJs', ...files.map((name) => path.join(folder, name))), '');
    } finally {
      await rm(folder, { recursive: true });
    }
  },

  async 'what the README shows can be written in TypeScript'() {
    assert.equal(await complaints(path.join(here, 'usage.ts')), '');
  },
};
