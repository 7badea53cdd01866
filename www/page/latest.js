// A slider that is dragged asks faster than the network answers: only the newest question counts.

/**
 * A function that runs `work` for the newest arguments only, never two at once; what was asked in between is left out.
 * Each call returns a promise for the moment when nothing is left to do. It rejects with the error of the newest work.
 */
export function latest(work) {
  let waiting = null;
  let loop = null;

  async function run() {
    try {
      while (waiting) {
        const args = waiting;
        waiting = null;
        try {
          await work(...args);
        } catch (error) {
          if (!waiting) throw error; // nobody waits for the answer to an older question
        }
      }
    } finally {
      loop = null;
    }
  }

  return (...args) => {
    waiting = args;
    return (loop ??= run());
  };
}
