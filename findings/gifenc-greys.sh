#!/usr/bin/env bash
# gifenc 1.0.3: quantize() of all 256 greys, with room for 256 colours, keeps 32 of them. Black becomes (4, 4, 4).
# Its bins are as coarse as rgb565 even where there are no more colours than fit.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund gifenc@1.0.3
cat >greys.cjs <<'JS'
const { quantize } = require('gifenc');
const pixels = new Uint8Array(256 * 4);
for (let grey = 0; grey < 256; grey++) pixels.set([grey, grey, grey, 255], 4 * grey);
const palette = quantize(pixels, 256);
const darkest = Math.min(...palette.map(([red]) => red));
console.log(`gifenc 1.0.3: 256 greys, room for 256: ${palette.length} are kept, the darkest is ${darkest}`);
process.exit(palette.length === 32 && darkest === 4 ? 0 : 1);
JS
node greys.cjs
