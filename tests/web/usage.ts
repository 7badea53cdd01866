// Compiled, never run: a user's code, as the README shows it.

import { Unnoise, UnnoiseError, type Frame } from '../../www/unnoise/unnoise.js';

export async function use(draw: (frame: Frame) => void, x: Float32Array, picture: Float32Array): Promise<number[]> {
  const u = await Unnoise.load({ backend: 'auto', onProgress: ({ loaded, total }) => console.log(loaded / total) });
  const run = await u.start({ digit: 3, seed: 7, steps: 20, sampler: 'dpmpp-2m', guidance: 1.5 });
  const frame = await run.step();
  await Unnoise.load({ base: async (name) => (await fetch(`/elsewhere/${name}`)).blob() });
  run.back();
  for await (const frame of u.generate({ digit: 3 })) draw(frame);

  await u.start({ digit: 3, guidance: 3, guidanceInterval: [0.5, 5] });
  await u.start({ digit: null, negative: 7 });
  await u.start({ model: 'text', negative: 'white paper' });
  const several = await u.start({ steps: 5, pictures: [{ digit: 3 }, { digit: null, seed: 8 }] });
  const second = several.frame.x.slice(784, 2 * 784);
  console.log(several.frame.count, several.settings.pictures?.[1].seed, second.length);
  await u.start({ model: 'scorer', digit: 3 });
  const { probabilities, logF, gradient } = await u.score({ x, sigma: 0.5, digit: 3 });
  const { sigma } = await u.noiseLevel({ x });
  const { denoised } = await u.denoise({ model: 'digits-blind', x, sigma: 0.5 });

  const { grid } = await u.quality('digits');
  const best = grid?.cells.find(({ sampler, calls }) => sampler === 'heun' && calls < 20);

  await u.useWeights('/mine/');
  await u.useWeights([new File([], 'manifest.json')]);
  const own = u.weights?.networks.includes('unet') ?? false;
  await u.useWeights(null);

  const text = await u.start({ model: 'text', prompt: 'a bold red three on white paper', decode: 'last' });
  const { latent } = await u.encode({ picture });
  await u.start({ model: 'text', prompt: 'an eight', x: latent, sigma: 1 });
  const { embedding, unknown } = await u.embedText({ text: 'a three' });
  u.addEventListener('backend', ({ detail }) => console.log(detail.reason));

  const training = await u.train({ seed: 3, learningRate: 0.003, batch: 64, tellSigma: true });
  const { loss, digits } = await training.step({ learningRate: 0.001 });
  const [drawn] = await training.sample({ seeds: [1], digits: [3] });
  await training.open(await training.save());
  training.close();
  console.log(loss, digits.length, drawn.length, training.settings.batch);

  // @ts-expect-error no such sampler
  await u.start({ sampler: 'magic' }).catch((error) => console.log(error instanceof UnnoiseError && error.code));
  // @ts-expect-error no such setting
  await u.start({ stepz: 5 });
  // @ts-expect-error steps are for all
  await u.start({ pictures: [{ steps: 5 }] });

  u.close();
  return [frame?.sigma ?? 0, probabilities[10], logF, gradient[0], sigma, denoised[0], text.frame.picture?.width ?? 0, latent[0], embedding[0], unknown.length, u.info.limits.steps[1], best?.lenet.accuracy ?? 0, Number(own)];
}
