// What the page has to say: errors as sentences in the alert region, and a status line that does not chatter.

import { make } from './make.js';
import { isOutdated, reload } from './site.js';

const alertBox = document.getElementById('alert');
const STATUS_MS = 1000;

/** What is being said: a sentence for each thing that can be tried again, and one, under null, that was said in passing. */
const said = new Map();

/**
 * Shows a sentence until it is dismissed. `retry`, when given, is what "Try again" does: the button tries all again that
 * has failed, and a later sentence about the same thing takes the place of the earlier one.
 */
export function say(sentence, retry = null) {
  said.set(retry, sentence);
  show();
  if (retry) blameUpdate(retry);
}

/** What an updated site no longer has cannot be had by this page, however often it tries. */
async function blameUpdate(retry) {
  if (!(await isOutdated()) || !said.has(retry)) return;
  said.clear();
  said.set(reload, 'The site has been updated since this page was opened: “Try again” loads the new one.');
  show();
}

/** Takes back what was said of `retry`, or, without one, in passing. */
export function hush(retry = null) {
  if (said.delete(retry)) show();
}

/** Takes back all that is said; whether anything was. */
export function dismiss() {
  if (said.size === 0) return false;
  said.clear();
  show();
  return true;
}

function show() {
  const retries = [...said.keys()].filter(Boolean);
  alertBox.classList.toggle('shown', said.size > 0);
  if (said.size === 0) return alertBox.replaceChildren();
  const all = (then) => () => {
    dismiss();
    for (const retry of then) retry();
  };
  const sentences = [...new Set(said.values())].map((sentence) => make('p', {}, sentence));
  alertBox.replaceChildren(
    make('div', { class: 'sentences' }, ...sentences),
    make('div', {}, ...(retries.length ? [button('Try again', 'primary', all(retries))] : []), button('Dismiss', '', all([]))));
}

function button(label, className, onClick) {
  const element = make('button', { type: 'button', class: className }, label);
  element.addEventListener('click', onClick);
  return element;
}

/** A function that sets a status line; a screen reader hears at most one line a second, and always the last one. */
export function statusLine(element) {
  let waiting;
  let last = 0;
  return (text) => {
    clearTimeout(waiting);
    const wait = last + STATUS_MS - performance.now();
    const show = () => {
      last = performance.now();
      if (element.textContent !== text) element.textContent = text;
    };
    if (wait <= 0) show();
    else waiting = setTimeout(show, wait);
  };
}

/** Sets the generator's status line. */
export const status = statusLine(document.getElementById('status'));
