#!/usr/bin/env bash
# Chromium 156.0.8078.114 (Debian), driven by puppeteer-core 24.43.1: autofocus on an element in a <dialog>, by which
# showModal() chooses what has the focus, is acted on when the page loads, too, though the dialog is closed and nothing of
# it can have the focus: in a frame of another origin the console gets an error. Alone the page loads without a word.
set -euo pipefail
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || { echo "needs Chromium"; exit 1; }
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund puppeteer-core@24.43.1
cat >autofocus.mjs <<'JS'
import { createServer } from 'node:http';
import { launch } from 'puppeteer-core';

const serve = (page) => createServer((_, answer) => answer.setHeader('content-type', 'text/html').end(page)).listen(0);
const address = (server) => `http://localhost:${server.address().port}/`;
const inner = serve('<!doctype html><dialog><h2 tabindex="-1" autofocus>Closed</h2></dialog>');
const outer = serve(`<!doctype html><iframe src="${address(inner)}"></iframe>`);
const browser = await launch({ executablePath: process.argv[2], args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] });
/** What the console says of a page, but for the icon that it lacks. */
async function said(url) {
  const page = await browser.newPage();
  const lines = [];
  page.on('console', (message) => lines.push(`${message.type()}: ${message.text()}`));
  await page.goto(url);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return lines.filter((line) => !line.includes('Failed to load')).join('; ');
}
const [alone, framed] = [await said(address(inner)), await said(address(outer))];
console.log(`${await browser.version()}: alone "${alone}", in a frame of another origin "${framed}"`);
process.exit(alone === '' && /^error: Blocked autofocusing/.test(framed) ? 0 : 1);
JS
node autofocus.mjs "$browser"
