// What a screen reader makes of one chapter, the generator: what is there, in the order of reading; what the focus comes to;
// and what is said while it is used.

import assert from 'node:assert/strict';

const HASH = 'digit=3&seed=7&steps=20&speed=8';

/** The amounts of noise of its steps. */
const SIGMAS = ['20.0', '15.8', '12.4', '9.64', '7.42', '5.66', '4.27', '3.18', '2.34', '1.70', '1.21', '0.850', '0.585', '0.395', '0.260', '0.167', '0.104', '0.063', '0.036', '0.020', '0'];

/** What hangs on the machine: how long it computes. */
const timeless = (text) => text.replace(/[\d.]+ m?s\b/g, '…');

/** A stop as it is read out: its role, unless that is text; its name; what it is set to; what describes it. */
async function spell(session, { role, name, value, description, properties = [], backendDOMNodeId: backendNodeId }) {
  const { pressed, disabled, expanded } = Object.fromEntries(properties.map(({ name, value }) => [name, value.value]));
  const states = [pressed === 'true' && 'pressed', disabled && 'disabled', expanded === false && role.value === 'DisclosureTriangle' && 'closed'].filter(Boolean);
  const set = role.value === 'slider' ? await inWords(session, backendNodeId, value.value) : value?.value;
  const words = [role.value === 'StaticText' ? '' : role.value, name?.value, set !== undefined && `= ${set}`, ...states.map((state) => `(${state})`), description?.value && `[${description.value}]`];
  return timeless(words.filter(Boolean).join(' ').replace(/\s+/g, ' ').trim());
}

/** A slider's value as it is said: in the words that the page has for it, which the tree leaves out, or as a number. */
async function inWords(session, backendNodeId, value) {
  const { node: { attributes } } = await session.send('DOM.describeNode', { backendNodeId });
  const at = attributes.indexOf('aria-valuetext');
  return at < 0 ? value : attributes[at + 1];
}

/** Roles that a reader stops at, besides texts; the others only hold these. */
const STOPS = ['region', 'group', 'form', 'heading', 'image', 'button', 'slider', 'combobox', 'spinbutton', 'term', 'link', 'DisclosureTriangle'];

/** What there is to read in the region of that name, in order. */
async function read(session, name) {
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  const byId = new Map(nodes.map((node) => [node.nodeId, node]));
  const lines = [];
  const walk = async (node) => {
    const role = node.role?.value;
    const stop = !node.ignored && STOPS.includes(role) && node.name?.value !== '';
    const text = !node.ignored && role === 'StaticText';
    if (stop || text) lines.push(await spell(session, node));
    // What a stop is named by is not read again, and of a choice only what is chosen.
    if (text || (stop && ['button', 'term', 'combobox', 'spinbutton', 'link', 'DisclosureTriangle'].includes(role))) return;
    for (const id of node.childIds ?? []) if (byId.has(id)) await walk(byId.get(id));
  };
  await walk(nodes.find((node) => node.role?.value === 'region' && node.name?.value === name));
  return lines;
}

/** What is read out where the focus is. */
async function focused(session) {
  const { result } = await session.send('Runtime.evaluate', { expression: 'document.activeElement' });
  const { nodes } = await session.send('Accessibility.getPartialAXTree', { objectId: result.objectId, fetchRelatives: false });
  return spell(session, nodes[0]);
}

/** Notes down what live regions say, from before the page's own scripts run. A text that is written again is said again. */
function listenToLiveRegions() {
  window.said = [];
  const regionOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement)?.closest('[aria-live], [role="status"], [role="alert"], output');
  new MutationObserver((records) => {
    for (const region of new Set(records.map(({ target }) => regionOf(target)))) {
      const text = region?.textContent.replace(/\s+/g, ' ').trim();
      if (text && region.ariaLive !== 'off' && region.checkVisibility()) window.said.push([region.id, text]);
    }
  }).observe(document, { subtree: true, childList: true, characterData: true });
}

/** Visits the generator, and waits until its first digit is there. */
async function come(t, where) {
  const visit = await t.visit({ hash: HASH, ...where });
  await visit.state('done');
  await visit.shows('status', /^Finished/);
  return visit;
}

export const reading = {
  async 'a screen reader reads the generator in this order, with these names'(t) {
    const visit = await come(t);
    const session = await visit.page.createCDPSession();
    assert.deepEqual(await read(session, 'Generator'), [
      'region Generator',
      'group Draw a',
      'Draw a',
      'button 0',
      'button 1',
      'button 2',
      'button 3 (pressed)',
      'button 4',
      'button 5',
      'button 6',
      'button 7',
      'button 8',
      'button 9',
      'button any [Leave the choice to the noise]',
      'image The noisy picture of a 3 at step 20 of 20',
      'The picture, with noise',
      'button Save the noisy picture as PNG',
      'Strong noise is shown fainter than it is.',
      'image The network\'s estimate of a 3 at step 20 of 20',
      'What the network sees in it',
      'button Save the network’s estimate as PNG',
      'Its estimate of the clean digit, made afresh in every step.',
      'group Playback',
      'button Restart from pure noise (Home)',
      'button One step back (←)',
      'button Play again (space)',
      'button One step forward (→) (disabled)',
      'slider Step = step 20 of 20, sigma 0',
      'Speed',
      'combobox Speed = 8 steps/s',
      'term Noise left, σ [The amount of noise left in the picture]',
      '0',
      'term Step',
      '20',
      'of',
      '20',
      'term Network calls [How often the network has been asked. Guidance asks twice: with the digit and without.]',
      '40',
      'term This step [How long the network took for this step]',
      '…',
      'term Computed on',
      'CPU',
      'Finished: 20 steps, 40 network calls, … of computing',
      'form Settings',
      'Seed',
      'spinbutton Seed = 7',
      'button Another seed (r)',
      'The same seed and settings give the same digit on every machine.',
      'Sampler',
      'combobox Sampler = DPM-Solver++ (2M)',
      'Remembers the step before, and so sees which way its path bends. With 10 steps less than half of Euler’s error.',
      'Noise levels',
      'combobox Noise levels = The sampler’s own',
      'Karras. Most steps lie where little noise is left.',
      'Steps',
      '20',
      'slider Steps = 20',
      'Guidance',
      '1.5',
      'slider Guidance = 1.5',
      'How strongly to insist on the digit. The network is asked twice a step: with the digit, and without.',
      'button Copy link to this step',
      'DisclosureTriangle Take it along (closed)',
      'group All steps: noisy picture above, estimate below',
      ...SIGMAS.map((sigma, step) => `button Step ${step}, σ ${sigma}`),
      'Every step: the picture above, the estimate below it, and σ on a logarithmic scale. Pick one to go there.',
      'No digit lay under this noise. How can a network say what lies beneath?',
      'link Chapter 1 · The magic function f',
    ]);
  },

  async 'the keyboard comes to the generator’s controls in this order, and a screen reader says this of them'(t) {
    const visit = await come(t);
    const session = await visit.page.createCDPSession();
    await visit.page.focus('#player');
    const stops = [];
    do {
      await visit.press('Tab');
      stops.push(await focused(session));
    } while (!stops.at(-1).startsWith('link'));
    assert.deepEqual(stops, [
      'button 0',
      'button 1',
      'button 2',
      'button 3 (pressed)',
      'button 4',
      'button 5',
      'button 6',
      'button 7',
      'button 8',
      'button 9',
      'button any [Leave the choice to the noise]',
      'button Save the noisy picture as PNG',
      'button Save the network’s estimate as PNG',
      'button Restart from pure noise (Home)',
      'button One step back (←)',
      'button Play again (space)',
      'button One step forward (→) (disabled)',
      'slider Step = step 20 of 20, sigma 0',
      'combobox Speed = 8 steps/s',
      'spinbutton Seed = 7',
      'button Another seed (r)',
      'combobox Sampler = DPM-Solver++ (2M)',
      'combobox Noise levels = The sampler’s own',
      'slider Steps = 20',
      'slider Guidance = 1.5',
      'button Copy link to this step',
      'DisclosureTriangle Take it along (closed)',
      // Of the strip the step at hand alone: from there the arrows go on.
      'button Step 20, σ 0',
      'link Chapter 1 · The magic function f',
    ]);
  },
};

export const spoken = {
  async 'a screen reader is told little: that it plays, that it is done, where it stands, and what was wrong'(t) {
    const visit = await come(t, { before: listenToLiveRegions });
    /**
     * What has been said since, in order. Left out: where the page is computed and kept, which is found out in the
     * background, whenever that is.
     */
    const said = async () => {
      const all = await visit.page.evaluate(() => window.said.splice(0));
      return all.filter(([id]) => ['status', 'alert'].includes(id)).map(([, text]) => timeless(text));
    };
    const key = async (selector, key) => {
      await visit.page.$eval(selector, (element) => element.focus());
      await visit.press(key);
    };
    await said();

    await key('#play', 'Enter');
    await visit.shows('status', 'A 3 is forming');
    await visit.shows('status', /^Finished/);
    assert.deepEqual(await said(), ['A 3 is forming', 'Finished: 20 steps, 40 network calls, … of computing'], 'twenty steps are played');

    await key('#back', 'Enter');
    await visit.shows('status', 'Paused at step 19 of 20');
    await visit.press('Enter');
    await visit.shows('status', 'Paused at step 18 of 20');
    assert.deepEqual(await said(), ['Paused at step 19 of 20', 'Paused at step 18 of 20'], 'two steps back');

    await key('#step', 'Enter');
    await visit.shows('status', 'Paused at step 19 of 20');
    await visit.press('Enter');
    await visit.shows('status', /^Finished/);
    assert.deepEqual(await said(), ['Paused at step 19 of 20', 'Finished: 20 steps, 40 network calls, … of computing'], 'and two forward');
    assert.equal(await visit.page.evaluate(() => document.activeElement.id), 'step', 'the focus stays, where there is no further step');

    await key('#steps', 'ArrowRight');
    await visit.shows('status', /^Finished: 21/);
    // That its step is on the way is said too, unless it is there in a moment.
    const changed = (await said()).filter((text) => text !== 'On the way to the step that was asked for');
    assert.deepEqual(changed, ['Finished: 21 steps, 42 network calls, … of computing'], 'another setting');

    await key('#player', '5');
    await visit.shows('status', 'A 5 is forming');
    await visit.shows('status', /^Finished/);
    assert.deepEqual(await said(), ['A 5 is forming', 'Finished: 21 steps, 42 network calls, … of computing'], 'another digit');

    await visit.page.$eval('#seed', (input) => input.select());
    await visit.page.keyboard.type('-5');
    await visit.press('Enter');
    await visit.sentence();
    assert.deepEqual(await said(), ['A seed is a whole number from 0 to 9007199254740991.Dismiss'], 'a fault');
  },
};
