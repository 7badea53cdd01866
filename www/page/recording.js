// What is seen while the first weights are on their way: the opening run, as it went when the weights were made. It is
// said to be a recording, and gives way to the run itself once that has come as far.
// A plain script, which runs where it stands: a module would wait for much of the page.
//
// tests/web/record.mjs makes recording.webp: the two pictures of every step, one above the other, as a film strip. A site
// with other weights than it was recorded of has none, and no link to it.

{
  const SIDE = 28;
  /** As fast as a run is played. */
  const STEP_MS = 125;

  const link = document.getElementById('recording-film');
  const stage = document.querySelector('#player .stage');
  const screens = ['x', 'denoised'].map((id) => document.getElementById(id));
  const unasked = document.getElementById('unasked');

  class Recording {
    /** The step that is shown, or null while none is. */
    step = null;
    #over = false;

    /** A picture of the film that cannot be had is not missed: the run itself is on its way. */
    async play() {
      const film = new Image();
      film.src = link.href;
      await film.decode().catch(() => (this.#over = true));
      if (this.#over) return;
      const last = film.width / SIDE - 1;
      const began = performance.now();
      const show = () => {
        if (this.#over) return;
        // Whoever wants no motion sees where it ends.
        const step = matchMedia('(prefers-reduced-motion: reduce)').matches ? last : Math.min(last, Math.floor((performance.now() - began) / STEP_MS));
        if (step !== this.step) {
          this.step = stage.dataset.recorded = step;
          for (const [row, canvas] of screens.entries()) {
            canvas.getContext('2d').drawImage(film, step * SIDE, row * SIDE, SIDE, SIDE, 0, 0, SIDE, SIDE);
          }
          unasked.hidden = step > 0;
        }
        if (step < last) requestAnimationFrame(show);
      };
      show();
    }

    /** The run itself takes its place. */
    stop() {
      this.#over = true;
      this.step = null;
      delete stage?.dataset.recorded;
    }
  }

  window.recording = new Recording();

  // The address asks for nothing else than the opening run, by the site's own weights.
  const query = new URLSearchParams(location.search);
  if (link && stage && !location.hash.includes('=') && !query.has('embed') && !query.has('weights')) window.recording.play();
}
