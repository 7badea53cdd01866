// Keyboard shortcuts that stay out of the way: of inputs, of the browser's own, and of a page that embeds this one.

const dialog = document.getElementById('keys');
const embedded = window.self !== window.top;

/** `actions`: what each key does. They work while `region`, or nothing at all, has the focus. */
export function listen(region, actions) {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || dialog.open) return;
    const target = event.target;
    const inside = region.contains(document.activeElement);
    const free = document.activeElement === document.body || document.activeElement === null;
    if (!inside && (embedded || !free)) return;
    if (event.key === 'Escape' && inside) return document.activeElement.blur();
    if (target.closest?.('input, select, textarea, [contenteditable]')) return;
    if ((event.key === ' ' || event.key === 'Enter') && target.closest?.('button, a, summary')) return;
    const action = actions[event.key] ?? actions[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

export function showKeys() {
  if (!dialog.open) dialog.showModal();
}

document.getElementById('keys-open').addEventListener('click', showKeys);
