// What a network took of a text, and what it did not: said in sentences, never passed over.

import { MAX_TEXT } from '../unnoise.js';
import { count } from './format.js';

/** The words a network takes of a text. */
const WORDS = 23;
/** So many unknown words are named, and of each so many characters. */
const NAMED = 6;
const LENGTH = 24;

/** The part of a text that the library takes. */
export const takeText = (text) => text.slice(0, MAX_TEXT);

/** What was left out of a text, as sentences; '' where nothing was. `unknown` and `cut` are those of `embedText`. */
export function remarks(text, { unknown, cut }) {
  const sentences = [];
  if (text.length > MAX_TEXT) sentences.push(`Only the first ${MAX_TEXT.toLocaleString('en')} characters are read.`);
  if (unknown.length) sentences.push(`Not known, and left out: ${list(unknown)}.`);
  if (cut) sentences.push(`${count(cut, 'word')} came too late: it reads ${WORDS} at most.`);
  return sentences.join(' ');
}

function list(words) {
  const named = words.slice(0, NAMED).map((word) => `“${[...word].length > LENGTH ? `${[...word].slice(0, LENGTH).join('')}…` : word}”`);
  const more = words.length - named.length;
  return more ? `${named.join(', ')} and ${more} more` : named.join(', ');
}

/** Words end at white space, control characters and punctuation, as they do for the network. */
const BREAKS = /[\p{White_Space}\p{Cc}!-/:-@[-^`{-~]+/u;

/** The words that were read of a text, in order; `unknown` is that of `embedText`. */
export function wordsOf(text, { unknown }) {
  const left = new Set(unknown);
  return text.toLowerCase().split(BREAKS).filter((word) => word && !left.has(word)).slice(0, WORDS);
}
