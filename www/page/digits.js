// Digits in words, and buttons to choose one.

import { make } from './make.js';

/** null is any. */
export const name = (digit) => (digit === null ? 'a digit' : digit === 8 ? 'an 8' : `a ${digit}`);
export const question = (digit) => `${digit === null ? 'Any digit' : digit === 8 ? 'An 8' : `A ${digit}`}?`;

const DIGITS = [...Array(10).keys(), null];

/** The eleven buttons that choose a digit, null being any. `root` may hold them already. */
export function digitButtons(root, onPick) {
  const buttons = DIGITS.map((digit) => {
    const there = root.querySelector(`[data-digit="${digit ?? 'any'}"]`);
    const button = there ?? make('button', { type: 'button', 'data-digit': digit ?? 'any', class: digit === null ? 'word' : '' }, digit ?? 'any');
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

/** The keys that choose a digit. */
export const digitKeys = (onPick) => Object.fromEntries(DIGITS.map((digit) => [digit ?? 'a', () => onPick(digit)]));
