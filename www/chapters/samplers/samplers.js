// Chapter 8: samplers, side by side (samplers-race.js), as optimisers (samplers-descent.js), as solvers of a differential equation
// (samplers-slope.js), and all of them in a table (samplers-table.js).

import { copyLink, followLinks, takeState, writeState } from '../../page/address.js';
import { Classes } from '../../page/classes.js';
import { parseSeed, parseSlider, parseWhole, parseWord } from '../../page/format.js';
import { listen, playerKeys } from '../../page/keys.js';
import { say } from '../../page/notices.js';
import { SeedField } from '../../page/seed.js';
import { Converged } from './samplers-converged.js';
import * as descentPart from './samplers-descent.js';
import * as racePart from './samplers-race.js';
import * as slopePart from './samplers-slope.js';
import * as tablePart from './samplers-table.js';

/** What all parts draw. */
const SHARED = { digit: 5, seed: 4, guidance: 1.5 };
const OPENING = { ...SHARED, ...racePart.OPENING, ...descentPart.OPENING, ...slopePart.OPENING, ...tablePart.OPENING };

export function mount(section, unnoise) {
  const $ = (id) => section.querySelector(`#samplers-${id}`);
  const settings = { ...OPENING };
  const classes = new Classes(unnoise, unnoise.info.defaults.model);
  const converged = new Converged(unnoise, { busy: () => race.busy || descent.busy || table.busy });
  const race = racePart.mountRace(section, unnoise, settings, { converged, writeAddress });
  const descent = descentPart.mountDescent(section, unnoise, settings, { writeAddress });
  const slope = slopePart.mountSlope(section, unnoise, settings, { converged, writeAddress });
  const seed = new SeedField($('seed-field'), { id: 'samplers', onSeed: (seed) => change({ seed }) });
  const table = tablePart.mountTable(section, unnoise, settings, { writeAddress });

  // --- the address ---

  function takeAddress() {
    const { step, ...values } = takeState('samplers', { ...OPENING, digit: classes.within(OPENING.digit), step: null }, {
      digit: (text) => parseWhole(text, 0, classes.names.length - 1),
      seed: parseSeed,
      guidance: parseSlider($('guidance')),
      ...racePart.parse(section, unnoise.info),
      ...descentPart.parse(section),
      ...slopePart.parse(section),
      ...tablePart.PARSE,
      speed: (text) => parseWord(text, race.speeds),
      step: racePart.parseStep,
    });
    Object.assign(settings, values);
    showSettings();
    converged.open(shared());
    race.renew({ step });
    descent.renew();
    slope.renew();
    table.renew();
  }

  function writeAddress() {
    writeState('samplers', { ...settings, step: race.step }, OPENING);
  }

  // --- what all parts share ---

  const shared = () => Object.fromEntries(Object.keys(SHARED).map((name) => [name, settings[name]]));

  /** `keep`: what was looked at stays in sight under the other settings. */
  function change(values, keep = false) {
    Object.assign(settings, values);
    showSettings();
    converged.open(shared());
    race.renew({ keep });
    descent.renew({ keep });
    writeAddress();
  }

  function showSettings() {
    $('digit').value = settings.digit;
    seed.show(settings.seed);
    $('guidance').value = settings.guidance;
    $('guidance-value').textContent = settings.guidance.toFixed(1);
  }

  // --- the engine ---

  function begin() {
    race.begin();
    descent.begin();
    slope.begin();
    table.begin();
    converged.addEventListener('error', ({ detail }) => say(detail.message, converged.again));
    takeAddress();
    followLinks('samplers', takeAddress);
    // The background works while the chapter is looked at, and rests when it is left.
    const sight = new IntersectionObserver((entries) => (entries.at(-1).isIntersecting ? converged.wake() : converged.rest()));
    sight.observe(section);
    document.addEventListener('rest', () => converged.rest());
    document.addEventListener('wake', () => converged.wake());
  }

  // --- controls ---

  classes.options($('digit'));
  $('digit').addEventListener('change', ({ target }) => change({ digit: Number(target.value) }));
  $('guidance').addEventListener('input', ({ target }) => change({ guidance: target.valueAsNumber }, true));
  for (const form of section.querySelectorAll('form')) form.addEventListener('submit', (event) => event.preventDefault());
  $('copy').addEventListener('click', () => {
    writeAddress();
    copyLink($('copy'), 'samplers');
  });

  const r = seed.reroll;
  listen($('race'), { ...playerKeys(race.player), r });
  listen($('descent'), { ...playerKeys(descent.player), r });
  listen($('slope'), { ArrowLeft: () => slope.step(-1), ArrowRight: () => slope.step(1), r });

  return { begin };
}
