//! A digit's strokes as lines without width.

/// The lines in the middle of a digit's strokes.
#[derive(Clone, Debug, PartialEq)]
pub struct Strokes {
    /// Ends of each line, x to the right and y downwards, in the pixels of the picture.
    lines: Vec<[[f64; 2]; 2]>,
}

/// How many times finer than the picture the grid is on which it is thinned.
const FINER: usize = 3;

/// What counts as ink, of 0 to 1.
const INK: f32 = 0.5;

/// How far around a point of the thinned picture its neighbours smooth it, in cells of the finer grid.
const SMOOTH: usize = 3;

/// The widest digit, beside its height.
pub(super) const WIDEST: f64 = 1.4;

/// var(y) / var(x) of what is too flat to lean: four times as wide as high. The least of MNIST's digits, rotated
/// as far as they may be painted, is 0.082.
const FLAT: f64 = 1.0 / 16.0;

impl Strokes {
    /// Thins a picture; none, where there is no ink.
    ///
    /// # Shapes
    /// `ink` `width` columns in rows, from 0 (paper) to 1 (ink).
    pub fn of(ink: &[f32], width: usize) -> Option<Self> {
        let height = ink.len() / width;
        let mut cells = Cells::finer(ink, width, height);
        cells.thin();
        let lines = cells.lines();
        (!lines.is_empty()).then_some(Self { lines })
    }

    /// The lines' ends.
    pub fn lines(&self) -> &[[[f64; 2]; 2]] {
        &self.lines
    }

    /// Their length in all.
    pub fn length(&self) -> f64 {
        let length = |[a, b]: &[[f64; 2]; 2]| (b[0] - a[0]).hypot(b[1] - a[1]);
        self.lines.iter().map(length).sum()
    }

    /// The smallest box that holds them: [left, top], [right, bottom].
    pub fn bounds(&self) -> [[f64; 2]; 2] {
        let mut bounds = [[f64::INFINITY; 2], [f64::NEG_INFINITY; 2]];
        for point in self.lines.iter().flatten() {
            for axis in 0..2 {
                bounds[0][axis] = bounds[0][axis].min(point[axis]);
                bounds[1][axis] = bounds[1][axis].max(point[axis]);
            }
        }
        bounds
    }

    /// How tall they are. A dash has no height of its own: it is as tall as a digit that wide at least is.
    pub fn height(&self) -> f64 {
        let [low, high] = self.bounds();
        match self.is_flat() {
            true => (high[0] - low[0]) / WIDEST,
            false => high[1] - low[1],
        }
    }

    /// Pixels to the right for each pixel upwards; 0 where they are too flat to lean.
    pub fn slant(&self) -> f64 {
        if self.is_flat() { 0.0 } else { self.shear() }
    }

    /// Whether they are a dash or a dot, of which nobody can say which way it leans.
    pub fn is_flat(&self) -> bool {
        let (_, [x, y]) = self.moments();
        y <= FLAT * x
    }

    /// −cov(x, y) / var(y) of the lines' points: what shearing by it makes 0.
    pub fn shear(&self) -> f64 {
        let (cov, [_, y]) = self.moments();
        if y > 0.0 { -cov / y } else { 0.0 }
    }

    /// cov(x, y), and var(x) and var(y), of the lines' points, each times their number.
    fn moments(&self) -> (f64, [f64; 2]) {
        let points = || self.lines.iter().flatten();
        let n = 2.0 * self.lines.len() as f64;
        let mean = |axis: usize| points().map(|p| p[axis]).sum::<f64>() / n;
        let (mx, my) = (mean(0), mean(1));
        let cov: f64 = points().map(|p| (p[0] - mx) * (p[1] - my)).sum();
        let var = |axis: usize, m: f64| points().map(|p| (p[axis] - m).powi(2)).sum();
        (cov, [var(0, mx), var(1, my)])
    }

    /// Every point through `map`.
    pub fn map(&self, map: impl Fn([f64; 2]) -> [f64; 2]) -> Self {
        let lines = self.lines.iter().map(|line| line.map(&map)).collect();
        Self { lines }
    }
}

/// A grid of cells that are ink or not, with a border of paper.
struct Cells {
    ink: Vec<bool>,
    width: usize,
}

impl Cells {
    /// [`FINER`] cells for a pixel, by bilinear interpolation between the pixels' middles.
    fn finer(picture: &[f32], width: usize, height: usize) -> Self {
        let at = |x: isize, y: isize| {
            let inside = (0..width as isize).contains(&x) && (0..height as isize).contains(&y);
            if inside {
                picture[y as usize * width + x as usize]
            } else {
                0.0
            }
        };
        let (w, h) = (width * FINER + 2, height * FINER + 2);
        let mut ink = vec![false; w * h];
        for y in 1..h - 1 {
            for x in 1..w - 1 {
                let [px, py] = pixel([x as f64, y as f64]);
                let (left, top) = (px.floor(), py.floor());
                let (fx, fy) = ((px - left) as f32, (py - top) as f32);
                let (left, top) = (left as isize, top as isize);
                let row = |y| at(left, y) * (1.0 - fx) + at(left + 1, y) * fx;
                ink[y * w + x] = row(top) * (1.0 - fy) + row(top + 1) * fy > INK;
            }
        }
        Self { ink, width: w }
    }

    /// The eight cells around one, clockwise from the one above.
    fn around(&self, i: usize) -> [usize; 8] {
        let w = self.width;
        [
            i - w,
            i - w + 1,
            i + 1,
            i + w + 1,
            i + w,
            i + w - 1,
            i - 1,
            i - w - 1,
        ]
    }

    /// Takes cells from the strokes' sides until they are one cell wide (Zhang & Suen 1984, "A fast
    /// parallel algorithm for thinning digital patterns").
    fn thin(&mut self) {
        let mut changed = true;
        while changed {
            changed = false;
            for second in [false, true] {
                let mut goes: Vec<usize> = (0..self.ink.len())
                    .filter(|&i| self.ink[i] && self.can_go(i, second))
                    .collect();
                if goes.len() == self.ink.iter().filter(|&&ink| ink).count() {
                    goes.retain(|&i| !self.is_last(i));
                }
                changed |= !goes.is_empty();
                for i in goes {
                    self.ink[i] = false;
                }
            }
        }
    }

    fn can_go(&self, i: usize, second: bool) -> bool {
        let p = self.around(i).map(|j| self.ink[j]);
        let neighbours = p.iter().filter(|&&ink| ink).count();
        let rises = (0..8).filter(|&k| !p[k] && p[(k + 1) % 8]).count();
        let [n, _, e, _, s, _, w, _] = p;
        let side = if second {
            !(n && w && (e || s))
        } else {
            !(e && s && (n || w))
        };
        (2..=6).contains(&neighbours) && rises == 1 && side
    }

    /// Whether this is the upper left of four cells that stand alone. All four may go, each because of the
    /// others, and with them the last of a dot.
    fn is_last(&self, i: usize) -> bool {
        let four = [i, i + 1, i + self.width, i + self.width + 1];
        let ink = |i: usize| self.around(i).iter().filter(|&&j| self.ink[j]).count();
        four.iter().all(|&j| self.ink[j] && ink(j) == 3)
    }

    /// Lines between neighbouring cells of ink, smoothed, in pixels of the picture.
    fn lines(&self) -> Vec<[[f64; 2]; 2]> {
        let place = |i: usize| [(i % self.width) as f64, (i / self.width) as f64];
        let smooth = |i: usize| {
            let reachable = self.reachable(i, SMOOTH);
            let n = reachable.len() as f64;
            let sum = reachable
                .iter()
                .map(|&j| place(j))
                .fold([0.0; 2], |a, b| [a[0] + b[0], a[1] + b[1]]);
            pixel([sum[0] / n, sum[1] / n])
        };
        let cells: Vec<usize> = (0..self.ink.len()).filter(|&i| self.ink[i]).collect();
        let mut smoothed = vec![[0.0; 2]; self.ink.len()];
        for &i in &cells {
            smoothed[i] = smooth(i);
        }
        let mut lines = Vec::with_capacity(cells.len());
        for &i in &cells {
            let ink = |j: &usize| self.ink[*j];
            let around = self.around(i);
            let [_, _, east, south_east, south, south_west, west, _] = around;
            // Each pair once; a diagonal only where no way round by a side is, or corners would count twice.
            let sides = [east, south].into_iter();
            let right = [south_east]
                .into_iter()
                .filter(|_| !ink(&east) && !ink(&south));
            let left = [south_west]
                .into_iter()
                .filter(|_| !ink(&west) && !ink(&south));
            let next = sides.chain(right).chain(left).filter(ink);
            lines.extend(next.map(|j| [smoothed[i], smoothed[j]]));
            if !around.iter().any(ink) {
                lines.push([smoothed[i]; 2]);
            }
        }
        lines
    }

    /// The cells of ink that `steps` steps lead to.
    fn reachable(&self, from: usize, steps: usize) -> Vec<usize> {
        let mut found = vec![from];
        let mut newest = 0;
        for _ in 0..steps {
            let end = found.len();
            for k in newest..end {
                for j in self.around(found[k]) {
                    if self.ink[j] && !found.contains(&j) {
                        found.push(j);
                    }
                }
            }
            newest = end;
        }
        found
    }
}

/// A cell's middle in pixels: pixel 0 has its middle at 0.
fn pixel(cell: [f64; 2]) -> [f64; 2] {
    // One cell of border; cell 1 is the first third of pixel 0.
    cell.map(|c| (c - 1.0 - (FINER as f64 - 1.0) / 2.0) / FINER as f64)
}
