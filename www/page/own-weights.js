// Weights of the visitor's own in the place of the site's: taken from files or an address, told of, and given back.

import { takeAnew, writeQuery } from './address.js';
import { whileBusy } from './busy.js';
import { fingerprint } from './engine-line.js';
import { make } from './make.js';
import { hush, say } from './notices.js';

const root = document.documentElement;
const banner = document.getElementById('foreign');
const note = document.getElementById('weights-note');
const list = document.getElementById('weights-list');
const open = document.getElementById('weights-open');
const back = document.getElementById('weights-back');
const input = document.getElementById('weights-files');

/** Networks that are of use together alone: one is trained to follow the others. */
const COMPANIONS = ['clip', 'vae', 'text'];
const OWN = note.textContent;
/** So many are named at the page's top. */
const FEW = 3;

/** `loading(promise)` shows the progress of what is being loaded. */
export function bindWeights(unnoise, loading) {
  async function take(weights) {
    hush();
    try {
      await whileBusy([open, back], () => loading(unnoise.useWeights(weights)));
      writeQuery('weights', null); // an address that named others
      takeAnew();
    } catch (error) {
      say(`${error.message} ${unnoise.weights ? 'The weights before' : 'The site’s own'} stay in use.`);
    }
  }

  const show = () => tell(unnoise, () => take(null));
  unnoise.addEventListener('weights', show);
  show();

  open.addEventListener('click', () => input.click());
  back.addEventListener('click', () => take(null));
  input.addEventListener('change', () => {
    const files = [...input.files];
    input.value = '';
    if (files.length) take(files);
  });
  for (const button of [open, input]) button.disabled = false;

  const carries = ({ dataTransfer }) => dataTransfer?.types.includes('Files');
  addEventListener('dragover', (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    root.dataset.dropping = '';
  });
  addEventListener('dragleave', ({ relatedTarget }) => relatedTarget || delete root.dataset.dropping);
  addEventListener('drop', async (event) => {
    delete root.dataset.dropping;
    if (!carries(event)) return;
    event.preventDefault();
    take(await filesOf(event.dataTransfer));
  });
}

/** The files that were dropped, and those in a folder that was. */
async function filesOf({ items, files }) {
  // Both are gone once the event is over.
  const [entries, plain] = [[...items].filter(({ kind }) => kind === 'file').map((item) => item.webkitGetAsEntry?.()), [...files]];
  const found = await Promise.all(entries.map((entry, i) => (entry?.isDirectory ? filesIn(entry) : [plain[i]])));
  return found.flat().filter(Boolean);
}

async function filesIn(folder) {
  const reader = folder.createReader();
  const found = [];
  // A part of them at a time, until there are none.
  for (let part = null; part === null || part.length; ) {
    part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    found.push(...part.filter(({ isFile }) => isFile));
  }
  return Promise.all(found.map((entry) => new Promise((resolve, reject) => entry.file(resolve, reject))));
}

/** Says whose weights are shown, and how good they were measured to be. */
function tell({ weights, info }, giveBack) {
  banner.hidden = back.hidden = weights === null;
  list.replaceChildren();
  if (!weights) {
    // What is said once is not said again.
    if (note.textContent !== OWN) note.textContent = OWN;
    return;
  }
  const { networks, from } = weights;
  const names = networks.join(', ');
  const button = make('button', { type: 'button' }, 'Back to the site’s own');
  button.addEventListener('click', giveBack);
  banner.replaceChildren(`Not the site’s own weights: ${networks.length > FEW ? `${networks.length} networks` : names}. `, button);

  const others = Object.keys(info.models).filter((name) => !networks.includes(name));
  const rest = others.length ? ` The site’s own go on for ${others.join(', ')}.` : '';
  const apart = COMPANIONS.filter((name) => networks.includes(name));
  const strangers = apart.length && apart.length < COMPANIONS.length ? ' In text to picture (clip, vae and text together) each was trained for the others: with a stranger among them it may draw nonsense.' : '';
  note.textContent = `These networks are ${from ? `from ${from}` : 'from your files, until the page is closed'}: ${names}.${rest}${strangers}`;
  list.append(...networks.map((name) => make('li', {}, make('b', {}, name), ` ${figures(info.models[name])}`)));
}

const whole = (value) => Math.round(value).toLocaleString('en');

/** What a manifest says of a network, as far as it does. */
function figures({ sha256, parameters, training, quality }) {
  const measured = Object.values(Object(quality)).map(judged).find(Boolean) ?? 'how good it is was not measured: `unnoise eval --record` does';
  const parts = [
    Number.isFinite(parameters) && `${whole(parameters)} parameters`,
    Number.isFinite(training?.samples) && `trained with ${whole(training.samples)} samples`,
    Number.isFinite(training?.validationLoss) && `validation loss ${training.validationLoss.toPrecision(3)}`,
    measured,
    `fingerprint ${fingerprint({ sha256 })}`,
  ];
  return `${parts.filter(Boolean).join('; ')}.`;
}

/** What was measured of it in one sentence, or undefined. */
function judged(figures) {
  const { lenet, unseen, sameDigit, digit, count } = figures?.afterQuantisation ?? {};
  const share = (value) => Number.isFinite(value) && `${(100 * value).toFixed(1)} %`;
  if (share(lenet?.accuracy)) {
    const times = lenet.ratio?.mean;
    return `${share(lenet.accuracy)} of ${whole(lenet.count)} digits are read as asked for${Number.isFinite(times) ? `, Fréchet distance ${times.toFixed(1)} times that of real ones` : ''}`;
  }
  if (share(unseen?.digit)) return `${share(unseen.digit)} of ${whole(unseen.count)} pictures show the digit of their sentence`;
  if (share(digit)) return `it names the digit of ${share(digit)} of ${whole(count)} pictures`;
  if (share(sameDigit)) return `in ${share(sameDigit)} of ${whole(count)} pictures the same digit is seen as before`;
  return undefined;
}
