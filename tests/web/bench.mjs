// The benchmark's tables: node bench.mjs --site DIR --weights DIR --native FILE [--before DIR] [--peers [--int8 FILE]]. The
// folder `before` holds an earlier commit's `dist` and command line; FILE is the ONNX file of the U-Net in int8. Prints figures
// beside what is aimed at; never fails by time.

import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { calls } from './bench/calls.mjs';
import { native } from './bench/native.mjs';
import { peers } from './bench/peers.mjs';
import { sliders } from './bench/sliders.mjs';
import { ms, print } from './bench/table.mjs';
import { visits } from './bench/visits.mjs';
import { webgpu } from './bench/webgpu.mjs';
import { launch } from './browsers.mjs';
import { serve } from './server.mjs';
import { Visit } from './visit.mjs';

const { values: options } = parseArgs({
  options: {
    site: { type: 'string' },
    weights: { type: 'string' },
    native: { type: 'string' },
    before: { type: 'string' },
    peers: { type: 'boolean', default: false },
    int8: { type: 'string' },
  },
});
for (const name of ['site', 'weights', 'native']) {
  if (!options[name]) throw new Error(`--${name} is missing: \`./build.sh bench\` sets it`);
}

const load = os.loadavg()[0].toFixed(1);
console.log(`\nOn ${os.cpus()[0]?.model ?? 'this machine'}, ${os.cpus().length} processors, a load of ${load} from elsewhere at the beginning.`);
const browser = await launch.chromium();
const version = await browser.version();
const server = await serve(options.site, { compress: true });
const earlier = options.before ? await serve(path.join(options.before, 'dist')) : null;

if (options.peers) {
  const { version: peer, rows, apart } = await peers(browser, server, options);
  const title = `${version}, one thread, wasm, beside onnxruntime-web ${peer}; medians in turns; answers apart: ${apart}`;
  print(title, ['', 'onnxruntime-web', 'unnoise', 'ratio', 'aim'], rows);
} else {
  print(`${version}, downloads`, ['', 'measured', 'limit'], await visits(browser, server, options.site));
  const head = ['', 'before', 'now', 'ratio', 'aim'];
  print(`${version}, CPU, one thread; medians, in turns with the build before`, head, await calls(browser, server, earlier));
  const moved = (await sliders({ visit: (where) => Visit.open(browser, server, where) })).map(([what, cost]) => [what, ms(cost), '50 ms']);
  print(`${version}, processor time of an answer`, ['', 'measured', 'limit'], moved);
  print(`${version}, WebGPU`, ['', 'measured', 'limit'], await webgpu(server));
  const file = options.before && path.join(options.before, 'unnoise');
  print('The command line; medians, in turns with the one before', head, await native(options.native, file, options.weights));
}

await browser.close();
server.close();
earlier?.close();
