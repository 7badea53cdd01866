// The '#' part of the address: all that the visitor has set, so that the address is a link to this state.
//
// The generator's keys stand there as they are (digit=3); those of a chapter have its name before them
// (scorer.digit=3). Each part writes its own, and leaves those of the others alone.

import { say } from './notices.js';

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
function readState(chapter) {
  const own = [...state].filter(([name]) => belongs(chapter, name));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(chapter ? chapter.length + 1 : 0), value]));
}

/**
 * A chapter's settings as the address has them; what it does not name, or names in vain, is as in `opening`.
 * `parse` holds a function for each setting. It makes a value of the text that stands in the address (and of the settings
 * before this one), undefined where it is none, or an Error that says so; the visitor is told of what cannot be had.
 */
export function takeState(chapter, opening, parse) {
  const state = readState(chapter);
  const settings = {};
  const wrong = [];
  for (const [name, read] of Object.entries(parse)) {
    settings[name] = opening[name];
    if (!(name in state)) continue;
    const value = read(state[name], settings);
    if (value === undefined) wrong.push(`${key(chapter, name)} = ${state[name]}`);
    else if (value instanceof Error) wrong.push(`${key(chapter, name)}, ${value.message}`);
    else settings[name] = value;
  }
  if (wrong.length) say(`The address asks for ${wrong.join(', ')}, which cannot be had; the usual value is used instead.`);
  return settings;
}

/**
 * Writes a chapter's state into the address, a moment later. What is undefined or null is left out, and what is as in
 * `opening` need not stand there either.
 */
export function writeState(chapter, next, opening = {}) {
  for (const name of [...state.keys()]) if (belongs(chapter, name)) state.delete(name);
  for (const [name, value] of Object.entries(next)) {
    if (value !== undefined && value !== null && value !== opening[name]) state.set(key(chapter, name), String(value));
  }
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
function link(at) {
  write();
  const here = new URL(location.href);
  if (at) here.hash = new URLSearchParams([...state, [PLACE, at]]);
  return here.href;
}

const COPIED_MS = 2000;

/** Copies such a link, which the button says then; whether the browser let the page. */
export async function copyLink(button, at) {
  const text = link(at);
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    say(`This browser did not let the page copy. This is the link: ${text}`);
    return false;
  }
  button.dataset.label ??= button.textContent;
  button.textContent = 'Copied';
  setTimeout(() => (button.textContent = button.dataset.label), COPIED_MS);
  return true;
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
