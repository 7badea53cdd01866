// The library as a package in other people's builds: packed, unpacked, built by four bundlers, and drawing in a browser.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { build as esbuild } from 'esbuild';
import { rollup } from 'rollup';
import { build as vite } from 'vite';
import webpack from 'webpack';

import { serve } from './server.mjs';

const run = promisify(execFile);
const PAGE = '<!doctype html><title>A site of somebody else</title><link rel="icon" href="data:,"><script type="module" src="./main.js"></script>';
const MAIN = `import { Unnoise } from 'unnoise';
window.draw = async (options) => {
  const u = await Unnoise.load({ backend: 'cpu', ...options });
  const steps = [];
  for await (const { step, x } of u.generate({ digit: 3, steps: 2 })) if (x.every(Number.isFinite)) steps.push(step);
  return steps;
};
`;

/** Unpacks the package among those of a project, from what would be published. */
async function install(t, root) {
  const modules = path.join(root, 'node_modules/unnoise');
  await mkdir(modules, { recursive: true });
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', root], { cwd: path.join(t.site, 'unnoise') });
  await run('tar', ['-xzf', path.join(root, stdout.trim()), '-C', modules, '--strip-components=1']);
  return modules;
}

/**
 * A project with the package; `build` leaves its site in the folder that it is given. `change`: the package's file as it would be
 * otherwise; `policy`: the content policy that the site is served with.
 */
async function project(t, build, visit, { change = {}, policy = undefined } = {}) {
  const root = await mkdtemp(path.join(os.tmpdir(), 'unnoise-'));
  try {
    const file = path.join(await install(t, root), 'package.json');
    await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), ...change }));
    await writeFile(path.join(root, 'index.html'), PAGE);
    await writeFile(path.join(root, 'main.js'), MAIN);
    const out = path.join(root, 'dist');
    await build(root, out);
    const server = await serve(out);
    if (policy) server.policy = policy;
    try {
      await visit(await t.visit({ server }), out, root);
    } finally {
      server.close();
    }
  } finally {
    await rm(root, { recursive: true });
  }
}

/** A bundler that copies along what the library needs: nothing is to be said to it. */
const copies = (build, change) => (t) => project(t, build, async (visit, out) => {
  assert.deepEqual(await visit.page.evaluate(() => window.draw()), [0, 1, 2]);
  assert.ok((await readdir(out, { recursive: true })).some((file) => file.endsWith('.wasm')), 'nothing was copied along');
}, { change });

/** A bundler that makes one module and copies nothing: a sentence, and with a copy of the package it draws. */
const copiesNothing = (build) => (t) => project(t, async (root, out) => {
  await build(root, path.join(out, 'assets'));
  await writeFile(path.join(out, 'index.html'), PAGE.replace('./main.js', './assets/main.js'));
  await cp(path.join(root, 'node_modules/unnoise'), path.join(out, 'digits/unnoise'), { recursive: true });
}, async (visit) => {
  assert.match(await visit.failure('await draw()'), /copy the site's folder unnoise\/ as it is, and name it with `base`/);
  assert.deepEqual(await visit.page.evaluate(() => window.draw({ base: 'digits/unnoise' })), [0, 1, 2]);
  assert.match(await visit.failure('await draw({ base: "elsewhere/" })'), /folder which `base` names, .*elsewhere\/, is a copy of the site's unnoise\//);
});

/** In a notebook a module comes as a text, and nothing lies beside it. */
const TEXT_POLICY = "default-src 'self'; script-src 'self' blob: 'wasm-unsafe-eval'; connect-src 'self' blob:; worker-src blob:; img-src data:";

const asText = (t) => project(t, async (root, out) => {
  await byEsbuild(root, path.join(out, 'text'));
  await writeFile(path.join(out, 'index.html'), PAGE.replace(/<script.*/, ''));
  await cp(path.join(root, 'node_modules/unnoise'), path.join(out, 'unnoise'), { recursive: true });
}, async (visit, out) => {
  const map = (await readdir(out, { recursive: true })).find((file) => file.endsWith('map.js'));
  const seen = await visit.page.evaluate(async (map) => {
    const text = await (await fetch('text/main.js')).text();
    await import(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })));
    const { MAP } = await import(new URL(map, document.baseURI).href);
    const asked = [];
    const base = async (name) => {
      asked.push(name);
      return (await fetch(MAP[name]?.url ?? new URL(map.replace('map.js', name), document.baseURI))).blob();
    };
    const refused = (options) => window.draw(options).then(() => 'drawn', ({ message }) => message);
    return {
      drawn: await window.draw({ base }),
      asked,
      none: await refused({ base: () => undefined }),
      failed: await refused({ base: () => Promise.reject(new Error('The kernel is gone.')) }),
      without: await refused({}),
    };
  }, map);
  assert.deepEqual(seen.drawn, [0, 1, 2]);
  assert.deepEqual(seen.asked.filter((name, i, all) => all.indexOf(name) !== i), [], 'a file was asked for twice');
  assert.match(seen.none, /does not hand over .*: it must be a function that returns a Blob/);
  assert.match(seen.failed, /could not be had from `base`: The kernel is gone\.$/);
  assert.match(seen.without, /came as a text, so nothing lies beside it; copy the site's folder/);
  visit.complaints.length = 0; // the browser says it too
}, { policy: TEXT_POLICY });

const byVite = (root, outDir) => vite({ root, base: './', logLevel: 'error', build: { outDir } });

async function byWebpack(root, out) {
  const compiler = webpack({
    mode: 'production',
    context: root,
    entry: './main.js',
    output: { path: out, filename: 'main.js' },
    performance: false,
  });
  const stats = await promisify(compiler.run.bind(compiler))();
  assert.deepEqual([stats.compilation.errors, stats.compilation.warnings].map((all) => all.map(String)), [[], []]);
  await writeFile(path.join(out, 'index.html'), PAGE);
}

const byEsbuild = (root, outdir) => esbuild({ entryPoints: [path.join(root, 'main.js')], bundle: true, format: 'esm', outdir, logLevel: 'error' });

async function byRollup(root, dir) {
  const resolve = { resolveId: (id) => (id === 'unnoise' ? path.join(root, 'node_modules/unnoise/unnoise.js') : null) };
  const bundle = await rollup({ input: path.join(root, 'main.js'), plugins: [resolve] });
  await bundle.write({ dir, format: 'es' });
  await bundle.close();
}

export const bundlers = {
  'the package in Vite: it draws': copies(byVite),
  'the package in Vite, by its main: it draws': copies(byVite, { exports: undefined }),
  'the package in webpack: it draws, and there is no warning': copies(byWebpack),
  'the package in esbuild, which copies nothing: a sentence, and with base it draws': copiesNothing(byEsbuild),
  'the package in Rollup, which copies nothing: a sentence, and with base it draws': copiesNothing(byRollup),
  'the package in a module that came as a text: what base hands over is enough, and a sentence says what is not': asText,
};

export const packed = {
  async 'the package holds what it needs, in the crate’s version, and is imported where there is no browser'(t) {
    const root = await mkdtemp(path.join(os.tmpdir(), 'unnoise-'));
    try {
      const modules = await install(t, root);
      const files = await readdir(modules, { recursive: true });
      for (const part of ['README.md', 'LICENSE-MIT', 'LICENSE-APACHE', 'unnoise.d.ts', 'weights/manifest.']) assert.ok(files.some((file) => file.startsWith(part)), part);
      assert.ok(!files.some((file) => file.endsWith('.br')), 'what only hosts need is in it');
      const [, version] = (await readFile(new URL('../../Cargo.toml', import.meta.url), 'utf8')).match(/^version = "(.+)"$/m);
      assert.equal(JSON.parse(await readFile(path.join(modules, 'package.json'), 'utf8')).version, version);
      const script = "import { Unnoise } from 'unnoise'; console.log(typeof Unnoise.load); Unnoise.load().catch((error) => console.log(error.message));";
      const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: root });
      const [type, sentence] = stdout.trim().split('\n');
      assert.equal(type, 'function');
      assert.match(sentence, /browser/);
    } finally {
      await rm(root, { recursive: true });
    }
  },
};
