// The ways around the page: the list of chapters, the keys that lead to the next one, and addresses that name a part of it.

import { readPlace, writePlace } from './address.js';
import { isPresenting, nextStop, reveal } from './present.js';
import { bringIntoSight } from './seen.js';

/** Brings the visitor to a part of the page. */
export function goTo(section, options = {}) {
  reveal(section);
  // What is shown alone is not far.
  bringIntoSight(section, { block: 'start', ...(isPresenting() && { smooth: false }), ...options });
  section.focus({ preventScroll: true });
}

const chapters = [...document.querySelectorAll('.player, .chapter')];

/** The chapter that is being looked at. */
export function chapterInSight() {
  const middle = innerHeight / 2;
  // What is not shown has no place.
  return chapters.findLast((chapter) => chapter.getClientRects().length && chapter.getBoundingClientRect().top <= middle) ?? chapters[0];
}

/** While presenting: to the next stop in a direction, if there is one. */
export function walk(by) {
  const stop = nextStop(by);
  if (!stop) return;
  writePlace(stop.closest('.player, .chapter').id);
  goTo(stop);
}

/** Goes so many chapters further, or, with a negative number, back. */
export function goOn(by) {
  const chapter = chapters[Math.min(chapters.length - 1, Math.max(0, chapters.indexOf(chapterInSight()) + by))];
  writePlace(chapter.id);
  goTo(chapter);
}

/** Where an address leads to, "#at=noise", or a plain link to a part of this page. */
const placeOf = (hash) => document.getElementById(new URLSearchParams(hash.slice(1)).get('at') ?? hash.slice(1));

for (const link of document.querySelectorAll('a[href^="#"]')) {
  link.addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const section = placeOf(link.getAttribute('href'));
    writePlace(section.id);
    goTo(section);
  });
}

/** Goes where the address leads to, if anywhere. */
function goToPlace() {
  const place = document.getElementById(readPlace() ?? '');
  if (place) goTo(place, { smooth: false });
}

/** While presenting, a step of the history shows its chapter; else the browser scrolls there itself. */
function showPlace() {
  if (isPresenting()) goTo(document.getElementById(readPlace() ?? '') ?? chapters[0], { smooth: false });
}

/** From now on addresses lead to their place. Whoever comes back, or loads the page again, is brought there by the browser. */
export function followPlaces() {
  if (performance.getEntriesByType('navigation')[0]?.type === 'navigate') goToPlace();
  addEventListener('hashchange', () => (history.state?.own ? showPlace() : goToPlace()));
}
