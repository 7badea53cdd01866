#!/usr/bin/env bash
# webpack 5.113.0: beside `new URL('./file', …)` import.meta.url leads to the site, but by itself it is the file: address
# that the source had on the machine where it was built, in the bundle as it is published.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-fund --no-audit webpack@5.113.0
mkdir src
echo 'a file that is copied along' >src/note.txt
cat >src/main.mjs <<'JS'
globalThis.seen = { bare: import.meta.url, file: new URL('./note.txt', import.meta.url).href };
JS
cat >build.cjs <<'JS'
const path = require('node:path');
const webpack = require('webpack');
const options = { mode: 'production', context: __dirname, entry: './src/main.mjs', output: { path: path.join(__dirname, 'dist'), publicPath: 'https://example.org/' } };
webpack(options).run((error, stats) => {
  if (error || stats.hasErrors() || stats.hasWarnings()) throw error ?? new Error(stats.toString());
});
JS
node build.cjs
cat >look.cjs <<'JS'
const assert = require('node:assert/strict');
const { pathToFileURL } = require('node:url');
globalThis.document = { baseURI: 'https://example.org/' };
globalThis.self = globalThis;
globalThis.location = { href: 'https://example.org/' };
require('./dist/main.js');
const { bare, file } = globalThis.seen;
console.log(`webpack 5.113.0: bare ${bare.replace(/(?<=\/\/).*(?=\/src\/)/, '/…')}, beside new URL ${file}`);
assert.equal(bare, pathToFileURL(`${process.cwd()}/src/main.mjs`).href);
assert.match(file, /^https:\/\/example\.org\/\w+\.txt$/);
JS
node look.cjs
