// What begins only when there is somebody to see it.

/** Calls `then` once, when at least this share of an element is in sight. */
export function whenSeen(element, then, share = 0) {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    then();
  }, { threshold: share });
  observer.observe(element);
}
