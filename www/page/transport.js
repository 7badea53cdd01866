// The playback bar of a player: restart, back, play, step, scrub, speed.
//
// The generator's stands in the HTML; the others are copies of it, so that there is one to keep right.

import { sigma } from './format.js';

const original = document.querySelector('#player .transport');

export class Transport {
  #root;
  #player = null;
  #speed;
  #onSpeed;

  /** `root`: the bar, or an empty element that becomes one. `onSpeed`: called when the visitor has chosen another speed. */
  constructor(root, { onSpeed = () => {} } = {}) {
    this.#root = root;
    this.#onSpeed = onSpeed;
    if (root !== original) copy(root);
    this.#speed = this.#part('speed').value;
    this.#part('play').addEventListener('click', () => this.#player?.toggle());
    this.#part('step').addEventListener('click', () => this.#player?.forward());
    this.#part('back').addEventListener('click', () => this.#player?.back());
    this.#part('restart').addEventListener('click', () => this.#player?.restart());
    this.#part('scrub').addEventListener('input', ({ target }) => this.#player?.seek(target.valueAsNumber));
    this.#part('speed').addEventListener('change', ({ target }) => {
      this.speed = target.value;
      this.#onSpeed(target.value);
    });
  }

  /** Every speed that can be chosen: steps a second, or 'max'. */
  get speeds() {
    return [...this.#part('speed').options].map(({ value }) => value);
  }

  get speed() {
    return this.#speed;
  }

  set speed(speed) {
    this.#speed = speed;
    this.#part('speed').value = speed;
    if (this.#player) this.#player.interval = speed === 'max' ? 0 : 1000 / Number(speed);
  }

  /** Steers a player from here on, and shows where it is. */
  follow(player) {
    this.#player = player;
    this.speed = this.#speed;
    player.addEventListener('frame', () => this.#show());
    player.addEventListener('state', () => this.#show());
  }

  #part(name) {
    return this.#root.querySelector(`[data-do="${name}"]`);
  }

  #show() {
    const { run, state } = this.#player;
    this.#root.dataset.state = state;
    this.#part('play').setAttribute('aria-label', state === 'playing' ? 'Pause' : run?.done ? 'Play again' : 'Play');
    if (!run) return;
    const { frame } = run;
    this.#part('back').disabled = run.index === 0;
    this.#part('step').disabled = run.done;
    const scrub = this.#part('scrub');
    scrub.max = frame.steps;
    scrub.value = frame.step;
    scrub.setAttribute('aria-valuetext', `step ${frame.step} of ${frame.steps}, sigma ${sigma(frame.sigma)}`);
    scrub.style.setProperty('--at', frame.step / frame.steps);
    scrub.style.setProperty('--kept', (run.frames.length - 1) / frame.steps);
  }
}

/** Fills an element with a copy of the generator's bar; its ids, of which there can be only one each, stay there. */
function copy(root) {
  root.classList.add('transport');
  root.setAttribute('role', 'group');
  root.setAttribute('aria-label', root.getAttribute('aria-label') ?? 'Playback');
  const parts = original.cloneNode(true);
  for (const part of parts.querySelectorAll('[id]')) part.removeAttribute('id');
  root.replaceChildren(...parts.childNodes);
  // Nothing has been played here yet.
  for (const part of root.querySelectorAll('button')) part.disabled = false;
  root.querySelector('[data-do="back"]').disabled = true;
  root.querySelector('[data-do="scrub"]').value = 0;
  root.querySelector('[data-do="scrub"]').removeAttribute('style');
  root.querySelector('[data-do="speed"]').value = '8';
}
