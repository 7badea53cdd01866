// The browsers that the tests drive.

import puppeteer from 'puppeteer-core';

const CHROMIUM = ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
/** WebGPU on SwiftShader, a GPU in software: it proves that the path works, and says nothing of its speed. */
const SWIFTSHADER = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan', '--ignore-gpu-blocklist'];

/** One call into a page may be a whole test, on a GPU in software. */
const PATIENCE = 400_000;

const chromium = (...args) => puppeteer.launch({ protocolTimeout: PATIENCE, executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: [...CHROMIUM, ...args] });

export const launch = {
  chromium: () => chromium('--disable-gpu'),
  'chromium-webgpu': () => chromium(...SWIFTSHADER),
  firefox: () => puppeteer.launch({ browser: 'firefox', executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr' }),
};
