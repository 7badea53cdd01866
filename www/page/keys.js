// Keyboard shortcuts that stay out of the way: of inputs, of the browser's own, and of a page that embeds this one.

import { isEmbedded } from './address.js';
import { chapterInSight, goOn, walk } from './contents.js';
import { openDialog } from './dialog.js';
import { dismiss, say } from './notices.js';
import { isPresenting, isShown, openNotes, togglePresenting } from './present.js';

const dialog = document.getElementById('keys');
const embedded = window.self !== window.top;
const regions = new Map();

/** What the keys do to a player; `player` returns it, or null before there is one. */
export const playerKeys = (player) => ({
  ' ': () => player()?.toggle(),
  ArrowLeft: () => player()?.back(),
  ArrowRight: () => player()?.forward(),
  Home: () => player()?.seek(0),
  End: () => player()?.seek(Infinity),
});

/** What keys do everywhere on the page; a chapter alone has nowhere to go. */
const EVERYWHERE = isEmbedded ? {} : { '?': showKeys, n: () => goOn(1), b: () => goOn(-1), p: () => togglePresenting(chapterInSight()), s: openNotes, q: showQr };

/** What a remote sends, and the arrows: a step first, and where there is none the next stop. */
const REMOTE = { ArrowRight: ['ArrowRight', 1], PageDown: ['ArrowRight', 1], ArrowLeft: ['ArrowLeft', -1], PageUp: ['ArrowLeft', -1] };

/** While presenting: whether a key is a remote's, which is obeyed then. */
function remote(key) {
  if (!isPresenting() || !(key in REMOTE)) return false;
  const [step, by] = REMOTE[key];
  const actions = [...regions].find(([region]) => isShown(region))?.[1];
  if (!actions?.[step]?.()) walk(by);
  return true;
}

/** `actions`: what each key does. They work while `region` has the focus, or nothing has it and `region` is what is being looked at. */
export function listen(region, actions) {
  regions.set(region, actions);
}

/** The region that the keys are meant for. */
function addressed() {
  const active = document.activeElement;
  const free = active === document.body || active === null;
  if (!free) return [...regions.keys()].find((region) => region.contains(active));
  if (embedded) return undefined;
  const middle = innerHeight / 2;
  return [...regions.keys()].find((region) => {
    const { top, bottom } = region.getBoundingClientRect();
    return top <= middle && bottom >= middle;
  });
}

/** Whether what has the focus wants a key for itself. */
export const wantsKey = ({ key, target }) => Boolean(target.closest?.('input, select, textarea, [contenteditable]') || ((key === ' ' || key === 'Enter') && target.closest?.('button, a, summary')));

document.addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector('dialog[open]')) return;
  if (event.key === 'Escape' && dismiss()) return;
  const region = addressed();
  // In a frame of another page, its keys stay its own until this one is clicked.
  if (!region && embedded) return;
  if (event.key === 'Escape' && region?.contains(document.activeElement)) return document.activeElement.blur();
  if (wantsKey(event)) return;
  if (remote(event.key)) return event.preventDefault();
  const actions = { ...EVERYWHERE, ...regions.get(region) };
  const action = actions[event.key] ?? actions[event.key.toLowerCase()];
  if (!action) return;
  // Alone, a step that there is not is left to the page around.
  if (action() !== false || !isEmbedded) event.preventDefault();
});

async function showQr() {
  try {
    (await import('./qr.js')).showQr();
  } catch (error) {
    say(`The QR code could not be loaded: ${error.message}`, showQr);
  }
}

function showKeys() {
  openDialog(dialog);
}

document.getElementById('keys-open').addEventListener('click', showKeys);
document.getElementById('present').addEventListener('click', () => togglePresenting(chapterInSight()));
document.getElementById('notes').addEventListener('click', openNotes);
document.getElementById('qr-open').addEventListener('click', showQr);
