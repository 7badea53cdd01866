// Keyboard shortcuts that stay out of the way: of inputs, of the browser's own, and of a page that embeds this one.

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

/** `actions`: what each key does, beside '?' which lists them. They work while `region` has the focus, or nothing has it and `region` is what is being looked at. */
export function listen(region, actions) {
  regions.set(region, { '?': showKeys, ...actions });
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

document.addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || dialog.open) return;
  const region = addressed();
  if (!region) return;
  const target = event.target;
  if (event.key === 'Escape' && region.contains(document.activeElement)) return document.activeElement.blur();
  if (target.closest?.('input, select, textarea, [contenteditable]')) return;
  if ((event.key === ' ' || event.key === 'Enter') && target.closest?.('button, a, summary')) return;
  const actions = regions.get(region);
  const action = actions[event.key] ?? actions[event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  action();
});

function showKeys() {
  if (!dialog.open) dialog.showModal();
}

document.getElementById('keys-open').addEventListener('click', showKeys);
