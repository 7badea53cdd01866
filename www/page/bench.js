// A short measurement of this device, as a text for a bug report: opened by a button, or by #bench.

import { copyText } from './copy.js';
import { openDialog } from './dialog.js';
import { computer, fingerprint, loadedBytes, median } from './engine-line.js';
import { megabytes } from './format.js';

const dialog = document.getElementById('bench');
const report = document.getElementById('bench-report');
const status = document.getElementById('bench-status');
const copy = document.getElementById('bench-copy');

/** Of each network so many calls, after those that warm it up; fewer, where they take longer than this together. */
const CALLS = 10;
const WARM_UP = 2;
const LONGEST_MS = 3000;

/** Each function returns, once prepared, one that makes a call. */
const stepsOf = (settings) => async (u, signal) => {
  const run = await u.start({ seed: 1, steps: WARM_UP + CALLS + 1, guidance: 1, sampler: 'euler', ...settings }, { signal });
  return () => run.step({ signal });
};
const asked = (ask) => async (u, signal) => {
  const { digit, picture, latent } = u.info;
  const zeros = ({ width, height, channels }) => new Float32Array(width * height * channels);
  return () => ask(u, { x: zeros(digit), picture: zeros(picture), latent: zeros(latent), signal });
};
const TASKS = [
  ['digits', 'U-Net', stepsOf({ model: 'digits' })],
  ['digits-blind', 'U-Net, not told σ', stepsOf({ model: 'digits-blind' })],
  ['noise-level', 'σ and its gradient', asked((u, { x, signal }) => u.noiseLevel({ x, signal }))],
  ['scorer', 'f and its gradient', asked((u, { x, signal }) => u.score({ x, sigma: 1, digit: null, signal }))],
  ['vae', 'encoder', asked((u, { picture, signal }) => u.encode({ picture, signal }))],
  ['vae', 'decoder', asked((u, { latent, signal }) => u.decode({ latent, signal }))],
  ['clip', 'CLIP, a picture', asked((u, { picture, signal }) => u.embedPicture({ picture, signal }))],
  ['clip', 'CLIP, a sentence', asked((u, { signal }) => u.embedText({ text: 'a bold red three on white paper', signal }))],
  ['text', 'text to picture', stepsOf({ model: 'text', prompt: 'a three', decode: 'never' })],
];

let measuring = new AbortController();

/** Opens the dialog, and measures. */
export async function openBench(unnoise) {
  measuring.abort();
  const { signal } = (measuring = new AbortController());
  dialog.dataset.state = 'measuring';
  copy.disabled = true;
  report.textContent = '';
  openDialog(dialog);
  const lines = [];
  for (const [i, [model, name, prepare]] of TASKS.entries()) {
    status.textContent = `Measuring ${i + 1} of ${TASKS.length}: ${name}`;
    const said = await measure(unnoise, model, prepare, signal).catch((error) => `not measured: ${error.message}`);
    if (signal.aborted) return;
    lines.push(`  ${name.padEnd(20)} ${said}`);
    report.textContent = [...describe(unnoise), 'milliseconds a call, median (least to greatest):', ...lines].join('\n');
  }
  status.textContent = 'Done.';
  copy.disabled = false;
  dialog.dataset.state = 'done';
}

async function measure(unnoise, model, prepare, signal) {
  await unnoise.ready(model, { signal });
  const call = await prepare(unnoise, signal);
  for (let i = 0; i < WARM_UP; i++) await call();
  const times = [];
  for (const began = performance.now(); times.length < CALLS && performance.now() - began < LONGEST_MS; ) {
    const from = performance.now();
    await call();
    times.push(performance.now() - from);
  }
  return `${median(times).toFixed(2)} (${Math.min(...times).toFixed(2)} to ${Math.max(...times).toFixed(2)}), ${times.length} calls`;
}

/** What is measured, and where. */
function describe({ info, choice, measured, weights }) {
  const { userAgent, hardwareConcurrency, deviceMemory } = navigator;
  return [
    `unnoise ${info.version} at ${location.origin}${location.pathname}`,
    `browser: ${userAgent}`,
    `cores: ${hardwareConcurrency ?? 'not told'}, memory: ${deviceMemory ? `${deviceMemory} GB` : 'not told'}`,
    `backend: ${computer(info)}, asked for: ${choice}`,
    `WebGPU: ${measured.reason}`,
    `loaded: ${megabytes(loadedBytes())} MB`,
    `weights: ${Object.entries(info.models).map(([name, model]) => `${name} ${fingerprint(model)}`).join(', ')}`,
    `not the site’s own: ${weights ? `${weights.networks.join(', ')}, from ${weights.from ?? 'files'}` : 'none'}`,
  ];
}

dialog.addEventListener('close', () => measuring.abort());
copy.addEventListener('click', () => copyText(copy, report.textContent, 'Select the text, and copy it.'));
