// What the page has to say: errors as sentences in the alert region, and a status line that does not chatter.

const alertBox = document.getElementById('alert');
const STATUS_MS = 1000;

/** Shows a sentence until it is dismissed; `retry`, when given, is what "Try again" does. */
export function say(sentence, retry) {
  const text = document.createElement('p');
  text.textContent = sentence;
  const buttons = document.createElement('div');
  if (retry) {
    buttons.append(button('Try again', 'primary', () => {
      hush();
      retry();
    }));
  }
  buttons.append(button('Dismiss', '', hush));
  alertBox.replaceChildren(text, buttons);
  alertBox.classList.add('shown');
}

export function hush() {
  alertBox.classList.remove('shown');
  alertBox.replaceChildren();
}

function button(label, className, onClick) {
  const element = document.createElement('button');
  element.type = 'button';
  element.className = className;
  element.textContent = label;
  element.addEventListener('click', onClick);
  return element;
}

/** A function that sets a status line; a screen reader hears at most one line a second, and always the last one. */
export function statusLine(element) {
  let waiting;
  let last = 0;
  return (text) => {
    clearTimeout(waiting);
    const wait = last + STATUS_MS - performance.now();
    const show = () => {
      last = performance.now();
      if (element.textContent !== text) element.textContent = text;
    };
    if (wait <= 0) show();
    else waiting = setTimeout(show, wait);
  };
}

/** Sets the generator's status line. */
export const status = statusLine(document.getElementById('status'));
