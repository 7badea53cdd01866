//! What a page's trainer learns from: digits that the site ships, or a visitor's own drawings.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::TrainerError;
use crate::image::{DIGIT_PIXELS, DIGIT_SIZE};

/// Grey levels of a shipped digit: two bits a pixel.
const LEVELS: u8 = 4;

/// Pixels that share a byte, the first one in its lowest bits.
const PACKED: usize = 4;

/// A drawing is turned by this at most, in radians, enlarged or shrunk by this share, and moved by so many pixels.
const VARIED: (f64, f64, f64) = (0.15, 0.1, 1.5);

/// As many drawings are taken at most.
pub const MAX_DRAWINGS: usize = 100;

/// Pictures and, where they have one, their digits.
#[derive(Clone, Debug, PartialEq)]
pub struct Pictures {
    /// n × 784, in [-1, 1].
    values: Vec<f32>,
    /// n digits; none: drawings of whatever there is.
    labels: Option<Vec<u8>>,
}

impl Pictures {
    /// Digits from [`Pictures::pack`].
    ///
    /// # Errors
    /// [`TrainerError::Pictures`].
    pub fn unpack(bytes: &[u8]) -> Result<Self, TrainerError> {
        let unfit = |reason: &dyn ToString| TrainerError::Pictures(reason.to_string());
        let file = SafeTensors::deserialize(bytes).map_err(|e| unfit(&e))?;
        let images = file.tensor("images").map_err(|e| unfit(&e))?;
        let labels = file.tensor("labels").map_err(|e| unfit(&e))?;
        let n = labels.data().len();
        let sound = images.dtype() == Dtype::U8
            && labels.dtype() == Dtype::U8
            && images.data().len() == n * DIGIT_PIXELS / PACKED
            && labels.data().iter().all(|&label| label < 10)
            && n > 0;
        if !sound {
            return Err(unfit(&"it does not hold as many digits as labels"));
        }
        let levels = images
            .data()
            .iter()
            .flat_map(|byte| (0..PACKED).map(move |i| byte >> (2 * i) & (LEVELS - 1)));
        let value = |level: u8| 2.0 * f32::from(level) / f32::from(LEVELS - 1) - 1.0;
        Ok(Self {
            values: levels.map(value).collect(),
            labels: Some(labels.data().to_vec()),
        })
    }

    /// Digits as a safetensors file: `images`, each pixel two bits, and `labels`, a byte each.
    ///
    /// # Shapes
    /// `images` n × 784, as MNIST's; `labels` n.
    ///
    /// # Errors
    /// [`TrainerError::Pictures`]: there are not as many of these as of those.
    pub fn pack(images: &[u8], labels: &[u8]) -> Result<Vec<u8>, TrainerError> {
        let unfit = |error: safetensors::SafeTensorError| TrainerError::Pictures(error.to_string());
        let level = |pixel: u8| (u16::from(pixel) * u16::from(LEVELS - 1) + 127) / 255;
        let byte = |pixels: &[u8]| {
            let bits = pixels.iter().enumerate();
            bits.fold(0, |byte, (i, &pixel)| {
                byte | (level(pixel) as u8) << (2 * i)
            })
        };
        let packed: Vec<u8> = images.chunks(PACKED).map(byte).collect();
        let shape = vec![labels.len(), DIGIT_PIXELS / PACKED];
        let images = TensorView::new(Dtype::U8, shape, &packed).map_err(unfit)?;
        let labels = TensorView::new(Dtype::U8, vec![labels.len()], labels).map_err(unfit)?;
        safetensors::serialize([("images", images), ("labels", labels)], None).map_err(unfit)
    }

    /// A visitor's own drawings.
    ///
    /// # Shapes
    /// `values` n × 784, in [-1, 1].
    ///
    /// # Errors
    /// [`TrainerError::Drawings`].
    pub fn drawn(values: Vec<f32>) -> Result<Self, TrainerError> {
        let n = values.len() / DIGIT_PIXELS;
        let whole = values.len() == n * DIGIT_PIXELS && (1..=MAX_DRAWINGS).contains(&n);
        // The comparison is false for NaN too.
        if !whole || !values.iter().all(|v| v.abs() <= 1.0) {
            return Err(TrainerError::Drawings);
        }
        Ok(Self {
            values,
            labels: None,
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len() / DIGIT_PIXELS
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether they have digits.
    pub fn are_labelled(&self) -> bool {
        self.labels.is_some()
    }

    /// The digit of a picture; 0 where it has none.
    pub(super) fn label(&self, i: usize) -> u8 {
        self.labels.as_ref().map_or(0, |labels| labels[i])
    }

    /// A picture to learn from, 784 values: as it is, or, a drawing, a little turned, resized and moved, since a few
    /// of them are all that there is.
    pub(super) fn take(&self, i: usize, random: &mut ChaCha8Rng) -> Vec<f32> {
        let picture = &self.values[i * DIGIT_PIXELS..(i + 1) * DIGIT_PIXELS];
        match self.labels {
            Some(_) => picture.to_vec(),
            None => varied(picture, random),
        }
    }
}

/// A drawing turned, resized and moved by up to [`VARIED`], between pixels by bilinear interpolation.
fn varied(picture: &[f32], random: &mut ChaCha8Rng) -> Vec<f32> {
    let mut within = |most: f64| random.random_range(-most..most);
    let (angle, size) = (within(VARIED.0), 1.0 + within(VARIED.1));
    let moved = [within(VARIED.2), within(VARIED.2)];
    let (sin, cos) = (angle.sin() / size, angle.cos() / size);
    let middle = (DIGIT_SIZE - 1) as f64 / 2.0;
    let ink = |x: f64, y: f64| {
        let inside = |v: f64| (0.0..DIGIT_SIZE as f64).contains(&v);
        match inside(x) && inside(y) {
            true => f64::from(picture[y as usize * DIGIT_SIZE + x as usize]),
            false => -1.0,
        }
    };
    let pixel = |i: usize| {
        let x = (i % DIGIT_SIZE) as f64 - middle - moved[0];
        let y = (i / DIGIT_SIZE) as f64 - middle - moved[1];
        let (x, y) = (cos * x + sin * y + middle, cos * y - sin * x + middle);
        let (left, top) = (x.floor(), y.floor());
        let (fx, fy) = (x - left, y - top);
        let row = |y: f64| ink(left, y) * (1.0 - fx) + ink(left + 1.0, y) * fx;
        (row(top) * (1.0 - fy) + row(top + 1.0) * fy) as f32
    };
    (0..DIGIT_PIXELS).map(pixel).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn digits_survive_packing_up_to_four_grey_levels() {
        let images: Vec<u8> = (0..3 * DIGIT_PIXELS)
            .map(|i| (i * 37 % 256) as u8)
            .collect();
        let bytes = Pictures::pack(&images, &[3, 1, 4]).unwrap();
        let pictures = Pictures::unpack(&bytes).unwrap();
        assert_eq!(pictures.len(), 3);
        assert_eq!([0, 1, 2].map(|i| pictures.label(i)), [3, 1, 4]);
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let second = pictures.take(1, &mut random);
        for (value, &pixel) in second.iter().zip(&images[DIGIT_PIXELS..]) {
            assert!((value - crate::image::from_pixel(pixel)).abs() <= 1.0 / 3.0 + 0.01);
        }
        // Those that are levels already stay what they are.
        let levels: Vec<u8> = (0..DIGIT_PIXELS).map(|i| (i % 4 * 85) as u8).collect();
        let back = Pictures::unpack(&Pictures::pack(&levels, &[0]).unwrap()).unwrap();
        let expected: Vec<f32> = levels
            .iter()
            .map(|&p| crate::image::from_pixel(p))
            .collect();
        let same = back.values.iter().zip(&expected);
        assert!(same.into_iter().all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn files_that_hold_no_digits_are_refused() {
        let bytes = Pictures::pack(&[0; 2 * DIGIT_PIXELS], &[1, 2]).unwrap();
        assert!(Pictures::unpack(&bytes[..bytes.len() - 1]).is_err());
        assert!(Pictures::unpack(b"{}").is_err());
        let ten = Pictures::pack(&[0; DIGIT_PIXELS], &[10]).unwrap();
        assert!(Pictures::unpack(&ten).is_err());
        assert!(Pictures::pack(&[0; DIGIT_PIXELS], &[1, 2]).is_err());
        let none = Pictures::pack(&[], &[]).unwrap();
        assert!(Pictures::unpack(&none).is_err());
    }

    #[test]
    fn a_drawing_is_varied_and_stays_a_drawing() {
        let mut picture = vec![-1.0; DIGIT_PIXELS];
        for y in 8..20 {
            picture[y * DIGIT_SIZE + 14] = 1.0;
        }
        let ink = |values: &[f32]| values.iter().map(|v| (v + 1.0) / 2.0).sum::<f32>();
        let drawings = Pictures::drawn(picture.clone()).unwrap();
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let [one, other] = [(); 2].map(|()| drawings.take(0, &mut random));
        assert_ne!(one, other);
        assert_ne!(one, picture);
        for varied in [one, other] {
            assert!(varied.iter().all(|v| (-1.0..=1.0).contains(v)));
            assert!((0.7..1.4).contains(&(ink(&varied) / ink(&picture))));
        }
        for bad in [
            vec![],
            vec![0.0; 10],
            vec![f32::NAN; DIGIT_PIXELS],
            vec![2.0; DIGIT_PIXELS],
        ] {
            assert!(Pictures::drawn(bad).is_err());
        }
    }
}
