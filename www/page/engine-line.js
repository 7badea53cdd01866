// The line at the page's foot: what computes, how fast, how much was loaded for it, and with which weights.

import { backendName } from './backend.js';
import { megabytes, ms } from './format.js';

const line = document.getElementById('engine-line');
/** Bytes of each file so far. */
const files = new Map();
let engine = null;
/** Median milliseconds of a network call, once a run has been made. */
let call = null;

export function countBytes({ file, loaded }) {
  files.set(file, loaded);
  show();
}

export const loadedBytes = () => [...files.values()].reduce((sum, bytes) => sum + bytes, 0);

/** Takes the time of a call from the frames of a run. */
export function showCall(frames) {
  const times = frames.slice(1).map((frame, i) => frame.ms / (frame.nfe - frames[i].nfe));
  if (times.length) call = median(times);
  show();
}

export function bindEngineLine(unnoise) {
  engine = unnoise;
  for (const event of ['backend', 'weights']) unnoise.addEventListener(event, show);
  show();
}

/** By so much of its sum is a network told from another one. */
export const fingerprint = ({ sha256 }) => sha256.slice(0, 8);

/** What computes: "CPU (bundle relaxed)", or "WebGPU on", with the adapter. */
export const computer = ({ backend, adapter, bundle }) => (adapter ? `${backendName(backend)} on ${adapter}` : `${backendName(backend)} (bundle ${bundle})`);

function show() {
  if (!engine) return;
  const { info } = engine;
  const parts = [computer(info), call !== null && `${ms(call)} a call`, `${megabytes(loadedBytes())} MB loaded`, `weights ${fingerprint(info.models.unet)}`];
  line.textContent = parts.filter(Boolean).join(' · ');
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
