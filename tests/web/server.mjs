// A plain static host: the site lies under a sub-path, with no special headers but one that forbids other origins.

import { readFile, stat } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import zlib from 'node:zlib';

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.webp': 'image/webp',
};

/** A page that reached for another origin would break, and say so in its console. */
const POLICY = "default-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:";

/** What the sources, or the library, call a file of the site: it lies under a name with its hash, or in a folder with that of its modules. */
export const nameOf = (file) => file.replace(/(^|\/)[0-9a-f]{16}\//, '$1').replace(/^unnoise\/((?:wasm|weights)\/.+)\.[0-9a-f]{16}(\.\w+)$/, '$1$2');

/** A fault: the server answers with this status, and nothing else. */
export const status = (code) => (response) => {
  response.statusCode = code;
  response.end();
};

export const SUB_PATH = '/some/where/digits/';

/**
 * Serves the folder `root`. `compress`: with brotli, prepared beforehand by `prepare`; `shared`: to pages of other origins too.
 * `offline`: to visits with a service worker, which would otherwise come between a test and the server.
 * `beside`: files that lie in the site beside its own, by name. `requests` lists `{ file, at, bytes }` in order, by these names and as they were asked for; `faults` maps such a name to `(response, body) => void`, which answers in its place.
 */
export async function serve(root, { compress = false, shared = false, offline = false } = {}) {
  let policy = POLICY;
  const requests = [];
  const faults = new Map();
  const beside = new Map();
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
    const name = nameOf(file);
    const entry = { file: name, at: file, bytes: 0 };
    requests.push(entry);
    response.setHeader('content-type', TYPES[path.extname(file)] ?? 'application/octet-stream');
    if (policy) response.setHeader('content-security-policy', policy);
    if (shared) response.setHeader('access-control-allow-origin', '*');
    const bytes = beside.get(file) ?? compressed.get(file) ?? (await body(file));
    if (faults.has(name)) return faults.get(name)(response, bytes);
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
    offline,
    requests,
    faults,
    beside,
    /** Serves everything with another content policy, or, with null, with none. */
    set policy(value) {
      policy = value;
    },
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
