// Pictures under noise, as numbers.

/** A picture with `sigma` times the noise: what a network gets, and `noisyImage` shows. */
export function noised(picture, noise, sigma) {
  return { x: picture.map((value, i) => value + sigma * noise[i]), width: 28, height: 28, sigma };
}

export const meanSquare = (a, b) => a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.length;

/** The root mean square difference. */
export const distance = (a, b) => Math.sqrt(meanSquare(a, b));
