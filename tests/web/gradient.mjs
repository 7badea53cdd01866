// The gradients that the browser takes are the slopes of what they are gradients of, on either backend.

import assert from 'node:assert/strict';

import { quick } from './visit.mjs';

/** How far a pixel is moved either way, and how far the slope may be off, as a share of the steepest one: f is computed in 32 bits. */
const H = 0.02;
const TOLERANCE = 0.05;

/** Slopes by finite differences at some pixels, beside the gradient: pairs [difference, gradient], and the steepest gradient. */
function slopes(visit, question, backend) {
  return visit.page.evaluate(
    async ({ question, backend, h }) => {
      const u = window.unnoise;
      await u.use(backend);
      const noise = await u.noise({ seed: 11 });
      const ask = async (x) => {
        if (question === 'noise-level') {
          const { sigma, gradient } = await u.noiseLevel({ x });
          return { value: sigma, gradient };
        }
        const { logF, gradient } = await u.score({ x, sigma: 0.6, digit: question });
        return { value: logF, gradient };
      };
      const x = noise.map((v) => 0.6 * v - 0.5);
      const { gradient } = await ask(x);
      const pairs = [];
      for (let pixel = 60; pixel < 784; pixel += 67) {
        const moved = async (by) => (await ask(x.map((v, i) => (i === pixel ? v + by : v)))).value;
        pairs.push([((await moved(h)) - (await moved(-h))) / (2 * h), gradient[pixel]]);
      }
      return { pairs, steepest: Math.max(...gradient.map(Math.abs)) };
    },
    { question, backend, h: H },
  );
}

const holds = (backend, question) => async (t) => {
  const visit = await quick(t, '', { query: `backend=${backend}` });
  const { pairs, steepest } = await slopes(visit, question, backend);
  assert.ok(steepest > 0, 'the gradient is nothing');
  for (const [difference, gradient] of pairs) {
    assert.ok(Math.abs(difference - gradient) <= TOLERANCE * steepest, `${difference} by differences, ${gradient} by the gradient, ${steepest} at most`);
  }
};

const tests = (backend) => ({
  'the gradient of log f is its slope': holds(backend, 3),
  'the gradient of log f of any digit is its slope': holds(backend, null),
  'the gradient of the noise level is its slope': holds(backend, 'noise-level'),
});

export const gradientCpu = tests('cpu');
export const gradientWebgpu = tests('webgpu');
