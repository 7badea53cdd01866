// The '#' part of the address: all that the visitor has set, so that the address is a link to this state.
//
// The generator's keys stand there as they are (digit=3); those of a chapter have its name before them
// (scorer.digit=3). Each part writes its own, and leaves those of the others alone.
//
// Back and Forward walk through what was set, and through the places that were gone to. Where a run stands (step) is no
// setting: the address follows it, and the history does not.

import { copyText } from './copy.js';
import { say } from './notices.js';

/**
 * What the history keeps beside an address that the page has written itself: by it, a step back is told from a link. Of an
 * entry that was left by a step of the history, also its `top`, how far down the window was then.
 */
const OWN = { own: true };
/** Browsers stop pages that rewrite their address too often. */
const WRITE_MS = 400;
/** The same settings, changed again so soon, are one step of the history; as long as the mouse is held, whatever changes is. */
const MERGE_MS = 1000;
/** The keys of a part of the page, and of what is hidden: they belong to no chapter. */
const PLACE = 'at';
const HIDDEN = 'hide';
/** A '#' part that is no state: it asks for a measurement. */
const asksForBench = () => location.hash === '#bench';
/** A chapter's key that says where its run stands. */
const STEP = 'step';

const benchWanted = asksForBench();
let onBench = null;
let state = parse();
/** What stands behind the '#' as far as the page knows. */
let known = location.hash;
/** Whether something else stands there: a link was opened whose event is still to come. */
const isLinkOpened = () => location.hash !== known;
let isTakenAnew = false;
let timer;
const followers = new Map();
/** What each chapter's settings are where the address says nothing. */
const openings = new Map();
/** The last change: which settings, when, and whether the mouse that made it is still held. */
let last = { names: '', at: -Infinity, held: false };
let held = false;
addEventListener('pointerdown', () => (held = true), true);
for (const type of ['pointerup', 'pointercancel']) addEventListener(type, () => (held = last.held = false), true);

function parse() {
  return new Map(asksForBench() ? [] : new URLSearchParams(location.hash.slice(1)));
}

const key = (chapter, name) => (chapter ? `${chapter}.${name}` : name);

/** Whether a key of the address belongs to a chapter; '' is the generator, whose keys have no dot. */
const belongs = (chapter, name) => (chapter ? name.startsWith(`${chapter}.`) : !name.includes('.') && name !== PLACE && name !== HIDDEN);

/** A chapter's state in an address, as strings: an empty object when there is none. */
function readState(chapter, from = state) {
  const own = [...from].filter(([name]) => belongs(chapter, name));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(chapter ? chapter.length + 1 : 0), value]));
}

/** The names of a chapter's settings that differ between two addresses, whether they stand there or not. */
function changes(chapter, before, after) {
  const opening = openings.get(chapter);
  const [a, b] = [before, after].map((state) => readState(chapter, state));
  const differs = (name) => (a[name] ?? String(opening?.[name])) !== (b[name] ?? String(opening?.[name]));
  return Object.keys({ ...a, ...b }).filter((name) => name !== STEP && differs(name));
}

/**
 * A chapter's settings as the address has them; what it does not name, or names in vain, is as in `opening`.
 * `parse` holds a function for each setting. It makes a value of the text that stands in the address (and of the settings
 * before this one), undefined where it is none, or an Error that says so; the visitor is told of what cannot be had.
 */
export function takeState(chapter, opening, parse) {
  openings.set(chapter, opening);
  const found = readState(chapter);
  const settings = {};
  const wrong = [];
  for (const [name, read] of Object.entries(parse)) {
    settings[name] = opening[name];
    if (!(name in found)) continue;
    const value = read(found[name], settings);
    if (value !== undefined && !(value instanceof Error)) {
      settings[name] = value;
      continue;
    }
    wrong.push(value ? `${key(chapter, name)}, ${value.message}` : `${key(chapter, name)} = ${found[name]}`);
    state.delete(key(chapter, name)); // so that its coming right is no step of the history
  }
  if (wrong.length && !isTakenAnew) say(`The address asks for ${wrong.join(', ')}, which cannot be had; the usual value is used instead.`);
  return settings;
}

/**
 * Writes a chapter's state into the address: as a step of the history where other settings than the last ones have changed,
 * or a moment later. What is undefined or null is left out, and what is as in `opening` need not stand there either.
 */
export function writeState(chapter, next, opening = {}) {
  const after = new Map([...state].filter(([name]) => !belongs(chapter, name)));
  for (const [name, value] of Object.entries(next)) {
    if (value !== undefined && value !== null && value !== opening[name]) after.set(key(chapter, name), String(value));
  }
  const names = changes(chapter, state, after).map((name) => key(chapter, name)).join();
  const now = performance.now();
  const merged = last.held || (names === last.names && now - last.at < MERGE_MS);
  if (names) last = { names, at: now, held };
  if (names && !merged) push(after);
  else keep(after);
}

function keep(after) {
  state = after;
  timer ??= setTimeout(write, WRITE_MS);
}

function write({ top } = {}) {
  clearTimeout(timer);
  timer = undefined;
  if (isLinkOpened()) return; // or it would be lost
  history.replaceState({ ...OWN, top }, '', address());
  known = location.hash;
  dispatchEvent(new Event('addresswritten'));
}

/** A step of the history; in a page of somebody else, whose history it would be, it is none. */
function push(after) {
  if (isEmbedded) return keep(after);
  if (isLinkOpened()) return;
  write({ top: scrollY });
  state = after;
  history.pushState(OWN, '', address());
  known = location.hash;
}

/** Opens a link to other settings, given as the parameters behind the '#', in this tab; it is no step that Back takes back. */
export function openLink(parameters) {
  write(); // else it might be what stands there still
  location.replace(`#${parameters}`);
}

const address = () => `${location.search}#${new URLSearchParams([...state])}`;

/**
 * Calls `take` when the visitor opens another link in this tab in which this chapter's part is another one, and when other
 * weights are in use; `networks`: whether what it shows comes of those.
 */
export function followLinks(chapter, take, { networks = true } = {}) {
  followers.set(chapter, { take, networks });
}

/** Lets all that comes of the networks be computed anew, as it stands in the address; what other weights cannot draw is no visitor's mistake. */
export function takeAnew() {
  isTakenAnew = true;
  for (const { take, networks } of followers.values()) if (networks) take();
  isTakenAnew = false;
}

addEventListener('popstate', ({ state: entry }) => {
  if (!entry?.own) return;
  known = location.hash;
  goTo(parse(), (chapter, next) => changes(chapter, state, next).length > 0);
});

/** Calls `open` where an address asks for a measurement, whose place the state at hand takes again. */
export function followBench(open) {
  onBench = open;
  if (benchWanted) open();
}

addEventListener('hashchange', () => {
  known = location.hash;
  if (asksForBench()) {
    write();
    onBench?.();
  } else if (!history.state?.own) goTo(parse(), (chapter, next) => JSON.stringify(readState(chapter)) !== JSON.stringify(readState(chapter, next)));
});

/** Goes to an address: chapters whose part `isOther` take it. A run of the others stays at its step, and what is hidden is, unless a link says so. */
function goTo(next, isOther) {
  clearTimeout(timer);
  timer = undefined;
  last = { names: '', at: -Infinity, held: false };
  const others = [...followers].filter(([chapter]) => isOther(chapter, next));
  for (const chapter of followers.keys()) {
    const step = key(chapter, STEP);
    if (others.some(([other]) => other === chapter)) continue;
    if (state.has(step)) next.set(step, state.get(step));
    else next.delete(step);
  }
  if (history.state?.own) {
    next.delete(HIDDEN);
    if (state.has(HIDDEN)) next.set(HIDDEN, state.get(HIDDEN));
  }
  state = next;
  if (history.state?.own) write();
  for (const [, { take }] of others) take();
}

/** A link to the state at hand, which opens the page at the top, or, with `at`, at that part of it. */
export function linkTo(at) {
  const here = new URL(location.href);
  for (const name of ['embed', 'theme']) here.searchParams.delete(name);
  const own = [...state].filter(([name]) => name !== PLACE);
  here.hash = new URLSearchParams(at ? [...own, [PLACE, at]] : own);
  return here.href;
}

/** Copies such a link, which the button says then; whether the browser let the page. */
export const copyLink = (button, at) => copyText(button, linkTo(at), `This is the link: ${linkTo(at)}`);

/** The part of the page that the address leads to, or null. */
export const readPlace = () => state.get(PLACE) ?? null;

/** Writes into the address which part of the page was gone to: a step of its own, which Back takes back. */
export function writePlace(at) {
  if (state.get(PLACE) !== at) push(new Map(state).set(PLACE, at));
}

/** The controls that the address hides, as text, or null. */
export const readHidden = () => state.get(HIDDEN) ?? null;

/** Writes them there. */
export function writeHidden(text) {
  if (text) state.set(HIDDEN, text);
  else state.delete(HIDDEN);
  write();
}

/** What the part of the address before the '#' says of a name, or null. */
export const readQuery = (name) => new URLSearchParams(location.search).get(name);

/** Whether a chapter is shown alone, in a page of somebody else. */
export const isEmbedded = readQuery('embed') !== null;

/** Writes it there; null takes it away. */
export function writeQuery(name, value) {
  const query = new URLSearchParams(location.search);
  if (value === null) query.delete(name);
  else query.set(name, value);
  const text = query.toString();
  history.replaceState(OWN, '', `${location.pathname}${text && `?${text}`}${location.hash}`);
}
