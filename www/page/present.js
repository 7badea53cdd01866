// Presenter mode: one chapter at a time, in sizes for the last row, walked through by a remote; and the speaker's notes in a
// window of their own, which stays in step.

import { readQuery, writeQuery } from './address.js';
import { make } from './make.js';
import { NOTES } from './notes.js';
import { say } from './notices.js';

const root = document.documentElement;
const parts = [...document.querySelector('main').children];
/** Where a remote stops. */
const stops = [...document.querySelectorAll('.player, .chapter, .chapter .workspace')];
const TICK_MS = 250;

let stop = stops[0];

export const isPresenting = () => 'present' in root.dataset;

/** What lies around a part of the page: a chapter, or another child of main. */
const partOf = (section) => parts.find((part) => part.contains(section)) ?? parts.find((part) => part.matches('.player'));

/** Shows, while presenting, the chapter in which a part of the page lies, and nothing else. */
export function reveal(section) {
  stop = stops.findLast((stop) => stop.contains(section)) ?? stops[0];
  for (const part of parts) part.classList.toggle('presented', part === partOf(section));
}

/** The next stop in a direction, or undefined at either end. */
export const nextStop = (by) => stops[stops.indexOf(stop) + by];

/** Whether a region of keys belongs to the stop at hand, and not to a later one inside it. */
export const isShown = (region) => region.contains(stop) || stops.findLast((other) => other.contains(region)) === stop;

/** Begins or ends presenting, with the chapter around `section`. */
export function togglePresenting(section) {
  const on = !isPresenting();
  if (on) root.dataset.present = '';
  else delete root.dataset.present;
  writeQuery('present', on ? '' : null);
  button.setAttribute('aria-pressed', String(on));
  reveal(section);
  section.scrollIntoView({ block: 'start', behavior: 'instant' });
}

const button = document.getElementById('present');
if (readQuery('present') !== null) {
  root.dataset.present = '';
  button.setAttribute('aria-pressed', 'true');
  reveal(stops[0]);
}

// --- the speaker's notes ---

const began = Date.now();
let notes = null;
let ticking;

/** Opens the window with the notes, or brings it to the front. */
export function openNotes() {
  notes = window.open('', 'unnoise-notes', 'popup,width=640,height=720');
  if (!notes) return say('This browser did not let the page open a second window: allow pop-ups for it, then try again.');
  notes.document.documentElement.lang = 'en';
  const style = make('link', { rel: 'stylesheet', href: document.querySelector('link[href$="style.css"]').href });
  notes.document.head.replaceChildren(make('meta', { name: 'color-scheme', content: 'light dark' }), style);
  notes.document.title = 'Notes: unnoise';
  notes.focus();
  clearInterval(ticking);
  ticking = setInterval(showNotes, TICK_MS);
  showNotes();
}

let shown = '';

function showNotes() {
  if (notes.closed) return clearInterval(ticking);
  const part = partOf(stop);
  const next = stops.slice(stops.indexOf(stop) + 1).find((other) => partOf(other) !== part);
  const minutes = Math.floor((Date.now() - began) / 60_000);
  const status = part.querySelector('.status')?.textContent ?? '';
  const now = [part.id, stop.id, status, minutes].join('\n');
  if (now === shown && notes.document.body.firstChild) return;
  shown = now;
  notes.document.body.className = 'notes';
  notes.document.body.replaceChildren(
    make('p', { class: 'where' }, `${minutes} min`),
    make('h1', {}, titleOf(part)),
    make('p', { class: 'status', role: 'status' }, status),
    make('ul', {}, ...(NOTES[part.dataset.chapter] ?? []).map((note) => make('li', {}, note))),
    make('p', { class: 'next' }, next ? `Next: ${titleOf(partOf(next))}` : 'This is the last one.'));
}

const titleOf = (part) => part.querySelector('h2')?.textContent ?? document.querySelector('h1').textContent;
