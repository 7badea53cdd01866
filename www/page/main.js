// The page's shell: loads the engine, says how far it is, and hands it to the chapters.
//
// A chapter is a <section data-chapter="name"> and a file chapters/name.js with
//   export function mount(section): { begin(unnoise) }
// mount() prepares the section; begin() gets the engine, and again a new one after a "try again". The first chapter's
// begin() resolves when its digit is there; the others are begun then, so that nothing takes its time from it.

import { Unnoise } from '../unnoise.js';
import * as generate from '../chapters/generate.js';
import { readBackend, takePlace } from './address.js';
import { bindBackend } from './backend.js';
import { goTo } from './contents.js';
import { say, status } from './notices.js';

/** The first chapter is mounted at once; those further down when the visitor comes near. */
const CHAPTERS = {
  generate: async () => generate,
  scorer: () => import('../chapters/scorer.js'),
  noise: () => import('../chapters/noise.js'),
  schedule: () => import('../chapters/schedule.js'),
  vae: () => import('../chapters/vae.js'),
  clip: () => import('../chapters/clip.js'),
  text: () => import('../chapters/text.js'),
};
const NEAR = '300px';
/** A first digit that is played slowly is not waited for any longer. */
const WAIT_MS = 4000;

document.documentElement.dataset.started = 'yes';

const loadingBox = document.getElementById('loading');
const loadingText = document.getElementById('loading-text');
const progressBar = document.getElementById('progress');

let unnoise = null;
/** Whether the first digit is there. */
let opened = false;
const mounted = [];

async function mountChapter(section) {
  try {
    const chapter = (await CHAPTERS[section.dataset.chapter]()).mount(section);
    mounted.push(chapter);
    if (opened) chapter.begin(unnoise);
  } catch (error) {
    say(`A part of the page could not be loaded: ${error.message}`, () => mountChapter(section));
  }
}

async function load() {
  status('Loading the network');
  try {
    unnoise = await showProgress(openEngine());
  } catch (error) {
    status('Not loaded');
    return say(error.message, load);
  }
  window.unnoise = unnoise;
  unnoise.addEventListener('backend', ({ detail }) => {
    // Nobody asked for the CPU here: WebGPU was lost.
    if (detail.backend === 'cpu' && unnoise.choice !== 'cpu') say(detail.reason);
  });
  bindBackend(unnoise, showProgress);
  showFacts();
  await Promise.race([generator.begin(unnoise), new Promise((resolve) => setTimeout(resolve, WAIT_MS))]);
  opened = true;
  for (const chapter of mounted) chapter.begin(unnoise);
}

/** The backend that the address asks for; where it cannot be had, a sentence, and the CPU. */
async function openEngine() {
  const asked = readBackend();
  const backend = ['cpu', 'webgpu'].includes(asked) ? asked : 'auto';
  if (asked !== null && asked !== backend) say(`The address asks for a backend "${asked}", which does not exist: choose cpu or webgpu.`);
  try {
    return await Unnoise.load({ backend, onProgress });
  } catch (error) {
    if (backend !== 'webgpu' || error.code === 'weights' || error.code === 'browser') throw error;
    const engine = await Unnoise.load({ onProgress });
    say(`${error.message} The CPU is used instead.`);
    return engine;
  }
}

let showing = 0;

/** Shows the progress bar while something loads, unless it is over in a moment. */
async function showProgress(promise) {
  showing++;
  const timer = setTimeout(() => (loadingBox.hidden = false), 150);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    if (--showing === 0) loadingBox.hidden = true;
  }
}

const files = new Map();

function onProgress({ stage, file, loaded, total }) {
  if (!showing) return; // the trial of WebGPU works in silence
  files.set(file, { loaded, total });
  const all = [...files.values()];
  const sum = all.reduce((sum, part) => sum + part.loaded, 0);
  const known = all.every((part) => part.total);
  const whole = known ? all.reduce((sum, part) => sum + part.total, 0) : null;
  const what = stage === 'engine' ? 'Loading the WebGPU engine' : 'Loading the network';
  const done = whole && sum >= whole;
  loadingText.textContent = done ? 'Starting the network' : `${what}: ${megabytes(sum)}${whole ? ` of ${megabytes(whole)}` : ''} MB`;
  if (whole && !done) {
    progressBar.max = whole;
    progressBar.value = sum;
  } else progressBar.removeAttribute('value');
}

const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

/** The network's own figures, from its manifest. */
function showFacts() {
  const { parameters, mflop_per_call: mflop, bytes } = unnoise.info.models?.unet ?? {};
  if (!parameters) return;
  const figures = [`${parameters.toLocaleString('en')} parameters`, mflop && `${Math.round(mflop)} million operations a call`, bytes && `${megabytes(bytes)} MB`].filter(Boolean);
  const facts = document.getElementById('facts');
  facts.dataset.text ??= facts.textContent;
  facts.textContent = `${facts.dataset.text} It has ${figures.join(', ')}.`;
}

const [first, ...rest] = document.querySelectorAll('[data-chapter]');
const generator = generate.mount(first);
load();

const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    mountChapter(target);
  }
}, { rootMargin: NEAR });
for (const section of rest) near.observe(section);

/** A link may lead to a chapter. */
function goToPlace() {
  const place = document.getElementById(takePlace() ?? '');
  if (place) goTo(place, { smooth: false });
}
goToPlace();
addEventListener('hashchange', goToPlace);
