// A plain static host: the site lies under a sub-path, with no special headers but one that forbids other origins.

import { readFile, stat } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import zlib from 'node:zlib';

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

/** A page that reached for another origin would break, and say so in its console. */
const POLICY = "default-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:";

/** A fault: the server answers with this status, and nothing else. */
export const status = (code) => (response) => {
  response.statusCode = code;
  response.end();
};

export const SUB_PATH = '/some/where/digits/';

/**
 * Serves the folder `root`. `compress`: with brotli, prepared beforehand by `prepare`.
 * `requests` lists `{ file, bytes }` in order; `faults` maps a file to `(response, body) => void`, which answers in its place.
 */
export async function serve(root, { compress = false } = {}) {
  const requests = [];
  const faults = new Map();
  const compressed = new Map();

  async function body(file) {
    const full = path.join(root, file);
    if (!(await stat(full)).isFile()) throw new Error(`${file} is no file`);
    return readFile(full);
  }

  async function answer(request, response) {
    const { pathname } = new URL(request.url, 'http://localhost');
    if (!pathname.startsWith(SUB_PATH)) throw new Error(`${pathname} is outside the site`);
    const file = path.posix.normalize(decodeURIComponent(pathname.slice(SUB_PATH.length)) || 'index.html');
    const entry = { file, bytes: 0 };
    requests.push(entry);
    response.setHeader('content-type', TYPES[path.extname(file)] ?? 'application/octet-stream');
    response.setHeader('content-security-policy', POLICY);
    const bytes = compressed.get(file) ?? (await body(file));
    if (faults.has(file)) return faults.get(file)(response, bytes);
    if (compressed.has(file)) response.setHeader('content-encoding', 'br');
    response.setHeader('content-length', bytes.length);
    entry.bytes = bytes.length;
    response.end(bytes);
  }

  const server = http.createServer((request, response) => {
    answer(request, response).catch(() => {
      response.statusCode = 404;
      response.end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${server.address().port}${SUB_PATH}`,
    requests,
    faults,
    /** The size of a file with brotli; with `compress` it is sent that way from here on. */
    async brotli(file) {
      const bytes = await brotli(await body(file));
      if (compress) compressed.set(file, bytes);
      return bytes.length;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function brotli(bytes) {
  const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: 11, [zlib.constants.BROTLI_PARAM_LGWIN]: 22, [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return new Promise((resolve, reject) => zlib.brotliCompress(bytes, { params }, (error, result) => (error ? reject(error) : resolve(result))));
}
