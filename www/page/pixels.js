// Values to grey: white ink on black, as in MNIST, in both colour schemes.

/** Grey values of a picture whose clean range is [-1, 1], as RGBA. */
export function toImage(values, width, height, scale = 1) {
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const grey = (values[i] * scale + 1) * 127.5; // clamped by the array
    image.data.set([grey, grey, grey, 255], i * 4);
  }
  return image;
}

/**
 * The noisy picture. Its values have a standard deviation of about √(1 + σ²), so dividing by that keeps
 * noise within black and white while σ is large, and changes nothing at the end.
 */
export function noisyImage({ x, width, height, sigma }) {
  return toImage(x, width, height, 1 / Math.hypot(1, sigma));
}

/** The estimate of the clean picture; black before the network has been asked. */
export function denoisedImage({ denoised, width, height }) {
  return toImage(denoised ?? new Float32Array(width * height).fill(-1), width, height);
}

export function draw(canvas, image) {
  if (canvas.width !== image.width || canvas.height !== image.height) {
    canvas.width = image.width;
    canvas.height = image.height;
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
}

/** Saves a picture as PNG, every pixel `zoom` pixels large. */
export async function savePng(image, name, zoom = 16) {
  const small = document.createElement('canvas');
  draw(small, image);
  const large = document.createElement('canvas');
  large.width = image.width * zoom;
  large.height = image.height * zoom;
  const context = large.getContext('2d');
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, large.width, large.height);
  const blob = await new Promise((resolve) => large.toBlob(resolve, 'image/png'));
  if (!blob) throw new Error('The picture could not be turned into a PNG file in this browser.');
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
