// Digits in words, and buttons to choose one.

import { make } from './make.js';

/** null is any. */
export const name = (digit) => (digit === null ? 'a digit' : digit === 8 ? 'an 8' : `a ${digit}`);
export const question = (digit) => `${digit === null ? 'Any digit' : digit === 8 ? 'An 8' : `A ${digit}`}?`;

/** The eleven buttons that choose a digit, null being any. */
export function digitButtons(root, onPick) {
  const buttons = [...Array(10).keys(), null].map((digit) => {
    const button = make('button', { type: 'button', 'data-digit': digit ?? 'any', class: digit === null ? 'word' : '' }, digit ?? 'any');
    button.addEventListener('click', () => onPick(digit));
    return button;
  });
  root.append(...buttons);
  return {
    show(digit) {
      for (const button of buttons) button.setAttribute('aria-pressed', String(button.dataset.digit === String(digit ?? 'any')));
    },
  };
}
