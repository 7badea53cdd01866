// The page's shell: loads the engine, says how far it is, and hands it to the chapters.
//
// A chapter is a folder chapters/NAME: NAME.html, a <section data-chapter="NAME"> that build.sh puts into index.html, and
// NAME.js with
//   export function mount(section, unnoise): { begin() }
// The code of the chapters further down is fetched when the visitor comes near. mount() prepares the section; begin() lets
// it compute. The first chapter's begin() resolves when its digit is there; the others are begun then, so that nothing
// takes its time from it. In a page of somebody else there is one chapter alone (embedded.js).

import './policy.js';

import { Unnoise } from '../unnoise/unnoise.js';
import * as generate from '../chapters/generate/generate.js';
import { followBench, isEmbedded, readHidden, readQuery } from './address.js';
import { bindBackend } from './backend.js';
import { followPlaces } from './contents.js';
import { bindEngineLine, countBytes } from './engine-line.js';
import { megabytes } from './format.js';
import { say, status } from './notices.js';
import { keepOffline } from './offline.js';

const NEAR = '300px';
/** A first digit that is played slowly is not waited for any longer. */
const WAIT_MS = 4000;

document.documentElement.dataset.started = 'yes';

const loadingBox = document.getElementById('loading');
const loadingText = document.getElementById('loading-text');
const progressBar = document.getElementById('progress');

let unnoise = null;
let loaded;
/** The engine, once it is there. */
const engine = new Promise((resolve) => (loaded = resolve));
/** Whether the first digit is there. */
let opened = false;
const mounted = [];

async function mountChapter(section) {
  try {
    const name = section.dataset.chapter;
    const [{ mount }] = await Promise.all([import(`../chapters/${name}/${name}.js`), engine]);
    growUpwards(section);
    const chapter = mount(section, unnoise);
    mounted.push(chapter);
    if (opened) chapter.begin();
  } catch (error) {
    say(`A part of the page could not be loaded: ${error.message}`, () => mountChapter(section));
  }
}

/**
 * A chapter grows as it opens. Where its end is in sight, what comes after it is what the visitor looks at, and stays in
 * its place: the browser holds on to the first element in sight that may be an anchor.
 */
function growUpwards(section) {
  if (section.getBoundingClientRect().bottom < innerHeight) section.style.overflowAnchor = 'none';
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
  bindEngineLine(unnoise);
  unnoise.addEventListener('weights', showFacts);
  showFacts();
  loaded();
  if (isEmbedded) return;
  await Promise.race([generate.mount(first, unnoise).begin(), new Promise((resolve) => setTimeout(resolve, WAIT_MS))]);
  opened = true;
  for (const chapter of mounted) chapter.begin();
  bindRest();
  keepOffline();
}

/** What nobody needs before the first digit. */
async function bindRest() {
  try {
    const { bindWeights } = await import('./own-weights.js');
    bindWeights(unnoise, showProgress);
  } catch (error) {
    return say(`A part of the page could not be loaded: ${error.message}`, bindRest);
  }
  const button = document.getElementById('bench-open');
  button.addEventListener('click', measure);
  button.disabled = false;
  followBench(measure);
}

async function measure() {
  try {
    (await import('./bench.js')).openBench(unnoise);
  } catch (error) {
    say(`The measurement could not be loaded: ${error.message}`, measure);
  }
}

/** The engine with the weights that the address asks for; where they cannot be used, a sentence, and the site's own. */
async function openEngine() {
  const weights = readQuery('weights');
  if (weights === null) return openOn();
  try {
    const { origin } = new URL(weights, location.href);
    if (origin !== location.origin) throw new Error(`The address asks for weights from ${origin}, and this page fetches nothing from another site: download them, then drop the files onto the page.`);
    return await openOn(weights);
  } catch (error) {
    const engine = await openOn();
    say(`${error.message} The site’s own weights are used instead.`);
    return engine;
  }
}

/** The backend that the address asks for; where it cannot be had, a sentence, and the CPU. */
async function openOn(weights) {
  const asked = readQuery('backend');
  const backend = ['cpu', 'webgpu'].includes(asked) ? asked : 'auto';
  if (asked !== null && asked !== backend) say(`The address asks for a backend "${asked}", which does not exist: choose cpu or webgpu.`);
  try {
    return await Unnoise.load({ backend, weights, onProgress });
  } catch (error) {
    if (backend !== 'webgpu' || error.code === 'weights' || error.code === 'browser') throw error;
    const engine = await Unnoise.load({ weights, onProgress });
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

function onProgress({ file, loaded, total }) {
  countBytes({ file, loaded });
  if (!showing) return; // the trial of WebGPU works in silence
  files.set(file, { loaded, total });
  const all = [...files.values()];
  const sum = all.reduce((sum, part) => sum + part.loaded, 0);
  const known = all.every((part) => part.total);
  const whole = known ? all.reduce((sum, part) => sum + part.total, 0) : null;
  const done = whole && sum >= whole;
  loadingText.textContent = done ? 'Starting the network' : `Loading the network: ${megabytes(sum)}${whole ? ` of ${megabytes(whole)}` : ''} MB`;
  if (whole && !done) {
    progressBar.max = whole;
    progressBar.value = sum;
  } else progressBar.removeAttribute('value');
}

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

/** Hides what the address says is not taught yet; `then` is done with the module that knows of it. */
async function hide(then = ({ applyHidden }) => applyHidden()) {
  const module = await import('./hide.js').catch((error) => say(`A part of the page could not be loaded: ${error.message}`, () => hide(then)));
  if (module) then(module);
}

let hides = readHidden() !== null;
if (hides) hide();
addEventListener('hashchange', () => (hides ||= readHidden() !== null) && hide());
document.getElementById('hide-open').addEventListener('click', () => hide(({ openHide }) => openHide()));

/** The page as a page. */
function open() {
  load();
  for (const section of rest) near.observe(section);
  followPlaces();
}

/** One chapter of it, once that is seen. */
async function openOne() {
  const { embed } = await import('./embedded.js');
  const section = await embed();
  if (!section) return;
  opened = true;
  load();
  mountChapter(section);
}

const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    mountChapter(target);
  }
}, { rootMargin: NEAR });

if (isEmbedded) openOne();
else open();
