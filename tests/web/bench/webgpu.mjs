// What a network call asks of WebGPU. On SwiftShader, a GPU in software: the counts are those of any card, the times only
// compare with each other.

import { launch } from '../browsers.mjs';
import { asked } from '../gpu.mjs';
import { Visit } from '../visit.mjs';
import { ms } from './table.mjs';
import { median } from './turns.mjs';

/** Rows of what, what was measured, and what it may be. */
export async function webgpu(server) {
  const browser = await launch['chromium-webgpu']();
  const rows = [];
  for (const guidance of [1, 1.5]) {
    const page = await Visit.open(browser, server, { hash: 'steps=1&speed=max' });
    await page.state('done');
    const [first, ...calls] = await asked(page, { digit: 3, seed: 1, steps: 6, sampler: 'euler', guidance });
    const call = calls.at(-1);
    rows.push(
      [guidance === 1 ? 'one network call' : 'one with guidance', `${call.dispatches} dispatches`, '80'],
      ['', `${call.submits} submits`, '2'],
      ['', `${call.writes} writes`],
      ['  in software, the first one', ms(first.ms)],
      ['  of that to compile', `${first.pipelines} pipelines`],
      ['  in software, any other', ms(median(calls.map((call) => call.ms)))],
    );
    await page.close();
  }
  await browser.close();
  return rows;
}
