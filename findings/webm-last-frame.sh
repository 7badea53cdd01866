#!/usr/bin/env bash
# mediabunny 1.61.0: a WebM file of three frames that are shown for 1, 1 and 2 seconds is 2 seconds long, an MP4 file 4.
# The length of the last frame is not written, and nothing says so.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund mediabunny@1.61.0
cat >length.cjs <<'JS'
const { ALL_FORMATS, BufferSource, BufferTarget, EncodedPacket, EncodedVideoPacketSource, Input, Mp4OutputFormat, Output, WebMOutputFormat } = require('mediabunny');
/** A key frame of VP8, 16 × 16, as far as its header. */
const FRAME = new Uint8Array([0x10, 0, 0, 0x9d, 1, 0x2a, 16, 0, 16, 0]);
async function length(format) {
  const source = new EncodedVideoPacketSource('vp8');
  const output = new Output({ format, target: new BufferTarget() });
  output.addVideoTrack(source);
  await output.start();
  const meta = { decoderConfig: { codec: 'vp8', codedWidth: 16, codedHeight: 16 } };
  for (const [at, shown] of [[0, 1], [1, 1], [2, 2]]) await source.add(new EncodedPacket(FRAME, 'key', at, shown), meta);
  await output.finalize();
  return new Input({ formats: ALL_FORMATS, source: new BufferSource(output.target.buffer) }).computeDuration();
}
(async () => {
  const [webm, mp4] = [await length(new WebMOutputFormat()), await length(new Mp4OutputFormat())];
  console.log(`mediabunny 1.61.0, frames of 1, 1 and 2 s: WebM is ${webm} s long, MP4 ${mp4} s`);
  process.exit(webm === 2 && mp4 === 4 ? 0 : 1);
})();
JS
node length.cjs
