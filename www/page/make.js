// Elements, made in one expression.

/** An element with these attributes and, in it, elements and texts. */
export function make(tag, attributes = {}, ...content) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    // A strict host's policy lets scripts set styles, but not as attributes.
    if (name === 'style') element.style.cssText = value;
    else element.setAttribute(name, value);
  }
  element.append(...content);
  return element;
}
