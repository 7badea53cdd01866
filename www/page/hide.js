// What has not been taught yet: controls that a lecturer hides, in a dialog or by the address, `#hide=guidance,scorer.steps`.
// They keep what is set in them.
//
// A control is an element with data-hide; that is its name, with its chapter's before it, as in the settings of an address.
// Elements of one name go together. In the dialog it is called by its data-hide-as, or its label, legend or heading.

import { readHidden, writeHidden } from './address.js';
import { openDialog } from './dialog.js';
import { make } from './make.js';
import { say } from './notices.js';

/** The elements of each control, by its name, in the order of the page. */
const controls = new Map();
for (const element of document.querySelectorAll('[data-hide]')) {
  const { chapter } = element.closest('[data-chapter]').dataset;
  const name = chapter === 'generate' ? element.dataset.hide : `${chapter}.${element.dataset.hide}`;
  if (!controls.has(name)) controls.set(name, []);
  controls.get(name).push(element);
}

/** The names of those that the address hides. */
const hidden = () => (readHidden() ?? '').split(',').filter(Boolean);

/** Hides what the address says, and nothing else. */
export function applyHidden() {
  const names = hidden();
  for (const [name, elements] of controls) for (const element of elements) element.toggleAttribute('data-untaught', names.includes(name));
  const unknown = names.filter((name) => !controls.has(name));
  if (unknown.length) say(`The address hides ${unknown.join(', ')}, which this page does not have.`);
  for (const box of dialog?.querySelectorAll('input') ?? []) box.checked = names.includes(box.name);
}

// --- the dialog ---

let dialog = null;

export function openHide() {
  dialog ??= build();
  applyHidden();
  openDialog(dialog);
}

function build() {
  const groups = Map.groupBy(controls.keys(), (name) => controls.get(name)[0].closest('[data-chapter]'));
  const lists = [...groups].map(([chapter, names]) => {
    const title = chapter.querySelector('h2')?.textContent ?? chapter.getAttribute('aria-label');
    return make('fieldset', {}, make('legend', {}, title), ...names.map((name) => make('label', {}, make('input', { type: 'checkbox', name }), labelOf(name))));
  });
  const all = make('button', { type: 'button' }, 'Show everything');
  const form = make('form', { method: 'dialog' },
    make('h2', { id: 'hide-title', tabindex: -1 }, 'Hide what is not taught yet'),
    make('p', {}, 'What is ticked is not shown, here and wherever the link to this page is opened; it stays as it is set.'),
    make('div', { class: 'controls' }, ...lists),
    make('div', { class: 'row' }, make('button', { class: 'primary' }, 'Close'), all));
  const made = make('dialog', { id: 'hide', 'aria-labelledby': 'hide-title' }, form);
  const tick = () => {
    writeHidden([...made.querySelectorAll('input:checked')].map((box) => box.name).join(','));
    applyHidden();
  };
  made.addEventListener('change', tick);
  all.addEventListener('click', () => {
    for (const box of made.querySelectorAll('input')) box.checked = false;
    tick();
  });
  document.body.append(made);
  return made;
}

/** What a control is called on the page, without the value that stands beside it. */
function labelOf(name) {
  const elements = controls.get(name);
  const named = elements.find(({ dataset }) => dataset.hideAs);
  if (named) return named.dataset.hideAs;
  const [element] = elements;
  const title = element.matches('label, [aria-label]') ? element : element.querySelector('legend, label, h3, [aria-label]');
  const text = title.getAttribute('aria-label') ?? [...title.childNodes].filter((node) => node.nodeName !== 'OUTPUT').map((node) => node.textContent).join('');
  return text.split(':')[0].trim();
}
