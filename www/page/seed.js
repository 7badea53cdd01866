// Seeds, and the field to choose one.
//
// The generator's field stands in the HTML; the others are copies of it.

import { make } from './make.js';
import { say } from './notices.js';

/** New seeds are short enough to be read out in a lecture. */
const SEEDS = 10000;

export const newSeed = () => Math.floor(Math.random() * SEEDS);

const original = document.querySelector('#player .seed');

export class SeedField {
  #input;
  #seed;
  #onSeed;

  /** `root`: the field, or an empty element that becomes one; `id`: what the ids in it begin with then. `onSeed` gets every seed that is chosen. */
  constructor(root, { id, onSeed }) {
    this.#onSeed = onSeed;
    if (!root.contains(original)) root.append(make('label', { for: `${id}-seed` }, 'Seed'), copy(id));
    this.#input = root.querySelector('input');
    this.#input.addEventListener('change', () => this.#choose());
    root.querySelector('button').addEventListener('click', this.reroll);
  }

  show(seed) {
    this.#seed = seed;
    this.#input.value = seed;
  }

  /** Chooses another one. */
  reroll = () => this.#onSeed(newSeed());

  #choose() {
    if (this.#input.checkValidity()) return this.#onSeed(this.#input.valueAsNumber);
    say('A seed is a whole number from 0 to 9007199254740991.');
    this.show(this.#seed);
  }
}

function copy(id) {
  const parts = original.cloneNode(true);
  for (const part of parts.querySelectorAll('[id]')) part.id = `${id}-${part.id}`;
  return parts;
}
