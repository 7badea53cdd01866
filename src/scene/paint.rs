//! Strokes → a picture.

use super::{CHANNELS, SIZE, Scene, Strokes, VALUES, strokes::WIDEST};

/// Pixels of paper that stay on every side.
const MARGIN: f64 = 2.0;

/// What is drawn smaller than this, in pixels of the drawing, is a dot or a jot, and is not enlarged to a digit.
/// MNIST's smallest is 3.1.
const SMALLEST: f64 = 3.0;

impl Scene {
    /// The picture of this scene, by the hand that wrote `strokes`.
    ///
    /// # Shapes
    /// Returns height × width × channels, in [-1, 1].
    pub fn paint(&self, strokes: &Strokes) -> Vec<f32> {
        let (placed, pen) = self.place(strokes);
        let cover = cover(&placed, pen / 2.0);
        let colours = self.exact.paper.iter().zip(self.exact.ink);
        let colours: Vec<[f32; 2]> = colours.map(|(&paper, ink)| [paper, ink]).collect();
        let mut picture = Vec::with_capacity(VALUES);
        for share in cover {
            for [paper, ink] in &colours[..CHANNELS] {
                picture.push(2.0 * (paper + share * (ink - paper)) - 1.0);
            }
        }
        picture
    }

    /// The strokes, rotated, slanted, sized and moved, and the width of the pen, in pixels.
    fn place(&self, strokes: &Strokes) -> (Strokes, f64) {
        let exact = &self.exact;
        let (sin, cos) = exact.rotation.sin_cos();
        let rotated = strokes.map(|[x, y]| [cos * x - sin * y, sin * x + cos * y]);
        // Whether it can lean is the drawing's to say, and not how it is turned.
        let flat = strokes.is_flat();
        let shear = if flat {
            0.0
        } else {
            exact.slant - rotated.shear()
        };
        let slanted = rotated.map(|[x, y]| [x - shear * y, y]);

        let [low, high] = slanted.bounds();
        let extent = [high[0] - low[0], high[1] - low[1]];
        // The pen adds its width to the lines', and is a share of what comes of both.
        let pen = exact.pen * exact.height;
        let height = if flat { extent[0] / WIDEST } else { extent[1] };
        let scale = (exact.height - pen) / height.max(SMALLEST);
        let widest = (WIDEST * exact.height).min(SIZE as f64 - 2.0 * MARGIN);
        let fit = (widest / (extent[0] * scale + pen)).min(1.0);
        let (pen, scale) = (pen * fit, scale * fit);
        let corner = |axis: usize| {
            let free = SIZE as f64 - 2.0 * MARGIN - extent[axis] * scale - pen;
            MARGIN + pen / 2.0 + exact.place[axis] * free
        };
        let corner = [corner(0), corner(1)];
        let placed = slanted.map(|p| std::array::from_fn(|i| (p[i] - low[i]) * scale + corner[i]));
        (placed, pen)
    }
}

/// How much of each pixel a round pen covers that follows the strokes.
fn cover(strokes: &Strokes, radius: f64) -> Vec<f32> {
    let mut nearest = vec![f64::INFINITY; SIZE * SIZE];
    for [a, b] in strokes.lines() {
        let near = |axis: usize| {
            let (low, high) = (a[axis].min(b[axis]), a[axis].max(b[axis]));
            let low = (low - radius - 1.5).floor().max(0.0) as usize;
            let high = (high + radius + 1.5).ceil().clamp(0.0, SIZE as f64) as usize;
            low..high
        };
        for y in near(1) {
            for x in near(0) {
                let square = square_to_line([x as f64 + 0.5, y as f64 + 0.5], *a, *b);
                let place = &mut nearest[y * SIZE + x];
                *place = place.min(square);
            }
        }
    }
    // A pixel is half covered where its middle lies on the edge.
    nearest
        .iter()
        .map(|square| (radius - square.sqrt() + 0.5).clamp(0.0, 1.0) as f32)
        .collect()
}

/// The square of a point's distance from the line between two others.
fn square_to_line(p: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 {
        (((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (p[0] - a[0] - along * dx).powi(2) + (p[1] - a[1] - along * dy).powi(2)
}
