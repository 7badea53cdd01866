// The player of the Python package in notebooks, as whoever has installed it opens them: JupyterLab and marimo.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { difference, quick, shades } from './visit.mjs';

const SETTINGS = { digit: 3, seed: 7, steps: 20 };
/** A notebook's server is a large program, on a machine that may have more to do. */
const PATIENCE = 200_000;

/** Leaves the frames where the test finds them. */
const KEEP = `
import json

def keep(frames):
    with open("frames.json", "w") as file:
        json.dump({name: getattr(frames, name).tolist() for name in ("x", "sigma", "nfe")} | {"denoised": frames.denoised[1:].tolist()}, file)
    return f"{len(frames)} frames of {frames.x.dtype}, {frames.x.shape}"
`;

const CELLS = [
  'import unnoise\np = unnoise.Player(digit=3, seed=7, steps=20)\np',
  `${KEEP}\nprint(keep(await p.run(timeout=${PATIENCE / 1000})))`,
  `p.digit = 12\ntry:\n    await p.run(timeout=${PATIENCE / 1000})\nexcept unnoise.UnnoiseError as error:\n    print("refused:", error, "but", len(p.frames), "stay")`,
];

const NOTEBOOK = JSON.stringify({
  cells: CELLS.map((source, i) => ({ cell_type: 'code', id: `cell-${i}`, metadata: {}, execution_count: null, outputs: [], source })),
  metadata: { kernelspec: { name: 'python3', display_name: 'Python 3', language: 'python' } },
  nbformat: 4,
  nbformat_minor: 5,
});

const cell = (code, given = '') => `\n@app.cell\n${/\bawait\b/.test(code) ? 'async ' : ''}def _(${given}):\n${code.trim().replace(/^(?=.)/gm, '    ')}\n`;

const APP = `import marimo

app = marimo.App()
${cell('import marimo as mo\nimport unnoise\nreturn mo, unnoise')}${cell(`${KEEP}\nreturn (keep,)`)}${cell(`
p = mo.ui.anywidget(unnoise.Player(digit=3, seed=7, steps=20))
p
return (p,)
`, 'mo, unnoise')}${cell('keep(p.frames) if p.frames else "no frames"\nreturn', 'keep, p')}${cell(`
try:
    await p.run()
    told = "it ran"
except unnoise.UnnoiseError as error:
    told = str(error)
told
return
`, 'p, unnoise')}
if __name__ == "__main__":
    app.run()
`;

/** A port that nobody has. */
async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Serves `files` as notebooks by a module of the environment with the package; `use(url, folder)` while it does. */
async function notebooks(t, files, args, use) {
  assert.ok(t.python, '--python is missing: `./build.sh test` sets it');
  const folder = await mkdtemp(path.join(os.tmpdir(), 'unnoise-'));
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(path.join(folder, name), text)));
  const port = await freePort();
  const own = Object.fromEntries(['JUPYTER_CONFIG_DIR', 'JUPYTER_DATA_DIR', 'JUPYTER_RUNTIME_DIR', 'IPYTHONDIR', 'XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME'].map((name) => [name, path.join(folder, name)]));
  const bin = path.resolve(t.python, 'bin');
  const server = spawn(path.join(bin, 'python'), ['-m', ...args(port)], { cwd: folder, detached: true, env: { ...process.env, ...own, PATH: `${bin}${path.delimiter}${process.env.PATH}` } });
  let said = '';
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (text) => (said += text));
  let ended = false;
  const end = new Promise((resolve) => server.on('close', resolve)).then(() => (ended = true));
  const url = `http://127.0.0.1:${port}/`;
  try {
    const late = Date.now() + PATIENCE;
    while (!(await fetch(url).then(({ ok }) => ok, () => false))) {
      if (ended || Date.now() > late) throw new Error(`${args(port)[0]} does not serve: ${said.slice(-2000)}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await use(url, folder).catch((error) => {
      throw new Error(`${error.message}\nThe server said: ${said.slice(-2000)}`, { cause: error });
    });
  } finally {
    if (!ended) process.kill(-server.pid, 'SIGKILL');
    await end;
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Waits until the page of a notebook shows a text. */
const says = (visit, text) => visit.page.waitForFunction((text) => document.body.innerText.includes(text), { timeout: PATIENCE }, text).catch(async (error) => {
  throw new Error(`"${text}" is not shown, but: ${await visit.page.evaluate(() => document.body.innerText.slice(-1500))}`, { cause: error });
});

/** Waits for a part of the player, in whatever state its selector says. marimo has it in a shadow root, which is made anew while the page forms. */
async function player(visit, rest) {
  const selector = `.unnoise${rest}`;
  const found = await visit.page.waitForFunction((selector) => {
    const roots = [document];
    for (const root of roots) {
      const found = root.querySelector(selector);
      if (found) return found;
      for (const { shadowRoot } of root.querySelectorAll('*')) if (shadowRoot) roots.push(shadowRoot);
    }
    return false;
  }, { timeout: PATIENCE, polling: 100 }, selector).catch((error) => {
    throw new Error(`${selector} is not there`, { cause: error });
  });
  return found.asElement();
}

/** Holds what came back, and what is shown, to what the library draws in the site. */
async function agree(t, visit, folder) {
  const kept = JSON.parse(await readFile(path.join(folder, 'frames.json'), 'utf8'));
  const expected = await (await quick(t)).frames(SETTINGS);
  assert.equal(kept.x.length, expected.length);
  for (const [i, { x, denoised, sigma, nfe }] of expected.entries()) {
    assert.ok(difference(kept.x[i].flat(), x) <= t.tolerance, `x of frame ${i}`);
    if (denoised) assert.ok(difference(kept.denoised[i - 1].flat(), denoised) <= t.tolerance, `denoised of frame ${i}`);
    assert.deepEqual([kept.sigma[i], kept.nfe[i]], [sigma, nfe]);
  }
  const shown = await player(visit, '[data-step="20"]:not([data-state=busy])');
  const greys = await shown.$eval('canvas', (canvas) => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data].filter((_, i) => i % 4 === 0));
  const off = difference(greys, shades(expected.at(-1).x));
  assert.ok(off <= t.greys, `a pixel differs by ${off} of 255; ${t.greys} may be`);
}

/** Goes through the steps by the buttons, once all of them have been played. */
async function steps(visit) {
  await player(visit, '[data-step="20"]');
  const press = async (title, rest) => {
    const button = await player(visit, ` button[title="${title}"]`);
    await button.evaluate((button) => button.click());
    return player(visit, rest);
  };
  await press('One step back', '[data-step="19"]');
  const line = await press('One step back', '[data-step="18"] .line');
  assert.match(await line.evaluate(({ textContent }) => textContent), /^step 18 of 20 · σ [\d.]+ · \d+ network calls$/);
  await press('One step forward', '[data-step="19"]');
  const scrub = await player(visit, ' input[type=range]');
  await scrub.evaluate((input) => {
    input.value = '0';
    input.dispatchEvent(new Event('input'));
  });
  await player(visit, '[data-step="0"]');
  await press('Play', '[data-step="20"]');
}

const visitTo = (t, url, file = '') => t.visit({ server: { url, offline: true }, file });

/** Leaves before the server does, which the notebook would complain of. */
async function leave(visit) {
  const heard = [...visit.complaints];
  await visit.close();
  visit.complaints.splice(0, Infinity, ...heard);
}

const JUPYTER = (port) => ['jupyterlab', '--no-browser', '--allow-root', '--ip=127.0.0.1', `--port=${port}`, '--ServerApp.port_retries=0', '--IdentityProvider.token=', '--expose-app-in-browser',
  '--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate'];

export const notebook = {
  'in JupyterLab the player draws, steps and refuses, and its frames come back as arrays': (t) => notebooks(t, { 'digits.ipynb': NOTEBOOK }, JUPYTER, async (url, folder) => {
    const visit = await visitTo(t, url, 'doc/tree/digits.ipynb');
    // The kernel is there, and the notebook is one.
    await visit.page.waitForFunction(() => window.jupyterapp?.shell.currentWidget?.context?.sessionContext.session?.kernel?.status === 'idle', { timeout: PATIENCE });
    await visit.page.evaluate(() => void window.jupyterapp.commands.execute('notebook:run-all-cells'));
    await says(visit, '21 frames of float32, (21, 28, 28)');
    await says(visit, 'refused: digit is 12: it must be a whole number from 0 to 9. but 21 stay');
    assert.equal(await (await player(visit, ' .error:not(:empty)')).evaluate(({ textContent }) => textContent), 'digit is 12: it must be a whole number from 0 to 9.');
    await steps(visit);
    await agree(t, visit, folder);
    await leave(visit);
  }),

  'in marimo the player draws and steps, and cells that name it run again when its frames have come': (t) => notebooks(t, { 'app.py': APP }, (port) => ['marimo', 'run', 'app.py', '--headless', '--no-token', '--host=127.0.0.1', `--port=${port}`], async (url, folder) => {
    const visit = await visitTo(t, url);
    await says(visit, '21 frames of float32, (21, 28, 28)');
    await says(visit, 'marimo hands on nothing from the browser while a cell runs');
    await steps(visit);
    await agree(t, visit, folder);
    await leave(visit);
  }),
};
