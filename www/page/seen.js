// What there is to see: waiting until it is seen, and bringing it into sight.

import { isEmbedded } from './address.js';

/** No smooth scrolling takes longer. */
const LONGEST_WAY_MS = 3000;
/** The scrolling that has not come to its end. */
let underWay = null;

/** Calls `then` once, when at least this share of an element is in sight. */
export function whenSeen(element, then, share = 0) {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    then();
  }, { threshold: share });
  observer.observe(element);
}

/**
 * Scrolls to an element: no further than is needed to see all of it, or, with `block: 'start'`, to its beginning.
 * Chapters that are passed on the way open, and grow, so that the way is corrected at its end; whoever scrolls meanwhile
 * wants to be elsewhere. A page around this one is not scrolled.
 */
export function bringIntoSight(element, { block = 'nearest', smooth = !matchMedia('(prefers-reduced-motion: reduce)').matches } = {}) {
  if (isEmbedded) return;
  underWay?.abort();
  element.scrollIntoView({ block, behavior: smooth ? 'smooth' : 'instant' });
  if (!smooth) return;
  const way = (underWay = new AbortController());
  const { signal } = way;
  // While they are captured: the key that led here is past that.
  for (const type of ['wheel', 'touchmove', 'keydown']) addEventListener(type, () => way.abort(), { signal, passive: true, capture: true });
  // A browser that still scrolls does not go back to where it was (Chromium), or scrolls on from there; what it had
  // scrolled in a thread of its own may come a frame later.
  addEventListener('popstate', ({ state }) => {
    way.abort();
    const goBack = () => scrollTo({ top: state?.top ?? scrollY, behavior: 'instant' });
    goBack();
    requestAnimationFrame(goBack);
  }, { signal, capture: true });
  addEventListener('scrollend', () => element.scrollIntoView({ block, behavior: 'instant' }), { signal });
  setTimeout(() => way.abort(), LONGEST_WAY_MS);
}
