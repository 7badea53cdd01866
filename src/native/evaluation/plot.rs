//! A grid as a picture: distance and errors by network calls, quality by guidance.

use std::ops::Range;

use plotters::{
    coord::{
        Shift,
        ranged1d::{DefaultFormatting, KeyPointHint},
    },
    prelude::*,
};

use super::grid::{Cell, Grid, Judged};
use crate::{
    native::chart::{self, FONT},
    sampler::SamplerKind,
};

const SIZE: (u32, u32) = (1240, 900);
const LEGEND: i32 = 170;

/// What stands at an axis of network calls, of distances and of percent.
const CALLS: [f64; 6] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0];
const TIMES: [f64; 9] = [1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 300.0];
const PERCENT: [f64; 9] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 100.0];

/// A line: its colour and its points, whose order does not matter.
type Line = (RGBColor, Vec<(f64, f64)>);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The grid as an SVG.
///
/// # Errors
/// A sentence: the drawing failed.
pub fn svg(grid: &Grid) -> Result<String, String> {
    let failed = |error: &dyn std::fmt::Display| format!("the grid cannot be drawn: {error}");
    chart::register().map_err(|error| failed(&error))?;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        draw(&root, grid).map_err(|error| failed(&error))?;
        root.present().map_err(|error| failed(&error))?;
    }
    Ok(svg)
}

fn draw(root: &Area, grid: &Grid) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| error.to_string();
    root.fill(&WHITE).map_err(|e| failed(&e))?;
    let title = format!(
        "{}: {} digits a cell, judged by LeNet-5",
        grid.model, grid.count
    );
    let root = root.titled(&title, (FONT, 24)).map_err(|e| failed(&e))?;
    let (panels, legend) = root.split_horizontally(SIZE.0 as i32 - LEGEND);
    let panels = panels.split_evenly((2, 2));
    let guided = grid.recommended.guidance;
    let times = |judged: &Judged| judged.times;
    let wrong = |judged: &Judged| (100.0 * (1.0 - judged.accuracy)).max(PERCENT[0]);

    for (panel, guidance, name) in [
        (&panels[0], 1.0, "no guidance"),
        (&panels[1], guided, "guidance"),
    ] {
        let lines = by_calls(grid, guidance, &times);
        let name = if guidance == 1.0 {
            name.into()
        } else {
            format!("{name} {guidance}")
        };
        let title = format!("Fréchet distance, times that of real digits; {name}");
        over_calls(panel, &title, &TIMES, &lines)?;
    }
    let title = format!(
        "Not seen as asked, %, none as {}; guidance {guided}",
        PERCENT[0]
    );
    over_calls(
        &panels[2],
        &title,
        &PERCENT,
        &by_calls(grid, guided, &wrong),
    )?;
    over_guidance(&panels[3], grid)?;

    let samplers = SamplerKind::ALL.iter().enumerate();
    let drawn =
        samplers.filter(|(_, kind)| grid.cells.iter().any(|cell| cell.way.sampler == **kind));
    for (row, (i, kind)) in drawn.enumerate() {
        let y = 40 + 24 * row as i32;
        let line = PathElement::new(vec![(8, y), (30, y)], colour(i).stroke_width(3));
        legend.draw(&line).map_err(|e| failed(&e))?;
        legend
            .draw(&Text::new(kind.name(), (38, y - 8), (FONT, 16)))
            .map_err(|e| failed(&e))?;
    }
    Ok(())
}

/// A line for each sampler.
fn by_calls(grid: &Grid, guidance: f64, of: &dyn Fn(&Judged) -> f64) -> Vec<Line> {
    let line = |(i, kind): (usize, &SamplerKind)| {
        let cells = grid.cells.iter();
        let cells = cells.filter(|cell| cell.way.sampler == *kind && cell.way.guidance == guidance);
        let points = cells.map(|cell| (cell.calls as f64, of(&cell.figures.lenet)));
        (colour(i), points.collect())
    };
    SamplerKind::ALL.iter().enumerate().map(line).collect()
}

/// Logarithmic on both axes.
fn over_calls(
    panel: &Area,
    title: &str,
    ticks: &'static [f64],
    lines: &[Line],
) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| error.to_string();
    let points = || lines.iter().flat_map(|(_, points)| points);
    let mut chart = ChartBuilder::on(panel)
        .margin(12)
        .caption(title, (FONT, 18))
        .x_label_area_size(40)
        .y_label_area_size(48)
        .build_cartesian_2d(
            Logarithmic::around(points().map(|point| point.0), &CALLS),
            Logarithmic::around(points().map(|point| point.1), ticks),
        )
        .map_err(|e| failed(&e))?;
    chart
        .configure_mesh()
        .x_desc("network calls")
        .label_style((FONT, 15))
        .axis_desc_style((FONT, 16))
        .bold_line_style(BLACK.mix(0.12))
        .x_label_formatter(&|x| x.to_string())
        .y_label_formatter(&|y| y.to_string())
        .draw()
        .map_err(|e| failed(&e))?;
    for (colour, points) in lines {
        let mut points = points.clone();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let line = LineSeries::new(points, colour.stroke_width(2)).point_size(3);
        chart.draw_series(line).map_err(|e| failed(&e))?;
    }
    Ok(())
}

/// One of a judge's figures.
type Figure = fn(&Judged) -> f64;

/// Shares of the recommended settings.
fn over_guidance(panel: &Area, grid: &Grid) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| error.to_string();
    let of = grid.recommended;
    let same = |cell: &&Cell| {
        let way = cell.way;
        (way.sampler, way.schedule, way.steps) == (of.sampler, of.schedule, of.steps)
    };
    let mut cells: Vec<&Cell> = grid.cells.iter().filter(same).collect();
    cells.sort_by(|a, b| a.way.guidance.total_cmp(&b.way.guidance));
    let figures: [(&str, Figure); 4] = [
        ("seen as asked", |judged| judged.accuracy),
        ("precision", |judged| judged.precision),
        ("recall", |judged| judged.recall),
        ("coverage", |judged| judged.coverage),
    ];
    let title = format!(
        "{}, {} steps, by guidance; dotted: real digits",
        of.sampler, of.steps
    );
    let most = cells.last().map_or(1.0, |cell| cell.way.guidance);
    let mut chart = ChartBuilder::on(panel)
        .margin(12)
        .caption(title, (FONT, 18))
        .x_label_area_size(40)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..most, 0.0..1.02)
        .map_err(|e| failed(&e))?;
    chart
        .configure_mesh()
        .x_desc("guidance")
        .label_style((FONT, 15))
        .axis_desc_style((FONT, 16))
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .draw()
        .map_err(|e| failed(&e))?;
    for ((name, of), colour) in figures.into_iter().zip(chart::COLOURS) {
        let points = cells
            .iter()
            .map(|cell| (cell.way.guidance, of(&cell.figures.lenet)));
        let line = LineSeries::new(points, colour.stroke_width(2)).point_size(3);
        chart
            .draw_series(line)
            .map_err(|e| failed(&e))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
        let real = of(&grid.real.lenet);
        let level = [(0.0, real), (most, real)];
        let dotted = DashedLineSeries::new(level, 2, 5, colour.stroke_width(1));
        chart.draw_series(dotted).map_err(|e| failed(&e))?;
    }
    chart
        .configure_series_labels()
        .label_font((FONT, 15))
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.2))
        .position(SeriesLabelPosition::LowerRight)
        .draw()
        .map_err(|e| failed(&e))
}

/// An axis of values above 0 with ticks of our own: plotters' has none within a decade.
struct Logarithmic {
    /// Of the natural logarithms.
    range: Range<f64>,
    ticks: Vec<f64>,
}

impl Logarithmic {
    fn around(values: impl Iterator<Item = f64>, ticks: &[f64]) -> Self {
        let range = chart::span(values.map(f64::ln), 0.05);
        let within = |tick: &f64| range.contains(&tick.ln());
        Self {
            ticks: ticks.iter().copied().filter(within).collect(),
            range,
        }
    }
}

impl Ranged for Logarithmic {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value.ln() - self.range.start) / (self.range.end - self.range.start);
        from + (share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.start.exp()..self.range.end.exp()
    }
}

/// Of a sampler, by its place among all.
fn colour(i: usize) -> RGBColor {
    let hue = i as f64 / SamplerKind::ALL.len() as f64;
    let (r, g, b) = HSLColor(hue, 0.75, if i.is_multiple_of(2) { 0.4 } else { 0.55 }).rgb();
    RGBColor(r, g, b)
}
