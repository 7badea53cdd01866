// What a network took of a text, and what it did not: said in sentences, never passed over.

import { capital } from './classes.js';

/**
 * A function that says what `embedText` says of each text of a list. New ones go through the network together; the last
 * `most` are remembered.
 */
export function reader(unnoise, most) {
  const readings = new Map();
  unnoise.addEventListener('weights', () => readings.clear());
  return (texts) => {
    const fresh = [...new Set(texts)].filter((text) => !readings.has(text));
    const asked = fresh.length && unnoise.embedTexts({ texts: fresh });
    for (const [i, text] of fresh.entries()) {
      const reading = asked.then((all) => all[i]);
      readings.set(text, reading);
      reading.catch(() => readings.delete(text));
    }
    const answer = Promise.all(texts.map((text) => readings.get(text)));
    for (const text of readings.keys()) {
      if (readings.size <= most) break;
      readings.delete(text);
    }
    return answer;
  };
}

/** The part of a text that the library takes. */
export const takeText = ({ limits }, text) => text.slice(0, limits.text);

/** What whoever wrote a text should know of how it is read, as sentences; '' where nothing. `remarks` are those of `embedText`. */
export function remarksOn({ limits }, text, { remarks }) {
  const sentences = remarks.map(({ text }) => `${capital(text)}.`);
  if (text.length > limits.text) sentences.unshift(`Only the first ${limits.text.toLocaleString('en')} characters are read.`);
  return sentences.join(' ');
}
