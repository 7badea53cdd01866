// Chapter 5: a picture in 256 numbers, and back.

import assert from 'node:assert/strict';

import { status } from './server.mjs';
import { come, difference, DRAWN, quick, range, shades } from './visit.mjs';

const RED_THREE = '3-5_red_white_bold_right_large_2';

/** The chapter, with its networks' answers. */
async function open(t, hash, where) {
  const visit = await come(t, 'vae', hash, where);
  await visit.answered('vae');
  return visit;
}

/** What the library makes of the picture at hand: `{ latent, decoded, mse }`. */
const through = (visit, id = 'picture') => visit.page.evaluate(async (id) => {
  const canvas = document.getElementById(`vae-${id}`);
  const { data } = canvas.getContext('2d').getImageData(0, 0, 64, 64);
  const picture = [...data].filter((_, i) => i % 4 !== 3).map((value) => value / 127.5 - 1);
  const { latent } = await window.unnoise.encode({ picture });
  // Brighter than white is white.
  const decoded = (await window.unnoise.decode({ latent })).picture.map((value) => Math.min(1, Math.max(-1, value)));
  const mse = decoded.reduce((sum, value, i) => sum + (value - picture[i]) ** 2, 0) / picture.length;
  return { latent: [...latent], decoded: [...decoded], mse };
}, id);

const decode = (visit, latent) => visit.page.evaluate(async (latent) => [...(await window.unnoise.decode({ latent })).picture], latent);

/** What can be seen in a canvas, without any network. */
const measure = (visit, id) => visit.page.evaluate(async (id) => {
  const { data } = document.getElementById(id).getContext('2d').getImageData(0, 0, 64, 64);
  return window.unnoise.measure({ picture: [...data].filter((_, i) => i % 4 !== 3).map((value) => value / 127.5 - 1) });
}, id);

/** Chooses an attribute, and returns how long the page took to answer the hand. */
const choose = (visit, name, value) => visit.page.$eval(`#vae-picker input[name="vae-${name}"][value="${value}"]`, (radio) => radio.click());

/** A canvas holds 256 grey values, and a picture read off it is that much off. */
const ROUNDED = 4;

export const vae = {
  async 'a picture goes through 256 numbers and back'(t) {
    const visit = await open(t);
    assert.deepEqual(await measure(visit, 'vae-picture'), { ink: 'red', paper: 'white', thickness: 'bold', slant: 'right', size: 'large' });
    const { latent, decoded, mse } = await through(visit);
    assert.equal(latent.length, 256);
    assert.ok(difference(await visit.colours('vae-decoded'), shades(decoded)) <= ROUNDED);
    assert.ok(Math.abs(Number(await visit.text('vae-mse')) / mse - 1) < 0.1);
    const psnr = Number.parseFloat(await visit.text('vae-psnr'));
    assert.ok(Math.abs(psnr - 10 * Math.log10(4 / mse)) < 0.3);
    assert.ok(psnr > 22, `the reconstruction is at ${psnr} dB`);
    // The error's picture: the difference, four times as bright.
    const [picture, error] = [await visit.colours('vae-picture'), await visit.colours('vae-error')];
    const expected = picture.map((value, i) => Math.min(255, 4 * Math.abs(shades(decoded)[i] - value)));
    assert.ok(difference(error, expected) <= 4 * ROUNDED);
    // The four channels show the latent's signs: orange above 0, blue below.
    for (const channel of range(0, 3)) {
      const shown = await visit.colours(`vae-channel-${channel}`);
      for (const place of range(0, 63)) {
        const value = latent[4 * place + channel];
        if (Math.abs(value) > 0.2) assert.equal(shown[3 * place] > shown[3 * place + 2], value > 0);
      }
    }
    assert.equal(await visit.alert(), '');
  },

  async 'ink, paper, strokes, slant and size are chosen, and painted'(t) {
    const visit = await open(t);
    for (const [name, value] of [['ink', 'green'], ['paper', 'black'], ['thickness', 'thin'], ['slant', 'left'], ['size', 'medium']]) {
      await choose(visit, name, value);
      await visit.page.waitForFunction((name, value) => document.getElementById('vae').dataset.answered.split('_').includes(value), {}, name, value);
    }
    assert.deepEqual(await measure(visit, 'vae-picture'), { ink: 'green', paper: 'black', thickness: 'thin', slant: 'left', size: 'medium' });
    // Ink in the paper's colour could not be seen.
    await choose(visit, 'ink', 'black');
    await visit.answered('vae', '3-5_black_green_thin_left_medium_2');
  },

  async 'one number is changed, by slider, by pointer and by keys'(t) {
    const visit = await open(t, 'vae.number=100&vae.value=1');
    const poked = async (number, value) => {
      await visit.answered('vae-poke', `${number} ${value}`);
      const { latent } = await through(visit);
      latent[number] = value;
      assert.ok(difference(await visit.colours('vae-poked'), shades(await decode(visit, latent))) <= ROUNDED);
    };
    await poked(100, 1);
    await visit.drag('#vae-value', range(-3, 3));
    await poked(100, 3);
    assert.equal(await visit.text('vae-value-is'), '+3.00');

    await visit.pick('vae-channel-2', 5, 1);
    await poked((1 * 8 + 5) * 4 + 2, 3);
    assert.equal(await visit.text('vae-poke-which'), 'Channel 3, row 2, column 6');
    await visit.page.focus('#vae-channel-2');
    await visit.press('ArrowDown');
    assert.match(await visit.text('vae-told'), /^Channel 3, row 3, column 6: [+−]?\d/);
    await visit.press('-');
    await poked((2 * 8 + 5) * 4 + 2, 2.5);

    await visit.click('vae-own');
    await visit.page.waitForFunction(() => document.getElementById('vae-value-is').textContent === document.getElementById('vae-poke-own').textContent);
    await visit.page.waitForFunction(() => {
      const { data } = document.getElementById('vae-changed').getContext('2d').getImageData(0, 0, 64, 64);
      return data.every((value, i) => i % 4 === 3 || value <= 16);
    });
  },

  async 'a walk from one latent to another, beside the plain cross-fade'(t) {
    const visit = await open(t);
    await visit.goTo('vae-walk');
    await visit.answered('vae-walk', 0.5);
    const [a, b] = [await through(visit, 'a'), await through(visit, 'b')];
    const agrees = async (way) => {
      await visit.answered('vae-walk', way);
      const between = a.latent.map((value, i) => (1 - way) * value + way * b.latent[i]);
      assert.ok(difference(await visit.colours('vae-mix'), shades(await decode(visit, between))) <= ROUNDED, `at ${way}`);
      const ends = [await visit.colours('vae-a'), await visit.colours('vae-b')];
      assert.ok(difference(await visit.colours('vae-fade'), ends[0].map((value, i) => (1 - way) * value + way * ends[1][i])) <= 2);
    };
    await agrees(0.5);
    await visit.drag('#vae-way', range(0, 80, 5).map((percent) => percent / 100));
    await agrees(0.8);
    await visit.goTo('vae-stills');
    await visit.answered('vae-stills', 'yes');
    await visit.page.click('#vae-stills button:nth-child(3)');
    await agrees(0.25);
    assert.equal(await visit.text('vae-way-is'), '25 %');

    // The picture above becomes B, so that there is no way to go.
    await visit.click('vae-keep');
    await visit.page.waitForFunction(() => {
      const [a, b] = ['vae-a', 'vae-b'].map((id) => document.getElementById(id).getContext('2d').getImageData(0, 0, 64, 64).data);
      return a.every((value, i) => value === b[i]);
    });
    const before = await visit.colours('vae-b');
    await visit.click('vae-other');
    await visit.page.waitForFunction((before) => {
      const { data } = document.getElementById('vae-b').getContext('2d').getImageData(0, 0, 64, 64);
      return [...data].filter((_, i) => i % 4 !== 3).some((value, i) => value !== before[i]);
    }, {}, before);
  },

  async 'a digit is drawn and painted, and a link brings it back'(t) {
    const visit = await open(t, 'vae.way=0.3');
    await visit.page.click('#vae-tools [data-tool="clear"]');
    await visit.page.waitForFunction(() => /\w/.test(document.querySelector('#vae-picker [role=status].hint').textContent));
    assert.equal(await visit.alert(), '');
    await visit.stroke('vae-sketch', [[14, 4], [14, 23]]);
    await visit.page.waitForFunction(() => !document.getElementById('vae').classList.contains('empty'));
    await choose(visit, 'slant', 'upright');
    await visit.page.waitForFunction(() => /_red_white_bold_upright_large_2$/.test(document.getElementById('vae').dataset.answered));
    const seen = await measure(visit, 'vae-picture');
    assert.equal(seen.ink, 'red');
    assert.equal(seen.paper, 'white');
    await visit.page.waitForFunction(() => /vae\.picture=[^&]*_upright_/.test(location.hash));
    const copy = await open(t, await visit.hash());
    assert.deepEqual(await copy.colours('vae-picture'), await visit.colours('vae-picture'));
    await copy.answered('vae-walk', 0.3);
  },

  async 'surprises, by button and by key'(t) {
    const visit = await open(t);
    const next = async (from) => {
      await visit.page.waitForFunction((from) => document.getElementById('vae').dataset.answered !== from, {}, from);
      return visit.page.$eval('#vae', ({ dataset }) => dataset.answered);
    };
    await visit.click('vae-any');
    const second = await next(RED_THREE);
    await visit.page.focus('#vae');
    await visit.press('r');
    await next(second);
  },

  async 'the library paints, measures and refuses'(t) {
    const visit = await quick(t);
    const { caption, scene, seen, again } = await visit.page.evaluate(async () => {
      const { scene, caption } = await window.unnoise.scene({ digit: 7, seed: 3 });
      const x = Float32Array.from({ length: 784 }, (_, i) => (Math.abs((i % 28) - 14) < 1.5 && i > 120 && i < 660 ? 1 : -1));
      const [one, other] = await Promise.all([1, 1].map((seed) => window.unnoise.paint({ x, scene, seed })));
      return { caption, scene, seen: await window.unnoise.measure(one), again: one.picture.every((value, i) => value === other.picture[i]) };
    });
    assert.equal(scene.digit, 7);
    assert.ok(caption.length > 0);
    for (const name of ['ink', 'paper']) assert.equal(seen[name], scene[name]);
    assert.ok(again, 'the same seed paints another picture');
    const x = 'new Float32Array(784)';
    const words = 'ink: "red", paper: "white", thickness: "bold", slant: "left"';
    for (const [script, sentence] of [
      [`unnoise.paint({ x: ${x}.fill(-1), scene: { ${words}, size: "large" } })`, /no ink/],
      [`unnoise.paint({ x: ${x}, scene: { ${words}, size: "vast" } })`, /no size "vast"/],
      [`unnoise.paint({ x: ${x} })`, /no ink undefined/],
      ['unnoise.scene({ digit: 10 })', /digit is 10/],
      [`unnoise.encode({ picture: ${x} })`, /picture has 784 values/],
      ['unnoise.decode({ latent: new Float32Array(256).fill(NaN) })', /latent has NaN at place 0/],
      ['unnoise.embedPicture({})', /picture is undefined/],
      ['unnoise.embedText({ text: 3 })', /text is 3/],
      ['unnoise.embedText({ text: "a".repeat(10001) })', /10001 characters/],
      ['unnoise.start({ model: "text", prompt: "a".repeat(10001) })', /10001 characters/],
      [`unnoise.start({ model: "text", x: ${x}, sigma: 1 })`, /x has 784 values: it must be an array of 8 × 8 × 4 numbers/],
      ['unnoise.start({ prompt: "a three" })', /"digits" cannot read/],
      [`unnoise.denoise({ model: "text", x: ${x} })`, /works on latents/],
    ]) {
      assert.match(await visit.failure(`await ${script}`), sentence, script);
    }
    assert.equal(await visit.page.evaluate(async () => window.unnoise.measure({ picture: new Float32Array(12288) })), null);
  },

  async 'a picture that cannot be had gets a sentence'(t) {
    const visit = await open(t, 'vae.picture=3-1_red_mauve_bold_right_large_1&vae.way=2&vae.number=256');
    assert.match(await visit.sentence(), /vae\.picture, a picture that is none, vae\.way = 2, vae\.number = 256/);
    await visit.answered('vae', RED_THREE);
  },

  async 'the weights come when the chapter is first opened, once; if they are missing: a sentence, and trying again'(t) {
    const asked = () => t.server.requests.filter(({ file }) => file === 'weights/vae.safetensors').length;
    t.server.faults.set('weights/vae.safetensors', status(404));
    const visit = await t.visit({ hash: 'steps=1&speed=max' });
    await visit.state('done');
    assert.equal(asked(), 0);
    await visit.goTo('vae');
    assert.match(await visit.sentence(), /vae\.safetensors is missing/);
    t.server.faults.clear();
    const before = asked();
    await visit.click('alert button');
    await visit.answered('vae');
    assert.equal(await visit.alert(), '');
    assert.equal(asked(), before + 1);
  },
};

export const vaeWebgpu = {
  async 'the autoencoder on WebGPU, and on the CPU once the device is lost'(t) {
    const visit = await open(t, `guidance=1&sampler=euler&vae.picture=${DRAWN}&vae.other=${DRAWN.replace('red', 'blue')}`, { query: 'backend=webgpu' });
    const gpu = await through(visit);
    assert.ok(difference(await visit.colours('vae-decoded'), shades(gpu.decoded)) <= ROUNDED);
    // What cannot be painted is not the GPU's fault.
    assert.match(await visit.failure('await unnoise.paint({ x: new Float32Array(784).fill(-1), scene: { ink: "red", paper: "blue", thickness: "thin", slant: "left", size: "large" } })'), /no ink/);
    assert.equal(await visit.page.evaluate(() => window.unnoise.backend), 'webgpu');
    await visit.page.evaluate(() => window.unnoise.loseDevice());
    const cpu = await through(visit);
    assert.equal(await visit.page.evaluate(() => window.unnoise.backend), 'cpu');
    assert.ok(difference(gpu.latent, cpu.latent) <= 0.03);
    assert.ok(difference(gpu.decoded, cpu.decoded) <= 0.03);
    // The chapter goes on.
    await visit.slide('#vae-way', 0.25);
    await visit.answered('vae-walk', 0.25);
  },
};
