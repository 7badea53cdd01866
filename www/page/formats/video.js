// WebM and MP4 files, by mediabunny, where the browser encodes video.

/**
 * A video of images of one size, even in both directions.
 * - `format`: 'webm' or 'mp4'.
 * - `delays`: how long each is shown, in milliseconds, the last one too.
 * - `comment`: what else stands in the file.
 * Rejects with a sentence where this browser encodes no such video.
 */
export async function encodeVideo(images, { format, delays, comment }) {
  const none = `This browser encodes no ${format === 'mp4' ? 'MP4' : 'WebM'} video: take the GIF or the animated PNG.`;
  if (!('VideoEncoder' in globalThis)) throw new Error(none);
  const { BufferTarget, CanvasSource, getFirstEncodableVideoCodec, Mp4OutputFormat, Output, QUALITY_VERY_HIGH, WebMOutputFormat } = await import('../../vendor/mediabunny.js');
  const [{ width, height }] = images;
  const file = format === 'mp4' ? new Mp4OutputFormat() : new WebMOutputFormat();
  const codec = await getFirstEncodableVideoCodec(file.getSupportedVideoCodecs(), { width, height });
  if (!codec) throw new Error(none);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { alpha: false });
  const source = new CanvasSource(canvas, { codec, quality: QUALITY_VERY_HIGH });
  const output = new Output({ format: file, target: new BufferTarget() });
  output.addVideoTrack(source);
  output.setMetadataTags({ comment });
  await output.start();
  let at = 0;
  for (const [i, image] of images.entries()) {
    context.putImageData(image, 0, 0);
    await source.add(at / 1000, delays[i] / 1000);
    at += delays[i];
  }
  // A WebM file does not say how long its last picture is shown: so it is there once more, at the end.
  if (format === 'webm') await source.add(at / 1000);
  await output.finalize();
  return new Blob([output.target.buffer], { type: `video/${format}` });
}
