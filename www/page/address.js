// The '#' part of the address: all that the visitor has set, so that the address is a link to this state.

/** Browsers stop pages that rewrite their address too often. */
const WRITE_MS = 400;

/** The state in the address, as strings: an empty object when there is none. */
export function readState() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

let state;
let timer;

/** Writes the state into the address, at once or soon. */
export function writeState(next, { now = false } = {}) {
  state = next;
  if (now) return write();
  timer ??= setTimeout(write, WRITE_MS);
}

function write() {
  clearTimeout(timer);
  timer = undefined;
  history.replaceState(null, '', `${location.search}#${new URLSearchParams(state)}`);
}

/** The forced backend, or null. */
export function readBackend() {
  return new URLSearchParams(location.search).get('backend');
}

/** Forces a backend in the address, or, with 'auto', none. */
export function writeBackend(backend) {
  const query = new URLSearchParams(location.search);
  if (backend === 'auto') query.delete('backend');
  else query.set('backend', backend);
  const text = query.toString();
  history.replaceState(null, '', `${location.pathname}${text && `?${text}`}${location.hash}`);
}
