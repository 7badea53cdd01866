//! The loss curve of a training run as a PNG, and what other charts share with it.

use std::ops::Range;
use std::path::Path;

use ::image::{DynamicImage, RgbImage};
use plotters::prelude::*;
use plotters::style::register_font;
use thiserror::Error;

use super::picture::{self, PictureError};

const WIDTH: u32 = 960;
const HEIGHT: u32 = 540;
pub(super) const FONT: &str = "sans-serif";
pub(super) const COLOURS: [RGBColor; 4] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 96, 39),
    RGBColor(44, 140, 60),
    RGBColor(130, 80, 170),
];

/// A named curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// For the legend.
    pub name: String,
    /// (epoch or step, loss). What a logarithmic axis cannot show (not finite, not above zero) is left out.
    pub points: Vec<(f64, f64)>,
}

/// Why there is no chart.
#[derive(Debug, Error)]
pub enum ChartError {
    /// The drawing failed.
    #[error("the loss curve cannot be drawn: {0}")]
    Draw(String),
    /// The file cannot be written.
    #[error(transparent)]
    Save(#[from] PictureError),
}

/// Draws `series` over `x_label` ("epoch", "step") on a logarithmic loss axis and saves it, in one piece.
///
/// # Errors
/// [`ChartError`].
pub fn save(path: &Path, x_label: &str, series: &[Series]) -> Result<(), ChartError> {
    let mut pixels = vec![0; (WIDTH * HEIGHT * 3) as usize];
    draw(&mut pixels, x_label, series).map_err(ChartError::Draw)?;
    let image = RgbImage::from_raw(WIDTH, HEIGHT, pixels).unwrap_or_default();
    Ok(picture::save_png(path, &DynamicImage::from(image))?)
}

fn draw(pixels: &mut [u8], x_label: &str, series: &[Series]) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| error.to_string();
    register()?;

    let shown: Vec<(&str, Vec<(f64, f64)>)> = series
        .iter()
        .map(|one| {
            let points = one.points.iter().copied();
            (
                one.name.as_str(),
                points
                    .filter(|(x, y)| x.is_finite() && y.is_finite() && *y > 0.0)
                    .map(|(x, y)| (x, y.log10()))
                    .collect(),
            )
        })
        .collect();
    let xs = shown
        .iter()
        .flat_map(|(_, points)| points.iter().map(|p| p.0));
    let ys = shown
        .iter()
        .flat_map(|(_, points)| points.iter().map(|p| p.1));
    let (x_range, y_range) = (span(xs, 0.0), span(ys, 0.05));

    let root = BitMapBackend::with_buffer(pixels, (WIDTH, HEIGHT)).into_drawing_area();
    root.fill(&WHITE).map_err(|e| failed(&e))?;
    let mut chart = ChartBuilder::on(&root)
        .margin(24)
        .x_label_area_size(48)
        .y_label_area_size(76)
        // Logarithms on a linear axis: plotters' own log axis has no labels within a decade.
        .build_cartesian_2d(x_range, y_range)
        .map_err(|e| failed(&e))?;
    chart
        .configure_mesh()
        .x_desc(x_label)
        .y_desc("loss")
        .label_style((FONT, 18))
        .axis_desc_style((FONT, 20))
        .light_line_style(BLACK.mix(0.06))
        .bold_line_style(BLACK.mix(0.16))
        .x_label_formatter(&|x| format!("{}", (x * 1e6).round() / 1e6))
        .y_label_formatter(&|y| significant(10f64.powf(*y)))
        .draw()
        .map_err(|e| failed(&e))?;

    for ((name, points), colour) in shown.into_iter().zip(COLOURS.into_iter().cycle()) {
        let few = points.len() <= 60;
        chart
            .draw_series(
                LineSeries::new(points, colour.stroke_width(2)).point_size(if few { 3 } else { 0 }),
            )
            .map_err(|e| failed(&e))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
    }
    if !series.is_empty() {
        chart
            .configure_series_labels()
            .label_font((FONT, 18))
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.2))
            .position(SeriesLabelPosition::UpperRight)
            .draw()
            .map_err(|e| failed(&e))?;
    }
    drop(chart);
    root.present().map_err(|e| failed(&e))
}

/// The font travels with the program: a machine that trains may have none.
pub(super) fn register() -> Result<(), String> {
    register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)
        .map_err(|_| "the built-in font is damaged".to_string())
}

/// Three significant digits.
fn significant(value: f64) -> String {
    let decimals = (2 - value.log10().floor() as i32).clamp(0, 12) as usize;
    format!("{value:.decimals$}")
}

/// The range of `values`, wider by the share `margin` on either side, and never empty.
pub(super) fn span(values: impl Iterator<Item = f64>, margin: f64) -> Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
        (low.min(v), high.max(v))
    });
    if low > high {
        return 0.0..1.0;
    }
    let pad = margin * (high - low);
    if high - low > 1e-9 {
        low - pad..high + pad
    } else {
        low - 0.5..high + 0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_any_series() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loss.png");
        let falling: Vec<_> = (1..=40)
            .map(|i| (f64::from(i), 0.3 / f64::from(i) + 0.02))
            .collect();
        let odd = vec![
            (1.0, f64::NAN),
            (2.0, -1.0),
            (3.0, f64::INFINITY),
            (f64::NAN, 1.0),
        ];
        let mut drawn = Vec::new();
        for points in [falling, odd, vec![(1.0, 0.5)], vec![]] {
            let series = Series {
                name: "training".into(),
                points,
            };
            save(&path, "epoch", std::slice::from_ref(&series)).unwrap();
            drawn.push(picture::read(&path).unwrap().values);
        }
        save(&path, "epoch", &[]).unwrap();
        // Text is drawn on any machine: there is ink in the strip where the axis labels stand.
        let strip = &drawn[0][(HEIGHT - 40) as usize * WIDTH as usize * 3..];
        assert!(strip.iter().any(|&v| v < -0.5), "no labels below the axis");
        assert_ne!(drawn[0], drawn[2]);
    }
}
