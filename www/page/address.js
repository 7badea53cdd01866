// The '#' part of the address: all that the visitor has set, so that the address is a link to this state.
//
// The generator's keys stand there as they are (digit=3); those of a chapter have its name before them
// (scorer.digit=3). Each part writes its own, and leaves those of the others alone.

/** Browsers stop pages that rewrite their address too often. */
const WRITE_MS = 400;
/** The key of a part of the page. */
const PLACE = 'at';

let state = parse();
let timer;
const followers = new Map();

function parse() {
  return new Map(new URLSearchParams(location.hash.slice(1)));
}

const key = (chapter, name) => (chapter ? `${chapter}.${name}` : name);

/** Whether a key of the address belongs to a chapter; '' is the generator, whose keys have no dot. */
const belongs = (chapter, name) => (chapter ? name.startsWith(`${chapter}.`) : !name.includes('.') && name !== PLACE);

/** A chapter's state in the address, as strings: an empty object when there is none. */
export function readState(chapter = '') {
  const own = [...state].filter(([name]) => belongs(chapter, name));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(chapter ? chapter.length + 1 : 0), value]));
}

/** Writes a chapter's state into the address, at once or soon. What is undefined or null is left out. */
export function writeState(next, { chapter = '', now = false } = {}) {
  for (const name of [...state.keys()]) if (belongs(chapter, name)) state.delete(name);
  for (const [name, value] of Object.entries(next)) {
    if (value !== undefined && value !== null) state.set(key(chapter, name), String(value));
  }
  if (now) return write();
  timer ??= setTimeout(write, WRITE_MS);
}

function write() {
  clearTimeout(timer);
  timer = undefined;
  history.replaceState(null, '', `${location.search}#${new URLSearchParams([...state])}`);
}

/** Calls `take` when the visitor opens another link in this tab in which this chapter's part is another one. */
export function followLinks(chapter, take) {
  followers.set(chapter, take);
}

addEventListener('hashchange', () => {
  clearTimeout(timer);
  timer = undefined;
  const before = new Map([...followers.keys()].map((chapter) => [chapter, JSON.stringify(readState(chapter))]));
  state = parse();
  for (const [chapter, take] of followers) if (JSON.stringify(readState(chapter)) !== before.get(chapter)) take();
});

/** A link to the state at hand; with `at`, one that opens at that part of the page. */
export function link(at) {
  write();
  const here = new URL(location.href);
  if (at) here.hash = new URLSearchParams([...state, [PLACE, at]]);
  return here.href;
}

/** The part of the page that the address leads to, or null. It is spoken of once, and stands in the address no longer. */
export function takePlace() {
  const at = state.get(PLACE) ?? null;
  state.delete(PLACE);
  return at;
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
