// A chapter alone, as an instrument in a page of somebody else: `?embed=NAME`, where NAME is the data-chapter of one, or the id
// of one of its workspaces; with `&theme=light` or `dark` it lies on the other page's own ground.
//
// Where that page has it by embed.js, the two talk through a port, which that script sends when it is asked to; what is said
// there stands at the end of this file. A frame in a deck of reveal.js obeys its 'slide:start' and 'slide:stop', too.
//
// Nothing is computed before it is seen. What plays rests while nobody looks: it hears 'rest' and 'wake' at the document.

import { linkTo, openLink, readQuery } from './address.js';
import { wantsKey } from './keys.js';
import { make } from './make.js';
import { say } from './notices.js';

const root = document.documentElement;
const chapters = [...document.querySelectorAll('[data-chapter]')];

/** Shows the part that the address asks for, and nothing else. Resolves with its chapter when that is seen first. */
export async function embed() {
  const name = readQuery('embed');
  const chapter = chapters.find(({ dataset }) => dataset.chapter === name) ?? document.getElementById(name)?.closest('.workspace')?.closest('[data-chapter]');
  await dress();
  if (!chapter) {
    const names = chapters.map(({ dataset }) => dataset.chapter).join(', ');
    say(`The address asks for “${name}”, which is no chapter of this page: choose from ${names}, or the id of a part of one.`);
  } else {
    chapter.classList.add('embedded');
    const part = chapter.dataset.chapter === name ? null : document.getElementById(name);
    for (const child of chapter.children) child.classList.toggle('beside', part !== null && child !== part);
    // What is loaded at first is told in the chapter that waits for it.
    chapter.append(document.getElementById('loading'));
  }
  root.classList.add('dressed');
  follow(chapter);
  if (chapter) await seen(chapter);
  return chapter;
}

/** The style of an instrument alone. */
async function dress() {
  showTheme(readQuery('theme'));
  const style = make('link', { rel: 'stylesheet', href: new URL('embedded.css', import.meta.url) });
  const there = new Promise((resolve) => (style.onload = style.onerror = resolve));
  document.head.append(style);
  await there;
}

function showTheme(theme) {
  if (['light', 'dark'].includes(theme)) root.dataset.theme = theme;
  else delete root.dataset.theme;
}

// --- who looks ---

/** Why nobody does. */
const reasons = new Set(['out of sight']);

/** For a reason nobody looks, or, with `away` false, not any longer. */
function look(reason, away) {
  const before = reasons.size;
  if (away) reasons.add(reason);
  else reasons.delete(reason);
  if (Boolean(before) !== Boolean(reasons.size)) document.dispatchEvent(new Event(reasons.size ? 'rest' : 'wake'));
}

/** Follows whether a chapter is in sight, in the window that everything is shown in; resolves when somebody looks at it. */
function seen(chapter) {
  new IntersectionObserver((entries) => look('out of sight', !entries.at(-1).isIntersecting)).observe(chapter);
  return new Promise((resolve) => document.addEventListener('wake', resolve, { once: true }));
}

addEventListener('message', ({ source, data, ports }) => {
  if (source !== parent || source === window) return;
  if (data === 'slide:start' || data === 'slide:stop') look('another slide', data === 'slide:stop');
  else if (data?.unnoise === 'port' && ports.length) listenTo(ports[0]);
});

// --- the page around ---

let port = null;

const tell = (message) => port?.postMessage(message);

/** Asks for the port, and begins to tell. */
function follow(chapter) {
  if (parent === window) return;
  parent.postMessage({ unnoise: 'here' }, '*'); // it says nothing that is anybody's secret
  if (!chapter) return;
  const { chapter: name } = chapter.dataset;
  const own = (key) => (name === 'generate' ? (key.includes('.') ? null : key) : key.startsWith(`${name}.`) ? key.slice(name.length + 1) : null);
  const parameters = () => [...new URLSearchParams(new URL(linkTo()).hash.slice(1))];
  const settings = () => Object.fromEntries(parameters().map(([key, value]) => [own(key), value]).filter(([key]) => key && key !== 'hide'));
  let last = {};
  const state = () => tell({ state: { ...last, settings: settings() }, address: new URL(linkTo()).hash });
  document.addEventListener('played', ({ target, detail: { type, state: now, step, steps } }) => {
    const of = target.closest('.workspace, [data-chapter]').id;
    if (type === 'frame') return tell({ step: { of, step, steps } });
    last = { of, state: now };
    state();
  });
  addEventListener('addresswritten', state);
}

/** Sets what `values` names, as a link that is opened does; null takes a setting away. A run begins anew unless its step is named. */
function set(values) {
  const parameters = new URLSearchParams(new URL(linkTo()).hash.slice(1));
  for (const key of [...parameters.keys()]) if (/^(.+\.)?step$/.test(key)) parameters.delete(key);
  for (const [key, value] of Object.entries(values)) {
    if (value === null) parameters.delete(key);
    else parameters.set(key, value);
  }
  openLink(parameters);
}

/**
 * What comes through the port: { set: settings }, { theme }, { away: whether it is hidden }. What goes: { height } of all of it,
 * { step }, { state, address } when something is set, { key } that means nothing here, { release: true } when Escape lets go.
 */
function listenTo(next) {
  port?.close();
  port = next;
  port.onmessage = ({ data }) => {
    if (data.set) set(data.set);
    if ('theme' in data) showTheme(data.theme);
    if ('away' in data) look('hidden', data.away);
  };
  root.classList.add('framed');
  const measure = new ResizeObserver(() => {
    const { height } = root.getBoundingClientRect();
    if (height > 0) tell({ height: Math.ceil(height) });
  });
  measure.observe(root);
}

// --- keys ---

/** Escape lets go of whatever has the focus: the keys are the other page's again. */
addEventListener('keydown', (event) => {
  const { activeElement } = document;
  if (event.key !== 'Escape' || event.isComposing || !activeElement || activeElement === document.body || document.querySelector('dialog[open]')) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  activeElement.blur();
  tell({ release: true });
}, { capture: true });

/** A key that nobody here wants is handed on. */
addEventListener('keydown', (event) => {
  const { key, code, keyCode, shiftKey, repeat } = event;
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || key === 'Tab' || wantsKey(event)) return;
  tell({ key: { key, code, keyCode, shiftKey, repeat } });
});
