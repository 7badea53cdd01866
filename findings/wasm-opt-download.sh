#!/usr/bin/env bash
# binaryen 132.0.0: of -O3, -Os and -Oz on web-tree-sitter 0.27.2's wasm, -Oz makes the smallest file and the largest
# download: gzip and brotli make more of it than of the others.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund binaryen@132.0.0 web-tree-sitter@0.27.2
for level in O3 Os Oz; do
  npx wasm-opt "-$level" --enable-bulk-memory --enable-bulk-memory-opt --enable-simd --enable-nontrapping-float-to-int \
    --enable-sign-ext --enable-mutable-globals --enable-reference-types --enable-multivalue \
    node_modules/web-tree-sitter/web-tree-sitter.wasm -o "$level.wasm"
done
cat >sizes.cjs <<'JS'
const { readFileSync } = require('node:fs');
const { brotliCompressSync, gzipSync } = require('node:zlib');
const [O3, Os, Oz] = ['O3', 'Os', 'Oz'].map((level) => {
  const wasm = readFileSync(`${level}.wasm`);
  const sizes = { file: wasm.length, gzip: gzipSync(wasm, { level: 9 }).length, brotli: brotliCompressSync(wasm).length };
  console.log(`binaryen 132.0.0 -${level}:`, sizes);
  return sizes;
});
const others = [O3, Os];
const smallest = others.every(({ file }) => Oz.file < file);
const largest = others.every(({ gzip, brotli }) => Oz.gzip > gzip && Oz.brotli > brotli);
process.exit(smallest && largest ? 0 : 1);
JS
node sizes.cjs
