// The list of chapters: brings the visitor there, without touching what stands in the address.

const place = (link) => document.getElementById(link.getAttribute('href').slice(1));

export function goTo(section, { smooth = !matchMedia('(prefers-reduced-motion: reduce)').matches } = {}) {
  section.scrollIntoView({ behavior: smooth ? 'smooth' : 'instant' });
  section.focus({ preventScroll: true });
}

// Links to a part of this page, the one that skips to the generator too.
for (const link of document.querySelectorAll('a[href^="#"]')) {
  link.addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    goTo(place(link));
  });
}
