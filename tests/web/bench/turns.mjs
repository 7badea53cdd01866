// Fair times on a machine that has more to do.

export const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** How many times of another the time is, round by round: what slows one of them slows the other too. */
export const ratio = (times, others) => median(times.map((time, round) => time / others[round]));

/** Asks in turns, `rounds` times after `warmUp` rounds, for milliseconds. Returns a list of them for each of `asks`. */
export async function inTurns(asks, { warmUp, rounds }) {
  const times = asks.map(() => []);
  for (let round = -warmUp; round < rounds; round++) {
    for (const [i, ask] of asks.entries()) {
      const ms = await ask();
      if (round >= 0) times[i].push(ms);
    }
  }
  return times;
}
