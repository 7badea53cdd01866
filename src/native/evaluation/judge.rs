//! Which digit a coloured picture shows, by the same LeNet-5 that judges MNIST's.

use super::{EvaluationError, classifier::Classifier, lenet::LeNet};
use crate::{image::to_pixel, scene};

/// The digits that `classifier` sees in pictures, each height × width × channels in [-1, 1]; none where
/// nothing is drawn.
///
/// # Errors
/// [`EvaluationError::Device`].
pub fn digits<'a>(
    classifier: &Classifier<LeNet>,
    pictures: impl Iterator<Item = &'a [f32]>,
) -> Result<Vec<Option<u8>>, EvaluationError> {
    let pixels = |digit: Vec<f32>| digit.into_iter().map(to_pixel).collect();
    let digits: Vec<Option<Vec<u8>>> = pictures
        .map(|picture| scene::measure(picture).map(|seen| pixels(seen.as_digit())))
        .collect();
    let drawn: Vec<u8> = digits.iter().flatten().flatten().copied().collect();
    let mut read = classifier.read(&drawn)?.digits.into_iter();
    Ok(digits
        .iter()
        .map(|digit| digit.as_ref().and_then(|_| read.next()))
        .collect())
}
