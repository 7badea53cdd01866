// Keeps the site on the visitor's device, so that it opens without a network. build.sh puts two things before this:
// FILES, the sum and the bytes of each by its name, and RELAXED, the module by which the library chooses its bundle.
//
// Each version of the site is a cache of its own, in which every file fits its sum: so versions never mix. What a visit
// needs is kept at once; weights, the bundles that train, need WebGPU or are for other browsers, what makes videos, and the
// slides, when they are used or when everything is asked for.
//
// message { keep: [address, …] | 'everything' }   answers { kept, total }, bytes, as it goes; last { kept, total, done: true }
//                                                  or { error }
// message 'take over'                              this version serves the open pages, too

/* global FILES, RELAXED, VERSION */

const { scope } = self.registration;
/** Sites of one origin share its caches. */
const OWN = `unnoise ${scope} `;
const CACHE = OWN + VERSION;
const OTHER = WebAssembly.validate(RELAXED) ? 'cpu' : 'relaxed';
const WHEN_USED = new RegExp(`^unnoise/(weights/.+\\.safetensors|wasm/(training|gpu|${OTHER})/.+)$|^\\w+/vendor/|^deck/`);
/** What asks past all caches is not answered from this one. */
const PAST = ['no-store', 'reload', 'no-cache'];

/** A file's name in FILES; that of the page is the folder's own address. */
function nameOf(url) {
  const { origin, pathname } = new URL(url, scope);
  const here = origin + pathname;
  if (!here.startsWith(scope)) return null;
  return here.slice(scope.length).replace(/(^|\/)$/, '$1index.html');
}

const addressOf = (name) => (name === 'index.html' ? scope : scope + name);

/** The names of this site's caches, this version's first. */
const cacheNames = async () => [CACHE, ...(await caches.keys()).filter((name) => name.startsWith(OWN) && name !== CACHE)];

/** A file as it is kept, by whichever version: a page may be older than this worker. */
async function kept(name) {
  for (const cache of await cacheNames()) {
    const response = await caches.match(addressOf(name), { cacheName: cache });
    if (response) return response;
  }
  return undefined;
}

async function sum(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...digest.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Puts a file, whose bytes must be the right ones, into the cache of this version. */
async function put(name, response, onBytes = () => {}) {
  const reader = response.body.getReader();
  const parts = [];
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    onBytes(part.value.length);
  }
  const bytes = await new Blob(parts).arrayBuffer();
  if (!response.ok) throw new Error(`${name} could not be loaded (HTTP ${response.status})`);
  if ((await sum(bytes)) !== FILES[name].sum) throw new Error(`${name} is not the one that belongs to this version of the site`);
  const headers = new Headers(response.headers);
  for (const name of ['content-encoding', 'content-length']) headers.delete(name); // those of its way here
  const cache = await caches.open(CACHE);
  await cache.put(addressOf(name), new Response(bytes, { headers }));
}

const has = async (name) => (await caches.open(CACHE)).match(addressOf(name)).then(Boolean);

/** Keeps a file: an earlier version's where it is the same, else the network's. */
async function keep(name, onBytes) {
  if (await has(name)) return;
  const earlier = await kept(name);
  if (earlier && (await put(name, earlier).then(() => true, () => false))) return;
  // Under a name without a sum, the browser may have an older one.
  const lasting = /(^|[./])[0-9a-f]{16}[./]/.test(name);
  await put(name, await fetch(addressOf(name), { cache: lasting ? 'default' : 'no-cache' }), onBytes);
}

self.addEventListener('install', (event) => {
  event.waitUntil(Promise.all(Object.keys(FILES).filter((name) => !WHEN_USED.test(name)).map((name) => keep(name))));
});

self.addEventListener('activate', (event) => {
  event.waitUntil(begin());
});

/** Serves the page that brought this worker, too. Earlier versions go, unless another page may still ask for their files. */
async function begin() {
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  if (windows.length < 2) {
    for (const cache of (await cacheNames()).slice(1)) await caches.delete(cache);
  }
  await self.clients.claim();
}

self.addEventListener('fetch', (event) => {
  const { method, url, mode, cache } = event.request;
  const name = nameOf(url);
  if (method !== 'GET' || name === null || (mode !== 'navigate' && PAST.includes(cache))) return;
  event.respondWith(answer(event, name));
});

async function answer(event, name) {
  const response = await kept(name);
  if (response) return response;
  const fetched = await fetch(event.request).catch(() => Response.error());
  // What the device has no room for is asked for again.
  if (fetched.ok && name in FILES) event.waitUntil(put(name, fetched.clone()).catch(() => {}));
  return fetched;
}

self.addEventListener('message', (event) => {
  if (event.data === 'take over') event.waitUntil(self.skipWaiting());
  else if (event.data.keep) event.waitUntil(keepAll(event.data.keep, event.ports[0]));
});

async function keepAll(wanted, port) {
  const total = Object.values(FILES).reduce((sum, { bytes }) => sum + bytes, 0);
  const missing = [];
  let have = 0;
  for (const [name, { bytes }] of Object.entries(FILES)) {
    if (await has(name)) have += bytes;
    else missing.push(name);
  }
  const names = wanted === 'everything' ? missing : missing.filter((name) => wanted.some((url) => nameOf(url) === name));
  try {
    for (const name of names) {
      let loaded = 0;
      await keep(name, (bytes) => port.postMessage({ kept: have + (loaded += bytes), total }));
      have += FILES[name].bytes;
    }
    port.postMessage({ kept: have, total, done: true });
  } catch (error) {
    port.postMessage({ error: error.name === 'QuotaExceededError' ? 'there is no room for it on this device' : error.message });
  }
}
