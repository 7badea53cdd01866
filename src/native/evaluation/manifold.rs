//! What two sets of features have in common: precision, recall, density and coverage.
//!
//! A set stands for the union of balls around its points, each as wide as it is far to the point's k-th nearest
//! neighbour in the set.

use nalgebra::DMatrix;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// k of precision and recall, as in their paper.
const NEAR: usize = 3;

/// k of density and coverage, as in theirs.
const NEARBY: usize = 5;

/// Rows whose distances are computed at once.
const ROWS: usize = 256;

/// How much of a set of samples looks like real ones, and how much of the real ones is found among them. Shares in
/// [0, 1] but for `density`, which is 1 where both sets are drawn alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Overlap {
    /// Share of the samples that lie in a ball of a real one (Kynkäänniemi et al. 2019,
    /// <https://arxiv.org/abs/1904.06991>), k = 3.
    pub precision: f64,
    /// Share of the real ones that lie in a ball of a sample.
    pub recall: f64,
    /// Balls of real ones that a sample lies in, of k (Naeem et al. 2020, <https://arxiv.org/abs/2002.09797>), k = 5.
    pub density: f64,
    /// Share of the real ones with a sample in their ball.
    pub coverage: f64,
}

impl Overlap {
    /// Over `all`, at least one.
    pub fn mean(all: &[Self]) -> Self {
        let mean = |of: fn(&Self) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
        Self {
            precision: mean(|one| one.precision),
            recall: mean(|one| one.recall),
            density: mean(|one| one.density),
            coverage: mean(|one| one.coverage),
        }
    }

    /// By name.
    pub fn figures(self) -> [(&'static str, f64); 4] {
        [
            ("precision", self.precision),
            ("recall", self.recall),
            ("density", self.density),
            ("coverage", self.coverage),
        ]
    }
}

/// A set of points and how far from each its neighbours are.
#[derive(Clone, Debug)]
pub struct Manifold {
    points: Points,
    /// Square of the way to the [`NEAR`]th neighbour.
    near: Vec<f64>,
    /// To the [`NEARBY`]th.
    nearby: Vec<f64>,
}

impl Manifold {
    /// That of `features`, rows of `width` numbers. In a set with too few points a ball reaches to the farthest.
    pub fn of(features: &[f32], width: usize) -> Self {
        let points = Points::new(features, width);
        let radii = points.squares_to(&points, |i, squares| {
            let mut others: Vec<f64> = squares.to_vec();
            others.swap_remove(i); // itself
            let mut to = |k: usize| match k.min(others.len()) {
                0 => 0.0,
                k => *others.select_nth_unstable_by(k - 1, f64::total_cmp).1,
            };
            (to(NEAR), to(NEARBY))
        });
        let (near, nearby) = radii.into_iter().unzip();
        Self {
            points,
            near,
            nearby,
        }
    }

    /// What `samples` have in common with these, the real ones. Both papers compare sets of one size.
    pub fn overlap(&self, samples: &Self) -> Overlap {
        let rows = self.points.squares_to(&samples.points, |i, squares| Row {
            recalled: squares.iter().zip(&samples.near).any(|(d, r)| d <= r),
            inside: squares.iter().filter(|&&d| d <= self.nearby[i]).count(),
            holds: squares.iter().map(|&d| d <= self.near[i]).collect(),
        });
        let (real, made) = (rows.len().max(1) as f64, samples.near.len().max(1) as f64);
        let share = |of: fn(&Row) -> bool| rows.iter().filter(|row| of(row)).count() as f64 / real;
        let held = |j: &usize| rows.iter().any(|row| row.holds[*j]);
        let inside: usize = rows.iter().map(|row| row.inside).sum();
        Overlap {
            precision: (0..samples.near.len()).filter(held).count() as f64 / made,
            recall: share(|row| row.recalled),
            density: inside as f64 / (NEARBY as f64 * made),
            coverage: share(|row| row.inside > 0),
        }
    }
}

/// What a real point and the samples have to do with one another.
struct Row {
    /// Lies in a sample's ball.
    recalled: bool,
    /// So many samples lie in its ball.
    inside: usize,
    /// Which samples lie in its narrower ball.
    holds: Vec<bool>,
}

/// Points, a column each, and the squares of their lengths.
#[derive(Clone, Debug)]
struct Points {
    columns: DMatrix<f64>,
    squares: Vec<f64>,
}

impl Points {
    /// Of rows of `width` numbers.
    fn new(rows: &[f32], width: usize) -> Self {
        let count = rows.len() / width.max(1);
        let columns = DMatrix::from_iterator(width, count, rows.iter().map(|&x| f64::from(x)));
        let squares = columns
            .column_iter()
            .map(|column| column.norm_squared())
            .collect();
        Self { columns, squares }
    }

    fn len(&self) -> usize {
        self.squares.len()
    }

    /// What `of` makes of each point's number and the squares of the ways from it to all of `others`:
    /// |a − b|² = |a|² + |b|² − 2 a·b, so that most of the work is a product of matrices.
    fn squares_to<T: Send>(&self, others: &Self, of: impl Fn(usize, &[f64]) -> T + Sync) -> Vec<T> {
        let starts: Vec<usize> = (0..self.len()).step_by(ROWS).collect();
        let block = |&start: &usize| {
            let rows = ROWS.min(self.len() - start);
            let products = others.columns.tr_mul(&self.columns.columns(start, rows));
            let mut squares = vec![0.0; others.len()];
            let row = |(at, products): (usize, nalgebra::DVectorView<f64>)| {
                let i = start + at;
                for ((square, product), other) in
                    squares.iter_mut().zip(products.iter()).zip(&others.squares)
                {
                    *square = (self.squares[i] + other - 2.0 * product).max(0.0);
                }
                of(i, &squares)
            };
            products
                .column_iter()
                .enumerate()
                .map(row)
                .collect::<Vec<T>>()
        };
        starts.par_iter().flat_map_iter(block).collect()
    }
}
