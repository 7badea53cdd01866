// The playback bar of a player: restart, back, play, step, scrub, speed.
//
// The generator's stands in the HTML; the others are copies of it, so that there is one to keep right.

import { sigma } from './format.js';

const original = document.querySelector('#player .transport');

/** Whether nobody looks: then nothing plays. */
let resting = false;
for (const type of ['rest', 'wake']) document.addEventListener(type, () => (resting = type === 'rest'));

export class Transport {
  #root;
  #player = null;
  #speed;
  #onSpeed;
  /** Whether it goes on as soon as somebody looks. */
  #waits = false;
  /** Whether it is being paused: the players of a group tell one by one. */
  #pausing = false;

  /** `root`: the bar, or an empty element that becomes one. `onSpeed`: called when the visitor has chosen another speed. */
  constructor(root, { onSpeed = () => {} } = {}) {
    this.#root = root;
    this.#onSpeed = onSpeed;
    if (root !== original) copy(root);
    this.#speed = this.#part('speed').value;
    document.addEventListener('rest', () => this.#rest());
    document.addEventListener('wake', () => this.#wake());
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

  /** Steers a player from here on, shows where it is, and tells it by the event `played`. */
  follow(player) {
    this.#player = player;
    this.speed = this.#speed;
    for (const type of ['frame', 'state']) {
      player.addEventListener(type, () => {
        this.#show();
        this.#tell(type);
        if (resting) this.#rest();
      });
    }
  }

  #tell(type) {
    const { run, state } = this.#player;
    if (!run) return;
    const { step, steps } = run.frame;
    this.#root.dispatchEvent(new CustomEvent('played', { bubbles: true, detail: { type, state, step, steps } }));
  }

  #rest() {
    if (this.#pausing || !this.#player?.playing) return;
    this.#waits = this.#pausing = true;
    this.#player.toggle();
    this.#pausing = false;
  }

  #wake() {
    const { run, playing, seeking } = this.#player ?? {};
    if (this.#waits && run && !run.done && !playing && !seeking) this.#player.toggle();
    this.#waits = false;
  }

  #part(name) {
    return this.#root.querySelector(`[data-do="${name}"]`);
  }

  #show() {
    const { run, state } = this.#player;
    this.#root.dataset.state = state;
    this.#part('play').title = `${state === 'playing' ? 'Pause' : run?.done ? 'Play again' : 'Play'} (space)`;
    if (!run) return;
    const { frame } = run;
    able(this.#part('back'), run.index > 0);
    able(this.#part('step'), !run.done);
    const scrub = this.#part('scrub');
    scrub.max = frame.steps;
    scrub.value = frame.step;
    scrub.setAttribute('aria-valuetext', `step ${frame.step} of ${frame.steps}, sigma ${sigma(frame.sigma)}`);
    scrub.style.setProperty('--at', frame.step / frame.steps);
    scrub.style.setProperty('--kept', (run.frames.length - 1) / frame.steps);
  }
}

/** Says whether a button has anything to do. One that has not keeps the focus: a key that is pressed once more must not land elsewhere. */
const able = (button, is) => button.setAttribute('aria-disabled', String(!is));

/** Fills an element with a copy of the generator's bar; its ids, of which there can be only one each, stay there. */
function copy(root) {
  root.classList.add('transport');
  root.setAttribute('role', 'group');
  root.setAttribute('aria-label', root.getAttribute('aria-label') ?? 'Playback');
  const parts = original.cloneNode(true);
  for (const part of parts.querySelectorAll('[id]')) part.removeAttribute('id');
  root.replaceChildren(...parts.childNodes);
  // Nothing has been played here yet.
  for (const part of root.querySelectorAll('button')) able(part, part.dataset.do !== 'back');
  root.querySelector('[data-do="scrub"]').value = 0;
  root.querySelector('[data-do="scrub"]').removeAttribute('style');
  root.querySelector('[data-do="speed"]').value = '8';
}
