//! Pixels ↔ numbers: the one normalisation. A clean picture lies in [-1, 1], −1 = paper (black in
//! MNIST), +1 = ink.

/// Width and height of an MNIST digit, in pixels.
pub const DIGIT_SIZE: usize = 28;

/// Pixels of a digit.
pub const DIGIT_PIXELS: usize = DIGIT_SIZE * DIGIT_SIZE;

/// Widths, and heights, of the pictures that networks of one channel learn: MNIST's, and one that halves once more.
pub const SIZES: [usize; 2] = [DIGIT_SIZE, 32];

/// 0..=255 to [-1, 1].
pub fn from_pixel(pixel: u8) -> f32 {
    f32::from(pixel) / 127.5 - 1.0
}

/// [-1, 1] to 0..=255, clamped, rounded to nearest; NaN gives 0.
pub fn to_pixel(value: f32) -> u8 {
    ((value.clamp(-1.0, 1.0) + 1.0) * 127.5).round() as u8
}

/// Pictures as planes of channels (a tensor's order) → pictures as pixels of channels (a canvas's).
///
/// # Shapes
/// `planes` n × `channels` × `pixels`; returns n × `pixels` × `channels`.
pub fn interleave(planes: &[f64], channels: usize, pixels: usize) -> Vec<f32> {
    let mut interleaved = Vec::with_capacity(planes.len());
    for picture in planes.chunks(channels * pixels) {
        for pixel in 0..pixels {
            interleaved.extend((0..channels).map(|c| picture[c * pixels + pixel] as f32));
        }
    }
    interleaved
}

/// Pixels of channels → planes of channels: [`interleave`] of one picture, undone.
///
/// # Shapes
/// `picture` pixels × `channels`; returns `channels` × pixels.
pub fn planes(picture: &[f32], channels: usize) -> Vec<f64> {
    (0..channels)
        .flat_map(|c| picture.iter().skip(c).step_by(channels))
        .map(|&v| f64::from(v))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_and_orders_convert() {
        assert!((0..=255).all(|p| to_pixel(from_pixel(p)) == p));
        assert_eq!(
            interleave(&[1.0, 2.0, 3.0, 4.0], 2, 2),
            [1.0, 3.0, 2.0, 4.0]
        );
        assert_eq!(planes(&[1.0, 3.0, 2.0, 4.0], 2), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(
            [to_pixel(-9.0), to_pixel(9.0), to_pixel(f32::NAN)],
            [0, 255, 0]
        );
    }
}
