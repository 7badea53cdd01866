// What became of a sentence: what CLIP takes a coloured picture for, attribute by attribute, and what is measured in it.

import { percent } from '../../page/format.js';
import { make } from '../../page/make.js';
import { cssColour } from '../../page/scene-picker.js';

export const DIGITS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
/** Where CLIP has learnt a value under another name. */
const SAID = { thickness: { medium: 'regular' }, slant: { left: 'left leaning', right: 'slanted' } };
const TITLES = { digit: 'Digit', ink: 'Ink', paper: 'Paper', thickness: 'Strokes', slant: 'Slant', size: 'Size' };
const NAMES = Object.keys(TITLES);
const valuesOf = ({ scene }, name) => (name === 'digit' ? DIGITS : scene[name]);
/** The cosine at the end of a bar: those of sentences of which all is true are about 0.4. */
export const TOP = 0.5;
/** How far a cosine fills a bar, 0 to 1. */
export const fill = (cosine) => Math.max(0, Math.min(1, cosine / TOP));
/** Passes over all attributes; the second seldom changes anything. */
const PASSES = 2;

/** One sentence of all attributes. */
function compose(scene) {
  const { digit, ink, paper, thickness, slant, size } = Object.fromEntries(NAMES.map((name) => [name, SAID[name]?.[scene[name]] ?? scene[name]]));
  return `a ${size} ${thickness} ${slant} ${ink} ${digit} on ${paper} paper`;
}

/**
 * The sentence that fits a picture best: `{ sentence, cosine, attributes }`, the latter the best value of each and its
 * share among all. There are 27,000 such sentences; each attribute is settled in turn while the others stay as they are.
 * `embed` makes embeddings of a list of sentences.
 */
export async function bestFit(info, picture, embed) {
  const scene = { digit: 'three', ink: 'black', paper: 'white', thickness: 'medium', slant: 'upright', size: 'medium' };
  const attributes = {};
  let cosine = -1;
  for (let pass = 0; pass < PASSES; pass++) {
    const before = compose(scene);
    for (const name of NAMES) {
      const values = valuesOf(info, name);
      const texts = await embed(values.map((value) => compose({ ...scene, [name]: value })));
      const cosines = texts.map(({ embedding }) => dot(embedding, picture));
      cosine = Math.max(...cosines);
      const best = cosines.indexOf(cosine);
      scene[name] = values[best];
      const sum = cosines.reduce((sum, each) => sum + Math.exp(texts[best].scale * (each - cosine)), 0);
      attributes[name] = { value: values[best], share: 1 / sum };
    }
    if (compose(scene) === before) break;
  }
  return { sentence: compose(scene), cosine, attributes };
}

export const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

/** The cosines as bars, and the table of the attributes. */
export class Verdict {
  #own;
  #best;
  #rows;

  #info;

  /** `fits` and `table`: empty elements. `id`: what the ids in them begin with; `info`: the engine's. */
  constructor(fits, table, { id, info }) {
    this.#info = info;
    this.#own = new Fit(`${id}-own`, 'Your sentence');
    this.#best = new Fit(`${id}-best`, 'The one that fits best, of 27,000 sentences');
    fits.append(this.#own.root, this.#best.root);
    this.#rows = NAMES.map((name) => {
      const cells = ['fits', 'share', 'measured'].map((column) => make('td', { id: `${id}-${name}-${column}`, class: column }, '–'));
      table.append(make('tr', {}, make('th', { scope: 'row' }, TITLES[name]), ...cells));
      return { name, cells };
    });
  }

  /** What the visitor's own sentence came to. */
  #cosine = null;

  /** Shows how well a sentence fits; both null where anything was welcome. Without a cosine there is nothing to judge yet. */
  showOwn(sentence, cosine) {
    this.#cosine = sentence === null ? null : cosine;
    this.#own.show(sentence === null ? 'You have asked for nothing, and anything fits that.' : `“${sentence}”`, cosine);
  }

  /** Shows what `bestFit` has found and what is measured; null where there is nothing. */
  showFindings(best, measured) {
    const beaten = best !== null && this.#cosine !== null && this.#cosine > best.cosine;
    this.#best.title = beaten ? 'Yours fits better than the best of 27,000 others' : 'The one that fits best, of 27,000 sentences';
    this.#best.show(best ? `“${best.sentence}”` : '–', best?.cosine ?? null);
    for (const { name, cells: [fits, share, seen] } of this.#rows) {
      const found = best?.attributes[name];
      const word = measured?.[name];
      fits.replaceChildren(...value(this.#info, found?.value));
      share.textContent = found ? percent(found.share) : '';
      seen.replaceChildren(...value(this.#info, word));
      const apart = Boolean(found && word && found.value !== word);
      seen.classList.toggle('apart', apart);
      seen.title = apart ? 'CLIP says otherwise' : '';
    }
  }
}

class Fit {
  #text = make('p', { class: 'sentence' });
  #value;
  #bar = make('i');

  #title;

  constructor(id, title) {
    this.#title = make('p', { class: 'of', id: `${id}-title` }, title);
    this.#value = make('b', { id }, '–');
    this.#text.id = `${id}-text`;
    this.root = make('div', { class: 'fit' }, this.#title, this.#value, this.#text, make('div', { class: 'track', 'aria-hidden': 'true' }, this.#bar));
  }

  set title(title) {
    this.#title.textContent = title;
  }

  show(text, cosine) {
    this.#text.textContent = text;
    this.#value.textContent = cosine === null ? '–' : cosine.toFixed(2).replace('-', '−');
    this.#bar.style.width = `${100 * fill(cosine ?? 0)}%`;
  }
}

/** A value of an attribute, with its colour if it is one. */
function value(info, word) {
  if (!word) return ['–'];
  return word in info.colours ? [make('i', { class: 'swatch', style: `background: ${cssColour(info, word)}`, 'aria-hidden': 'true' }), word] : [word];
}
