//! The Fréchet distance between two sets of features.

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use thiserror::Error;

/// Mean and covariance of a set of features.
#[derive(Clone, Debug, PartialEq)]
pub struct Gaussian {
    mean: DVector<f64>,
    covariance: DMatrix<f64>,
}

/// Features that have no Fréchet distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrechetError {
    /// A covariance takes two.
    #[error("a Fréchet distance needs at least 2 pictures on either side, not {0}")]
    TooFew(usize),
    /// NaN or infinity.
    #[error(
        "a feature is not a number: the classifier is damaged; delete its folder and run the command again"
    )]
    NotFinite,
    /// Sets of features of different widths.
    #[error("{0} features cannot be compared with {1}")]
    Width(usize, usize),
    /// The eigenvalues of a covariance were not found.
    #[error(
        "the covariance of the features has no eigenvalues within {MOST_ITERATIONS} iterations"
    )]
    Eigen,
}

const MOST_ITERATIONS: usize = 100_000;

impl Gaussian {
    /// Fits `features`, rows of `width` numbers. The covariance is the unbiased one, with n − 1.
    ///
    /// # Errors
    /// [`FrechetError::TooFew`], [`FrechetError::NotFinite`].
    pub fn fit(features: &[f32], width: usize) -> Result<Self, FrechetError> {
        let count = features.len() / width.max(1);
        if count < 2 {
            return Err(FrechetError::TooFew(count));
        }
        if !features.iter().all(|x| x.is_finite()) {
            return Err(FrechetError::NotFinite);
        }
        // One column a picture.
        let mut centred =
            DMatrix::from_iterator(width, count, features.iter().map(|&x| f64::from(x)));
        let mean = centred.column_mean();
        for mut column in centred.column_iter_mut() {
            column -= &mean;
        }
        let covariance = &centred * centred.transpose() / (count - 1) as f64;
        Ok(Self { mean, covariance })
    }

    /// |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½), the squared Fréchet distance of two Gaussians
    /// (Dowson & Landau 1982), which Heusel et al. 2017 (<https://arxiv.org/abs/1706.08500>) take of
    /// features. The trace of the root is that of (Σ₁^½ Σ₂ Σ₁^½)^½, which is symmetric, so that
    /// singular covariances (a feature that never fires) need no special care.
    ///
    /// # Errors
    /// [`FrechetError::Width`], [`FrechetError::Eigen`].
    pub fn distance(&self, other: &Self) -> Result<f64, FrechetError> {
        if self.mean.len() != other.mean.len() {
            return Err(FrechetError::Width(self.mean.len(), other.mean.len()));
        }
        let eigen = eigen(self.covariance.clone())?;
        let root = &eigen.eigenvectors
            * DMatrix::from_diagonal(&eigen.eigenvalues.map(square_root))
            * eigen.eigenvectors.transpose();
        let product = symmetric(&root * &other.covariance * &root);
        let trace_of_root = self::eigen(product)?.eigenvalues.map(square_root).sum();

        let means = (&self.mean - &other.mean).norm_squared();
        let spreads = self.covariance.trace() + other.covariance.trace() - 2.0 * trace_of_root;
        Ok((means + spreads).max(0.0)) // below 0 by rounding alone
    }
}

fn eigen(matrix: DMatrix<f64>) -> Result<SymmetricEigen<f64, nalgebra::Dyn>, FrechetError> {
    SymmetricEigen::try_new(matrix, f64::EPSILON, MOST_ITERATIONS).ok_or(FrechetError::Eigen)
}

/// Rounding makes an eigenvalue of 0 slightly negative.
fn square_root(eigenvalue: f64) -> f64 {
    eigenvalue.max(0.0).sqrt()
}

fn symmetric(matrix: DMatrix<f64>) -> DMatrix<f64> {
    (&matrix + matrix.transpose()) / 2.0
}
