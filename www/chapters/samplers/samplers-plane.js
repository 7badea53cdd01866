// The plane that a path of pictures lies in as nearly as it can, to look at other paths in it.

/** Directions are found from every so many points: the path is smooth. */
const EVERY = 5;
/** Rounds of the power iteration: each leaves a small part of what is not the first principal direction. */
const ROUNDS = 20;

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const minus = (a, b, times = 1) => a.map((value, i) => value - times * b[i]);
const unit = (a) => {
  const length = Math.sqrt(dot(a, a)) || 1;
  return a.map((value) => value / length);
};

/** x as the page shows it: noise and picture of the same size, however much noise there is. */
const shown = ({ x, sigma }) => Float64Array.from(x, (value) => value / Math.hypot(1, sigma));

export class Plane {
  #from;
  #along;
  #bend;
  #length;
  #places = new WeakMap();

  /** `path`: frames. The first direction leads from its start to its end; the second is the first principal one of what remains. */
  constructor(path) {
    const points = path.filter((_, i) => i % EVERY === 0 || i === path.length - 1).map(shown);
    this.#from = points[0];
    const way = minus(points.at(-1), this.#from);
    this.#length = Math.sqrt(dot(way, way));
    this.#along = unit(way);
    const rest = points.map((point) => {
      const gone = minus(point, this.#from);
      return minus(gone, this.#along, dot(gone, this.#along));
    });
    this.#bend = principal(rest);
  }

  /** Where a frame lies: [along, bend], in lengths of the straight way from start to end. */
  place(frame) {
    if (!this.#places.has(frame)) {
      const gone = minus(shown(frame), this.#from);
      this.#places.set(frame, [this.#along, this.#bend].map((direction) => dot(gone, direction) / this.#length));
    }
    return this.#places.get(frame);
  }
}

/** The direction in which points lie furthest from 0, by power iteration; on its positive side at the middle one. */
function principal(points) {
  const middle = points[points.length >> 1];
  let direction = unit(middle);
  for (let round = 0; round < ROUNDS; round++) {
    const next = new Float64Array(direction.length);
    for (const point of points) {
      const far = dot(point, direction);
      for (let i = 0; i < next.length; i++) next[i] += far * point[i];
    }
    direction = unit(next);
  }
  return dot(middle, direction) < 0 ? direction.map((value) => -value) : direction;
}
