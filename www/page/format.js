// Numbers as the page writes them.

export const ms = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

export const duration = (value) => (value < 1000 ? ms(value) : `${(value / 1000).toFixed(1)} s`);

export const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

/** An amount of noise. */
export const sigma = (value) => (value === 0 ? '0' : value >= 10 ? value.toFixed(1) : value >= 1 ? value.toFixed(2) : value.toFixed(3));

export const count = (n, what) => `${n} ${what}${n === 1 ? '' : 's'}`;

/** A probability; never a round 0 or 100, since a network is never that sure. */
export function percent(p) {
  if (p >= 0.9995) return '> 99.9 %';
  if (p < 0.0005) return '< 0.1 %';
  return `${(100 * p).toFixed(1)} %`;
}

/** A number with its sign, so that rising and falling are told apart at a glance. */
export function signed(value, digits = 3) {
  const size = Math.abs(value);
  const text = size === 0 ? '0' : size >= 0.001 && size < 1000 ? size.toFixed(digits) : size.toExponential(1).replace('e', ' · 10^').replace('^+', '^');
  return `${value > 0 ? '+' : value < 0 ? '−' : ''}${superscript(text)}`;
}

const superscript = (text) => text.replace(/\^(-?)(\d+)/, (_, minus, digits) => (minus ? '⁻' : '') + [...digits].map((digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[digit]).join(''));

/** What an address says, or undefined where it says no such thing. */
export const parseWhole = (text, from, to) => (/^\d+$/.test(text) && Number(text) >= from && Number(text) <= to ? Number(text) : undefined);
export const parseSeed = (text) => parseWhole(text, 0, Number.MAX_SAFE_INTEGER);
export const parseNumber = (text, from, to) => (text !== '' && Number(text) >= from && Number(text) <= to ? Number(text) : undefined);
/** What a slider can be set to. */
export const parseSlider = ({ min, max, step }) => (text) => (step === '1' ? parseWhole : parseNumber)(text, Number(min), Number(max));
export const parseWord = (text, words) => (words.includes(text) ? text : undefined);
