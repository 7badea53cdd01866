#!/usr/bin/env bash
# Chromium 156.0.8078.114 (Debian), driven by puppeteer-core 24.43.1: a step back in the history, taken while the page
# scrolls smoothly, changes the address and leaves the scrolling as it was: the page ends where it was being sent.
# Once the scrolling has ended, the same step brings the page back to the top; Firefox ESR 153 always does.
set -euo pipefail
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || { echo "needs Chromium"; exit 1; }
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund puppeteer-core@24.43.1
cat >back.mjs <<'JS'
import { createServer } from 'node:http';
import { launch } from 'puppeteer-core';

const PAGE = '<!doctype html><div style="height: 6000px"></div><p id="there">there</p><div style="height: 3000px"></div>';
const server = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end(PAGE)).listen(0);
const browser = await launch({ executablePath: process.argv[2], args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** Where the page stands two seconds after a step back, which is taken when `when` says so. */
async function top(when) {
  const page = await browser.newPage();
  await page.goto(`http://localhost:${server.address().port}/`);
  await page.evaluate(() => {
    history.pushState(null, '', '#there');
    document.getElementById('there').scrollIntoView({ behavior: 'smooth' });
  });
  await when(page);
  await page.evaluate(() => history.back());
  await sleep(2000);
  return page.evaluate(() => [location.hash, Math.round(scrollY / 1000) * 1000].join(' at '));
}
const during = await top((page) => page.waitForFunction(() => scrollY > 1000));
const after = await top(() => sleep(2000));
console.log(`${await browser.version()}: back during the scrolling: "${during}", after it: "${after}"`);
process.exit(during === ' at 6000' && after === ' at 0' ? 0 : 1);
JS
node back.mjs "$browser"
