// Texts for the clipboard.

import { say } from './notices.js';

const COPIED_MS = 2000;

/** Copies a text, which the button says then, or says `otherwise`; returns whether the browser let the page. */
export async function copyText(button, text, otherwise) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    say(`This browser did not let the page copy. ${otherwise}`);
    return false;
  }
  button.dataset.label ??= button.textContent;
  button.textContent = 'Copied';
  setTimeout(() => (button.textContent = button.dataset.label), COPIED_MS);
  return true;
}
