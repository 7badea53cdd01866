// The library as a page uses it: what it refuses, what it ends, and what it does with a site that changes under it.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import zlib from 'node:zlib';

import { serve, status } from './server.mjs';
import { difference, quick } from './visit.mjs';

const POLICY = "default-src 'self'; img-src 'self' blob: data:";

/** Asks the garbage collector in, as often as it takes until `done` says so. */
async function forgotten(visit, done) {
  const client = await visit.page.createCDPSession();
  const until = Date.now() + 60_000;
  while (!(await done())) {
    if (Date.now() > until) throw new Error('what nobody can reach is still there');
    await client.send('HeapProfiler.collectGarbage');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A fault that is over when it has been met once. */
const once = (server, file, fault) => server.faults.set(file, (response, body) => {
  server.faults.delete(file);
  fault(response, body);
});

const cutShort = (response, body) => response.end(body.subarray(0, body.length >> 1));

/** What is handed in, and the sentence. */
const REFUSED = [
  ['start({ digit: 10 })', 'digit is 10: it must be a whole number from 0 to 9.'],
  ['start({ digit: "7" })', 'digit is "7": it must be a whole number from 0 to 9.'],
  ['start({ digit: 7n })', 'digit is 7n: it must be a whole number from 0 to 9.'],
  ['start({ seed: "7" })', /^seed is "7": it must be a whole number/],
  ['start({ steps: true })', 'steps is true: it must be a whole number from 1 to 1000.'],
  ['start({ guidance: "2" })', 'guidance is "2": it must be a number from 0 to 20.'],
  ['start({ eta: [1] })', 'eta is an array: it must be a number from 0 to 1.'],
  ['start({ rate: 3 })', 'rate is 3: it must be a number from 0 to 2.'],
  ['start({ momentum: -1 })', 'momentum is -1: it must be a number from 0 to 1.'],
  ['start({ shift: 0 })', 'shift is 0: it must be a number from 0.01 to 100.'],
  ['start({ eta: 0.5 })', 'Eta is for ddim: the sampler dpmpp-2m has none.'],
  ['start({ sampler: "euler", rate: 0.5 })', 'Rate is for gradient-descent, momentum, adam: the sampler euler has none.'],
  ['start({ sampler: "gradient-descent", momentum: 0.5 })', 'Momentum is for momentum, adam: the sampler gradient-descent has none.'],
  ['start({ shift: 3 })', 'Shift is for the schedule flow: the schedule karras has none.'],
  ['start({ model: "noise-level", digit: 3 })', 'The model noise-level cannot be asked for a digit: it draws what the noise leads to.'],
  ['start({ model: "noise-level", guidance: 2 })', 'The model noise-level draws what the noise leads to: there is no guidance to set.'],
  ['start({ model: "noise-level", guidanceInterval: [0.3, 5] })', 'The model noise-level draws what the noise leads to: there is no guidance to set.'],
  ['start({ model: "noise-level", schedule: "fitted" })', 'No schedule has been fitted to this model: choose another one than fitted.'],
  ['start({ schedule: "fitted", steps: 20 })', 'The schedule fitted is for 3 to 5 steps, not 20.'],
  ['start({ schedule: "fitted", steps: 4, x: Array(784).fill(0), sigma: 1 })', 'The schedule fitted leads from pure noise: choose another one to start from a picture.'],
  ['start({ guidanceInterval: 5 })', 'guidanceInterval is 5: it must be two numbers, as in [0.3, 5].'],
  ['start({ guidanceInterval: [5, 0.3] })', 'guidanceInterval is from 5 to 0.3: the lower number comes first.'],
  ['start({ guidanceInterval: [0, 2000] })', 'guidanceInterval is 2000: it must be a number from 0 to 1000.'],
  ['start({ pictures: [] })', 'pictures is an array of 0: it must be an array of 1 to 64, as in [{ digit: 3 }, { digit: 5 }].'],
  ['start({ pictures: Array(65).fill({}) })', /^pictures is an array of 65: it must be an array of 1 to 64/],
  ['start({ pictures: { digit: 3 } })', /^pictures is an object: it must be an array of 1 to 64/],
  ['start({ pictures: [3] })', /^pictures\[0\] is 3: it must be an object/],
  ['start({ pictures: [{}, { steps: 3 }] })', 'pictures[1] has "steps": each has digit, prompt, negative, seed alone.'],
  ['start({ pictures: [{}, { digit: 10 }] })', 'pictures[1].digit is 10: it must be a whole number from 0 to 9.'],
  ['start({ negative: 7, pictures: [{ digit: 3 }, { digit: 7 }] })', 'pictures[1].digit and negative are both 7: they must differ.'],
  ['start({ pictures: [{}, { prompt: "a seven" }] })', 'The model "digits" cannot read: leave prompt out.'],
  ['start({ model: "noise-level", pictures: [{}, { digit: 3 }] })', 'The model noise-level cannot be asked for a digit: it draws what the noise leads to.'],
  ['start({ negative: 10 })', 'negative is 10: it must be a whole number from 0 to 9.'],
  ['start({ negative: "a seven" })', 'negative is "a seven": it must be a whole number from 0 to 9.'],
  ['start({ negative: 7, guidance: 1 })', 'guidance is 1: it must be above 1 to lead away from the negative.'],
  ['start({ negative: 7, digit: 7 })', 'digit and negative are both 7: they must differ.'],
  ['start({ model: "noise-level", negative: 7 })', 'The model "noise-level" is asked for nothing: leave negative out.'],
  ['start({ sampler: 7 })', /^There is no sampler 7: choose from ddpm, /],
  ['start({ schedule: "exp" })', 'There is no schedule "exp": choose from karras, linear, cosine, exponential, flow, fitted.'],
  ['start({ decode: "first" })', 'There is no decode "first": choose from every, last, never.'],
  ['start({ model: {} })', /^There is no model an object: choose from digits, /],
  ['start({ model: "text", prompt: 7 })', 'prompt is 7: it must be a text.'],
  ['start({ model: "scorer", prompt: "a three" })', 'The model "scorer" cannot read: leave prompt out.'],
  ['start({ stepz: 5 })', /^There is no setting "stepz": choose from model, /],
  ['start(null)', 'settings is null: it must be an object, as in { digit: 3 }.'],
  ['start("digits")', 'settings is "digits": it must be an object, as in { digit: 3 }.'],
  ['start([])', 'settings is an array: it must be an object, as in { digit: 3 }.'],
  ['generate([]).next()', 'settings is an array: it must be an object, as in { digit: 3 }.'],
  ['start(new Uint8Array(0))', 'settings is an array: it must be an object, as in { digit: 3 }.'],
  ['start(new Map([["digit", 3]]))', 'settings is a list: it must be an object, as in { digit: 3 }.'],
  ['start({}, { signal: 7 })', 'signal is 7: it must be an AbortSignal.'],
  ['start({ x: Array(784).fill(1e20), sigma: 1 })', 'x has 100000000000000000000 at place 0: each value must be a number from -10000 to 10000.'],
  ['start({ x: Array(784).fill(0) })', /^x and sigma go together/],
  ['score(null)', /^The question is null: it must be an object/],
  ['score({ x: 7 })', 'x is 7: it must be an array of 28 × 28 numbers.'],
  ['score({ x: [1, 2] })', 'x has 2 values: it must be an array of 28 × 28 numbers.'],
  ['denoise({ x: Array(784).fill(1e38), sigma: 1 })', /^x has 1e\+38 at place 0/],
  ['denoise({ x: Array(784).fill(0), sigma: "1" })', 'sigma is "1": it must be a number from 0 to 1000.'],
  ['denoise({ x: Array(784).fill(NaN) })', /^x has NaN at place 0/],
  ['decode({ latent: Array(256).fill(-2e4) })', /^latent has -20000 at place 0/],
  ['embedText({ text: 7 })', 'text is 7: it must be a text.'],
  ['readDigit({ picture: [1] })', 'picture has 1 values: it must be an array of 64 × 64 × 3 numbers.'],
  ['scheduleTable("exp")', 'There is no schedule "exp": choose from linear, cosine.'],
  ['paint({ x: Array(784).fill(0), scene: null })', /^scene is null: it must be an object/],
  ['use("abacus")', 'There is no backend "abacus": choose from auto, cpu, webgpu.'],
];

export const library = {
  async 'what cannot be had is refused with a sentence that shows it as it was written'(t) {
    const visit = await quick(t);
    for (const [call, sentence] of REFUSED) {
      const message = await visit.failure(`await unnoise.${call}`);
      if (typeof sentence === 'string') assert.equal(message, sentence, call);
      else assert.match(message ?? 'nothing was refused', sentence, call);
    }
    const backend = await visit.page.evaluate(() => window.unnoise.backend);
    assert.equal(backend, 'cpu');
    assert.equal(await visit.failure('await unnoise.start({ steps: undefined, schedule: undefined })'), null);
  },

  async 'a step that is aborted while the network works leaves the run where it was'(t) {
    const visit = await quick(t);
    const seen = await visit.page.evaluate(async () => {
      const settings = { digit: 3, seed: 7, steps: 4 };
      const whole = [];
      for await (const frame of window.unnoise.generate(settings)) whole.push([...frame.x]);
      const run = await window.unnoise.start(settings);
      await run.step();
      const controller = new AbortController();
      const step = run.step({ signal: controller.signal });
      const queued = run.step({ signal: controller.signal });
      await new Promise((resolve) => setTimeout(resolve));
      controller.abort(new Error('enough'));
      const rejected = await Promise.all([step, queued].map((each) => each.catch((error) => error.message)));
      const index = run.index;
      const frames = [run.frame];
      for (let frame = await run.step(); frame; frame = await run.step()) frames.push(frame);
      return { rejected, index, steps: frames.map(({ step }) => step), frames: frames.map(({ x }) => [...x]), whole: whole.slice(1), done: run.done };
    });
    assert.deepEqual(seen.rejected, ['enough', 'enough']);
    assert.deepEqual([seen.index, seen.steps, seen.done], [1, [1, 2, 3, 4], true]);
    assert.deepEqual(seen.frames, seen.whole);
  },

  async 'an engine that is closed ends its worker, and says so'(t) {
    const visit = await quick(t);
    const before = visit.page.workers().length;
    const seen = await visit.page.evaluate(async () => {
      const { Unnoise } = await import(new URL('unnoise/unnoise.js', document.baseURI).href);
      const u = await Unnoise.load();
      const run = await u.start({ steps: 3 });
      await run.step();
      u.close();
      u.close();
      const message = (promise) => promise.then(() => null, (error) => error.message);
      return [await message(run.step()), await message(u.start()), await message(u.score({ x: Array(784).fill(0) })), run.back().step];
    });
    assert.deepEqual(seen.slice(0, 3), Array(3).fill('This engine has been closed: load another one.'));
    assert.equal(seen[3], 0, 'frames stay');
    await forgotten(visit, () => visit.page.workers().length <= before);
  },

  async 'engines and runs that nobody can reach are forgotten'(t) {
    const visit = await quick(t);
    const before = visit.page.workers().length;
    await visit.page.evaluate(async () => {
      window.freed = 0;
      const post = Worker.prototype.postMessage;
      Worker.prototype.postMessage = function (message, ...rest) {
        if (message.method === 'free') window.freed++;
        return post.call(this, message, ...rest);
      };
      for (let i = 0; i < 5; i++) await (await window.unnoise.start({ steps: 3 })).step();
      const { Unnoise } = await import(new URL('unnoise/unnoise.js', document.baseURI).href);
      for (let i = 0; i < 3; i++) await (await Unnoise.load({ backend: 'cpu' })).start();
    });
    assert.ok(visit.page.workers().length >= before + 3);
    await forgotten(visit, async () => visit.page.workers().length <= before && (await visit.page.evaluate(() => window.freed)) >= 5);
  },

  async 'of text to picture, what is decoded can be chosen'(t) {
    const visit = await quick(t);
    const decoded = await visit.page.evaluate(async () => {
      const drawn = {};
      for (const decode of ['every', 'last', 'never']) {
        drawn[decode] = [];
        for await (const { picture } of window.unnoise.generate({ model: 'text', prompt: 'a red three', steps: 3, decode })) drawn[decode].push(picture && [picture.width, picture.height, picture.channels, picture.x.length].join());
      }
      return drawn;
    });
    const picture = '64,64,3,12288';
    assert.deepEqual(decoded, { every: [null, picture, picture, picture], last: [null, null, null, picture], never: Array(4).fill(null) });
  },

  async 'text to picture starts from a picture’s latent, and keeps as much of it as the noise leaves'(t) {
    const visit = await quick(t);
    const seen = await visit.page.evaluate(async () => {
      const u = window.unnoise;
      const last = async (settings) => {
        const run = await u.start({ model: 'text', prompt: 'a bold red three on white paper', seed: 5, steps: 8, ...settings });
        while (await run.step());
        return run;
      };
      const original = await last();
      const { latent } = await u.encode({ picture: original.frame.picture.x.map((value) => Math.max(-1, Math.min(1, value))) });
      const apart = (a, b = latent) => Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.length);
      const runs = [];
      for (const sigma of [0.2, 2]) {
        const { frames, frame } = await last({ seed: 8, x: latent, sigma });
        runs.push({ sigma, first: frames[0].sigma, noise: apart(frames[0].x), change: apart(frame.x), shown: await u.measure({ picture: frame.picture.x.map((value) => Math.max(-1, Math.min(1, value))) }) });
      }
      return { runs, other: apart((await last({ seed: 8 })).frame.x) };
    });
    for (const { sigma, first, noise } of seen.runs) {
      // The schedule of DDPM knows some amounts alone: the nearest one is taken.
      assert.ok(Math.abs(first / sigma - 1) < 0.1, `σ is ${first} in place of ${sigma}`);
      assert.ok(Math.abs(noise / first - 1) < 0.2, `noise of ${noise} in place of ${first}`);
    }
    const [little, much] = seen.runs;
    assert.ok(little.change < much.change && little.change < seen.other / 2, `${little.change} from the latent, ${much.change} with much noise, ${seen.other} without it`);
    assert.deepEqual([little.shown.ink, little.shown.paper], ['red', 'white']);
  },

  async 'guidance in an interval costs its second call there alone, and a negative costs one where nothing is asked for'(t) {
    const visit = await quick(t);
    const last = async (settings) => (await visit.frames({ steps: 6, sampler: 'euler', seed: 3, guidance: 3, ...settings })).at(-1);
    const [everywhere, middle, any, not] = [await last({ digit: 3 }), await last({ digit: 3, guidanceInterval: [0.3, 5] }), await last({ digit: null }), await last({ digit: null, negative: 7 })];
    assert.deepEqual([everywhere.nfe, any.nfe, not.nfe], [12, 6, 12]);
    assert.ok(middle.nfe > 6 && middle.nfe < 12, `${middle.nfe} calls`);
    assert.notDeepEqual(not.x, any.x);
    assert.notDeepEqual(middle.x, everywhere.x);
  },

  async 'the digit in a coloured picture is read, whatever its colours'(t) {
    const visit = await quick(t);
    const seen = await visit.page.evaluate(async () => {
      const u = window.unnoise;
      const run = await u.start({ digit: 7, seed: 1 });
      while (await run.step());
      const x = run.frame.x.map((value) => Math.max(-1, Math.min(1, value)));
      const readings = [];
      for (const [ink, paper] of [['yellow', 'blue'], ['black', 'white']]) {
        const { picture } = await u.paint({ x, scene: { ink, paper, thickness: 'bold', slant: 'upright', size: 'large' }, seed: 1 });
        const { digit, probabilities } = await u.readDigit({ picture });
        readings.push({ digit, likeliest: probabilities.indexOf(Math.max(...probabilities)), sum: probabilities.reduce((a, b) => a + b), count: probabilities.length });
      }
      return { readings, nothing: await u.readDigit({ picture: new Float32Array(64 * 64 * 3).fill(1) }) };
    });
    for (const { digit, likeliest, sum, count } of seen.readings) {
      assert.deepEqual([digit, likeliest, count], [7, 7, 11]);
      assert.ok(Math.abs(sum - 1) < 1e-4, `probabilities of ${sum} in all`);
    }
    assert.deepEqual(seen.nothing, { digit: null, probabilities: null });
  },

  async 'of a text it is told what was read, what was not, and why'(t) {
    const visit = await quick(t);
    const told = (text) => visit.page.evaluate(async (text) => {
      const { embedding, ...rest } = await window.unnoise.embedText({ text });
      return { ...rest, length: Math.hypot(...embedding), count: embedding.length };
    }, text);
    const plain = await told('a red three');
    assert.deepEqual([plain.words, plain.unknown, plain.cut, plain.digits, plain.remarks, plain.count], [['a', 'red', 'three'], [], 0, [3], [], 64]);
    assert.ok(Math.abs(plain.length - 1) < 1e-3 && plain.scale > 1 && plain.scale <= 100);
    const misspelt = await told('not a red thre or 8');
    assert.deepEqual([misspelt.unknown.includes('thre'), misspelt.digits], [true, [8]]);
    assert.ok(misspelt.remarks.length >= 2 && misspelt.remarks.every(({ text, kind }) => text.length > 5 && typeof kind === 'string'));
    assert.ok(misspelt.remarks.some(({ text }) => text.includes('thre (three is)')));
  },

  async 'several pictures of a run are each what they are alone'(t) {
    const visit = await quick(t);
    const runs = [
      [{ steps: 4, sampler: 'euler-ancestral', guidance: 2, digit: 3, seed: 5 }, [{}, { digit: 8 }, { digit: null, seed: 6 }, { negative: 9 }]],
      [{ model: 'text', steps: 3, seed: 2, decode: 'last' }, [{ prompt: 'a bold red three' }, { prompt: 'a blue four', seed: 3 }]],
    ];
    for (const [settings, pictures] of runs) {
      const together = await visit.frames({ ...settings, pictures });
      const alone = await Promise.all(pictures.map((own) => visit.frames({ ...settings, ...own })));
      for (const [step, { count, x, picture, nfe }] of together.entries()) {
        assert.equal(count, pictures.length);
        const { length } = alone[0][step].x;
        assert.equal(x.length, count * length);
        assert.equal(nfe, Math.max(...alone.map((frames) => frames[step].nfe)));
        for (const [i, frames] of alone.entries()) {
          assert.equal(frames[step].count, 1);
          const away = difference(frames[step].x, x.slice(i * length, (i + 1) * length));
          assert.ok(away <= t.tolerance * Math.max(1, frames[step].sigma), `picture ${i} is ${away} off after step ${step}`);
          assert.equal(Boolean(picture), Boolean(frames[step].picture));
        }
      }
    }
    // What is not said of a picture is as for all, and stands in the settings.
    const settings = await visit.page.evaluate(async () => (await window.unnoise.start({ digit: 4, seed: 9, pictures: [{}, { seed: 1 }] })).settings.pictures);
    assert.deepEqual(settings, [{ digit: 4, prompt: null, negative: null, seed: 9 }, { digit: 4, prompt: null, negative: null, seed: 1 }]);
  },

  async 'many texts at once are each what they are alone'(t) {
    const visit = await quick(t);
    const texts = ['a red three', 'an elephant', '', 'thin 7 on blue', 'a red three'];
    const [alone, together, refused] = await visit.page.evaluate(async (texts) => {
      const u = window.unnoise;
      const plain = (all) => all.map(({ embedding, ...rest }) => ({ embedding: [...embedding], ...rest }));
      const refused = await Promise.all([[], Array(257).fill('a'), ['a', 7], 'a'].map((texts) => u.embedTexts({ texts }).catch(({ message }) => message)));
      return [plain(await Promise.all(texts.map((text) => u.embedText({ text })))), plain(await u.embedTexts({ texts })), refused];
    }, texts);
    assert.deepEqual(together.map(({ words }) => words.join(' ')), ['a red three', 'an', '', 'thin 7 on blue', 'a red three']);
    for (const [i, { embedding, ...rest }] of together.entries()) {
      const { embedding: own, ...known } = alone[i];
      assert.deepEqual(rest, known);
      assert.ok(difference(embedding, own) < 1e-5);
    }
    assert.deepEqual(refused, ['texts has 0 entries: it must have 1 to 256.', 'texts has 257 entries: it must have 1 to 256.', 'texts[1] is 7: it must be a text.', 'texts is "a": it must be an array of texts.']);
  },

  async 'with nothing asked for, guidance costs no second call'(t) {
    const visit = await quick(t);
    const nfe = async (settings) => (await visit.frames({ steps: 3, sampler: 'euler', ...settings })).at(-1).nfe;
    assert.deepEqual(await Promise.all([nfe({ digit: null }), nfe({ digit: 3 }), nfe({ digit: 3, guidance: 0 }), nfe({ digit: 3, guidance: 1 })]), [3, 6, 3, 3]);
    const [any, unguided] = [await visit.frames({ steps: 3, digit: null, guidance: 4 }), await visit.frames({ steps: 3, digit: null, guidance: 1 })];
    assert.ok(difference(any.at(-1).x, unguided.at(-1).x) <= t.tolerance);
  },

  async 'all that is loaded is counted, compressed or not'(t) {
    t.server.faults.set('wasm/relaxed/unnoise_bg.wasm', (response, body) => {
      response.setHeader('content-encoding', 'br');
      response.end(zlib.brotliCompressSync(body, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }));
    });
    const visit = await quick(t);
    const events = await visit.page.evaluate(async () => {
      const { Unnoise } = await import(new URL('unnoise/unnoise.js', document.baseURI).href);
      const events = [];
      (await Unnoise.load({ backend: 'cpu', onProgress: (event) => events.push(event) })).close();
      return events;
    });
    const files = events.reduce((all, event) => ({ ...all, [event.file]: [...(all[event.file] ?? []), event] }), {});
    assert.ok('wasm/relaxed/unnoise_bg.wasm' in files && 'weights/unet.safetensors' in files);
    for (const file of ['wasm/relaxed/unnoise_bg.wasm', 'weights/unet.safetensors']) {
      const { loaded, total } = files[file].at(-1);
      assert.ok(files[file].every((event) => event.total === total) && loaded === total && total > 100_000, file);
    }
    const total = (list) => list.reduce((sum, file) => sum + files[file][0].total, 0);
    const announced = new Set(events.slice(0, Object.keys(files).length).map(({ file }) => file));
    assert.ok(total([...announced]) > 0.9 * total(Object.keys(files)), 'the whole is known from the beginning');
  },

  async 'the bar of a slow connection counts the engine too'(t) {
    t.server.faults.set('wasm/relaxed/unnoise_bg.wasm', (response, body) => {
      response.write(body.subarray(0, body.length >> 1));
      setTimeout(() => response.end(body.subarray(body.length >> 1)), 3000);
    });
    const visit = await t.visit({ hash: 'steps=1&speed=max' });
    await visit.page.waitForFunction(() => {
      const { max, value, offsetParent } = document.getElementById('progress');
      return offsetParent && max > 4e6 && value > 2e6 && value < max;
    });
    assert.match(await visit.text('loading-text'), /^Loading the network: \d\.\d of \d\.\d MB$/);
    await visit.state('done');
  },

  async 'how good a model was measured to be is told, and its grid fetched once, when asked for'(t) {
    const visit = await quick(t);
    const fetched = () => t.server.requests.filter(({ file }) => file === 'weights/grid-digits.json').length;
    assert.equal(fetched(), 0);
    const [{ grid, afterQuantisation }, again, none, models] = await visit.page.evaluate(async () => {
      const u = window.unnoise;
      return [await u.quality(), (await u.quality('digits')).grid, await u.quality('digits-blind'), u.info.models];
    });
    assert.equal(fetched(), 1);
    assert.deepEqual(again, grid);
    assert.deepEqual([grid.model, grid.weights], ['digits', { unet: models.unet.sha256 }], 'measured with these weights');
    assert.ok(afterQuantisation.lenet.accuracy > 0.9);
    assert.equal(none.grid, null);
    const { sampler, schedule, steps } = grid.recommended;
    const curve = grid.cells.filter((cell) => cell.sampler === sampler && cell.schedule === schedule && cell.steps === steps);
    assert.ok(new Set(curve.map(({ guidance }) => guidance)).size > 3);
    for (const { calls, lenet, resnet, nearest } of [...grid.cells, { ...grid.real, calls: 1 }]) {
      assert.ok(calls > 0 && nearest.median >= nearest.percentile);
      for (const { accuracy, worst, times, timesRange: [low, high], recall } of [lenet, resnet]) assert.ok(worst <= accuracy && accuracy <= 1 && low <= times && times <= high && recall <= 1);
    }
    t.server.faults.set('weights/grid-digits.json', status(404));
    assert.match(await visit.failure(`const { Unnoise } = await import(new URL('unnoise/unnoise.js', document.baseURI).href); await (await Unnoise.load({ backend: 'cpu' })).quality('digits')`), /^weights\/grid-digits\.json is missing at /);
    assert.match(await visit.failure(`await unnoise.quality('magic')`), /^There is no model "magic"/);
  },

  async 'the types name all that the engine knows'(t) {
    const visit = await quick(t);
    const { samplers, schedules, decodes, generators, colours, scene, models } = await visit.page.evaluate(() => window.unnoise.info);
    const types = await readFile(new URL('../../www/unnoise/unnoise.d.ts', import.meta.url), 'utf8');
    const names = [samplers.map(({ name }) => name), schedules, decodes, generators.map(({ name }) => name), Object.keys(colours), Object.values(scene), Object.keys(models)].flat(2);
    assert.ok(names.length > 40);
    assert.deepEqual(names.filter((name) => !types.includes(`'${name}'`)), []);
  },

  async 'what a browser keeps goes by names that say its content, all but what finds it'(t) {
    const visit = await quick(t);
    await visit.page.evaluate(() => import(new URL('unnoise/unnoise.js', document.baseURI).href));
    await visit.goTo('vae');
    await visit.answered('vae');
    const plain = t.server.requests.map(({ at }) => at).filter((at) => !/(^|[./])[0-9a-f]{16}[./]/.test(at));
    assert.deepEqual([...new Set(plain)].sort(), ['guard.js', 'icon.svg', 'index.html', 'unnoise/unnoise.js']);
  },

  async 'a page of an older site that the browser has kept: the new one is loaded, without a word'(t) {
    once(t.server, 'index.html', (response, body) => response.end(String(body).replaceAll(/[0-9a-f]{16}(?=\/(page|chapters)\/)/g, '0123456789abcdef')));
    const visit = await quick(t);
    assert.equal(await visit.alert(), '');
    assert.equal(t.server.requests.filter(({ file }) => file === 'index.html').length, 2);
  },

  async 'a site that is updated while its page is open: a sentence, and trying again loads the new one'(t) {
    const visit = await quick(t);
    t.server.faults.set('chapters/vae/vae.js', status(404));
    t.server.faults.set('index.html', (response, body) => response.end(String(body).replaceAll(/[0-9a-f]{16}(?=\/page\/)/g, '0123456789abcdef')));
    await visit.goTo('vae');
    await visit.page.waitForFunction(() => /has been updated/.test(document.getElementById('alert').textContent));
    t.server.faults.clear();
    await visit.reloaded(() => visit.click('alert button'));
    await visit.goTo('vae');
    await visit.answered('vae');
    assert.equal(await visit.alert(), '');
  },

  ...Object.fromEntries([
    ['the script', 'wasm/relaxed/unnoise.js', status(404)],
    ['the code', 'wasm/relaxed/unnoise_bg.wasm', cutShort],
    ['the manifest', 'weights/manifest.json', status(404)],
    ['the weights', 'weights/unet.safetensors', cutShort],
  ].map(([what, file, fault]) => [`${what} of an older site: fetched once more, without a word`, async (t) => {
    once(t.server, file, fault);
    const visit = await quick(t);
    assert.equal(await visit.alert(), '');
    assert.ok(t.server.requests.filter((request) => request.file === file).length >= 2);
  }])),

  async 'a content policy without WebAssembly: a sentence that says so'(t) {
    t.server.policy = POLICY;
    const visit = await t.visit();
    assert.match(await visit.sentence(), /content policy.*'wasm-unsafe-eval'/);
    visit.complaints.length = 0; // the browser says it too
  },

  async 'a content policy with trusted types: a sentence that says so'(t) {
    t.server.policy = `${POLICY}; script-src 'self' 'wasm-unsafe-eval'; require-trusted-types-for 'script'`;
    assert.match(await failureOn(t, t.server), /worker could not be started.*trusted types/);
  },
};

const bare = (response) => response.end('<!doctype html><title>A page of somebody else</title><link rel="icon" href="icon.svg">');

/** The sentence by which the library of one site refuses to work on a bare page of another, which has no policy of its own. */
async function failureOn(t, { url }) {
  t.server.faults.set('index.html', bare);
  const visit = await t.visit();
  const message = await visit.page.evaluate(async (library) => {
    const { Unnoise } = await import(library);
    return Unnoise.load({ backend: 'cpu' }).then((u) => u.close(), ({ message }) => message);
  }, `${url}unnoise/unnoise.js`);
  visit.complaints.length = 0; // the browser says it too
  return message;
}

/** A page with a policy of its own, beside a host that shares the library. */
async function fromElsewhere(t, workers, use) {
  t.server.policy = `script-src * 'wasm-unsafe-eval'; connect-src *; ${workers}`;
  const other = await serve(t.site, { shared: true });
  try {
    await use(other);
  } finally {
    other.close();
  }
}

export const elsewhere = {
  async 'a library taken from another origin draws'(t) {
    await fromElsewhere(t, "worker-src blob: *", async (other) => {
      t.server.faults.set('index.html', bare);
      const visit = await t.visit();
      const steps = await visit.page.evaluate(async (library) => {
        const { Unnoise } = await import(library);
        const u = await Unnoise.load({ backend: 'cpu' });
        const steps = [];
        for await (const { step, x } of u.generate({ digit: 3, steps: 2 })) if (x.every(Number.isFinite)) steps.push(step);
        u.close();
        return steps;
      }, `${other.url}unnoise/unnoise.js`);
      assert.deepEqual(steps, [0, 1, 2]);
      visit.complaints.splice(0, Infinity, ...visit.complaints.filter((complaint) => !complaint.startsWith('asked for')));
    });
  },

  async 'where the page does not let it start a worker, a sentence says what to allow'(t) {
    await fromElsewhere(t, "worker-src 'self'", async (other) => {
      assert.match(await failureOn(t, other), /worker could not be started.*another origin.*worker-src blob:/);
    });
  },
};

/** In a browser with WebGPU. */
export const libraryWebgpu = {
  async 'what WebGPU computes is compared with the CPU before it is used'(t) {
    const visit = await quick(t);
    const seen = await visit.page.evaluate(async () => {
      const { Unnoise } = await import(new URL('unnoise/unnoise.js', document.baseURI).href);
      const x = (await window.unnoise.noise({ seed: 1 })).map((v) => v / 2);
      const right = await window.unnoise.score({ x, sigma: 0.5, digit: 3 });
      // A graphics card that differentiates wrongly.
      const { set } = Object.getOwnPropertyDescriptor(Worker.prototype, 'onmessage');
      let gpu;
      Object.defineProperty(Worker.prototype, 'onmessage', {
        set(listener) {
          gpu ??= this;
          set.call(this, (event) => {
            if (this === gpu && event.data.value?.gradient) event.data.value.gradient[400] += 50;
            listener(event);
          });
        },
      });
      const u = await Unnoise.load({ backend: 'webgpu' });
      const reasons = [];
      u.addEventListener('backend', ({ detail }) => reasons.push(detail.reason));
      const { gradient } = await u.score({ x, sigma: 0.5, digit: 3 });
      const backend = u.backend;
      u.close();
      return { off: Math.max(...gradient.map((v, i) => Math.abs(v - right.gradient[i]))), backend, reasons };
    });
    assert.ok(seen.off < 1e-3, 'the wrong gradient was handed out');
    assert.equal(seen.backend, 'cpu');
    assert.match(seen.reasons.join(), /first answer to score differs from the CPU's/);
  },
};
