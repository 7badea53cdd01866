// A progress bar on top of a part of the page, while weights for it are on their way.

import { megabytes } from './format.js';
import { make } from './make.js';

const PATIENCE_MS = 150;

/** Waits for `promise`; shows what arrives meanwhile in a box on `place`, unless it is over in a moment. */
export async function showLoading(place, unnoise, promise) {
  const bar = make('progress');
  const label = make('label', {}, 'Loading the network', bar);
  const box = make('div', { class: 'loading', hidden: '' }, label);
  place.append(box);

  const files = new Map();
  const follow = ({ detail: { file, loaded, total } }) => {
    files.set(file, { loaded, total });
    const sum = (name) => [...files.values()].reduce((sum, part) => sum + part[name], 0);
    const whole = [...files.values()].every((part) => part.total) ? sum('total') : null;
    const done = whole && sum('loaded') >= whole;
    label.firstChild.data = done ? 'Starting the network' : `Loading the network: ${megabytes(sum('loaded'))}${whole ? ` of ${megabytes(whole)}` : ''} MB`;
    if (whole && !done) {
      bar.max = whole;
      bar.value = sum('loaded');
    } else bar.removeAttribute('value');
  };
  unnoise.addEventListener('progress', follow);
  const timer = setTimeout(() => (box.hidden = false), PATIENCE_MS);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    unnoise.removeEventListener('progress', follow);
    box.remove();
  }
}
