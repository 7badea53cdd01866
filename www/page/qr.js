// The link to what is shown as a QR code, for an audience: large, in a dialog, and in letters below it.

import { encode } from '../vendor/uqr.js';
import { linkTo } from './address.js';
import { chapterInSight } from './contents.js';
import { copyText } from './copy.js';
import { openDialog } from './dialog.js';

const dialog = document.getElementById('qr');
const canvas = document.getElementById('qr-code');
const text = document.getElementById('qr-link');
const note = document.getElementById('qr-note');
const copy = document.getElementById('qr-copy');

/** About as many pixels wide is the code drawn, the light border that cameras need around it included. */
const WIDE = 1200;
const BORDER = 4;
const LOCAL = /^(localhost|127\.[\d.]+|\[::1\])$/;

/** Opens the dialog with the link to the chapter that is being looked at. */
export function showQr() {
  const { id } = chapterInSight();
  const link = new URL(linkTo(id === 'player' ? undefined : id));
  link.searchParams.delete('present'); // the speaker's
  text.textContent = text.href = link.href;
  canvas.hidden = !paint(link.href);
  const local = LOCAL.test(link.hostname) ? 'This address leads to this device alone: others need one that they can reach.' : '';
  note.textContent = canvas.hidden ? 'This link is too long for a QR code, by what was drawn by hand: copy it.' : local;
  openDialog(dialog);
}

/** Draws the code; returns whether the link fits into one. */
function paint(link) {
  let code;
  try {
    code = encode(link, { border: BORDER });
  } catch {
    return false;
  }
  const zoom = Math.max(1, Math.floor(WIDE / code.size));
  canvas.width = canvas.height = zoom * code.size;
  const context = canvas.getContext('2d');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = '#000';
  for (const [y, row] of code.data.entries()) {
    for (const [x, dark] of row.entries()) if (dark) context.fillRect(zoom * x, zoom * y, zoom, zoom);
  }
  return true;
}

copy.addEventListener('click', () => copyText(copy, text.href, 'The link stands in this dialog.'));
