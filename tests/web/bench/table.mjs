// The tables that a benchmark prints.

export const ms = (value) => `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ms`;
export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(3)} MB`;
export const times = (value) => value.toFixed(2);

/** Prints rows of cells, the first of each to the left, below a title and a head. */
export function print(title, head, rows) {
  const all = [head, ...rows].map((cells) => head.map((_, column) => cells[column] ?? ''));
  const width = head.map((_, column) => Math.max(...all.map((cells) => cells[column].length)));
  console.log(`\n${title}\n`);
  for (const cells of all) console.log(cells.map((cell, column) => (column ? cell.padStart(width[column]) : cell.padEnd(width[column]))).join('  ').trimEnd());
}
