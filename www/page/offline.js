// The page without a network: the service worker that keeps it, what is kept, and newer versions of the site.

import { whileBusy } from './busy.js';
import { megabytes } from './format.js';
import { make } from './make.js';
import { hush, say } from './notices.js';
import { reload } from './site.js';

const note = document.getElementById('offline-note');
const button = document.getElementById('offline-keep');
const bar = document.getElementById('offline-progress');

/** Begins to keep the page, once what it shows first is there. */
export async function keepOffline() {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return tell('This browser keeps no page for later here: it does so for pages from https:// or localhost alone, and not in private windows.');
  try {
    const registration = await serviceWorker.register('service-worker.js');
    followUpdates(registration);
    await serviceWorker.ready;
  } catch (error) {
    return tell(`The page cannot be kept for later here. (${error.message})`);
  }
  // What was opened before the worker served this page it has not seen; and more is on its way, maybe.
  new PerformanceObserver((list) => keep(list.getEntries().map(({ name }) => name))).observe({ type: 'resource', buffered: true });
  serviceWorker.addEventListener('controllerchange', () => keep([]));
}

function tell(sentence) {
  note.textContent = sentence;
  button.hidden = true;
}

/** Asks the worker to keep these files, or 'everything', and shows how far it is. Returns whether it could. */
async function keep(wanted) {
  const { active } = await navigator.serviceWorker.ready;
  const { port1: port, port2 } = new MessageChannel();
  const end = new Promise((resolve) => {
    port.onmessage = ({ data }) => {
      if (data.done || data.error) return resolve(data);
      bar.max = data.total;
      bar.value = data.kept;
    };
  });
  active.postMessage({ keep: wanted }, [port2]);
  const { kept, total, error } = await end;
  if (error) return error;
  const all = kept === total;
  note.textContent = all
    ? `All of it is kept on this device, ${megabytes(total)} MB, and works without a network.`
    : `The page and what you have used of it are kept on this device, ${megabytes(kept)} of ${megabytes(total)} MB, and work without a network.`;
  button.textContent = `Keep everything for the lecture: ${megabytes(total - kept)} MB more`;
  button.hidden = all;
  return null;
}

async function keepEverything() {
  hush(keepEverything);
  bar.hidden = false;
  // Else the browser may throw it away when room is short. Not waited for: some ask the visitor, who may say no.
  navigator.storage?.persist?.().catch(() => {});
  const error = await whileBusy([button], () => keep('everything'));
  bar.hidden = true;
  if (error) say(`Not everything could be kept: ${error}.`, keepEverything);
}

button.addEventListener('click', keepEverything);

// --- newer versions ---

const update = document.getElementById('update');

function followUpdates(registration) {
  const look = () => registration.waiting && navigator.serviceWorker.controller && offer();
  look();
  registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', look));
}

function offer() {
  if (!update.hidden) return;
  const load = make('button', { type: 'button' }, 'Load it');
  load.addEventListener('click', reload);
  update.replaceChildren('A newer version of this page is there. ', load);
  update.hidden = false;
}
