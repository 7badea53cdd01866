//! `unnoise eval grid`.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    DataFolder, DeviceChoice, Failure, RunsFolder, WeightsFolder, catch_interrupts,
    eval::{fits, judge},
    say, say_aside,
};
use crate::{
    generation::{Request, Settings},
    library::{Generator, Library},
    native::{
        atomic::{self, Draft},
        data::{About, DataSet, Split},
        evaluation::{
            grid::{self, Cell, Grid as Table, Head, Judges, Way},
            plot,
        },
        sample::{self, SampleError, Sampling},
        store, text,
    },
};

/// Digits of a cell, where it must be quick.
const QUICK: usize = 100;

#[derive(Args)]
pub struct Grid {
    /// What to measure: digits, digits-blind, digits-estimated, scorer or scorer-plain
    #[arg(value_name = "MODEL", default_value_t = Generator::Digits)]
    model: Generator,
    /// Digits that each cell is measured with
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(100..=10_000))]
    count: u32,
    /// 100 digits a cell, four samplers, at most 20 network calls: a minute
    #[arg(long, conflicts_with = "count")]
    quick: bool,
    /// Decides the noise: digit i of a cell has seed + i
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Leave it beside the weights, where the page finds it
    #[arg(long)]
    record: bool,
    /// Write it as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw it, as SVG
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    data: DataFolder,
    #[command(flatten)]
    runs: RunsFolder,
    #[command(flatten)]
    weights: WeightsFolder,
    #[command(flatten)]
    device: DeviceChoice,
}

impl Grid {
    pub fn run(&self, interrupted: &Arc<AtomicBool>) -> Result<(), Failure> {
        // All that is given is looked at before the judges are trained.
        let generator = self.model;
        if !generator.takes_a_digit() {
            let those = Generator::ALL.into_iter().filter(|g| g.takes_a_digit());
            let those: Vec<&str> = those.map(Generator::name).collect();
            return Err(format!(
                "{generator} draws no digits as asked, which the judges look for: choose one of {}",
                those.join(", ")
            )
            .into());
        }
        let draft = |path: &Option<PathBuf>| path.as_deref().map(Draft::begin).transpose();
        let (json, plot) = (draft(&self.json)?, draft(&self.plot)?);
        let device = self.device.kind.open()?;
        let train_set = DataSet::load(&self.data.folder, Split::Train)?;
        let test_set = DataSet::load(&self.data.folder, Split::Test)?;
        let manifest = store::manifest(&self.weights.folder)?;
        let library = store::exported(&self.weights.folder, generator.networks(), &device)?;
        fits(generator, &library, &train_set.about)?;
        catch_interrupts(interrupted)?;
        let lenet = judge(&self.runs, &train_set, &test_set, &device, interrupted)?;
        let resnet = judge(&self.runs, &train_set, &test_set, &device, interrupted)?;

        let count = if self.quick {
            QUICK
        } else {
            self.count as usize
        };
        let judges = Judges::new(&lenet, &resnet, &train_set, &test_set, count)?;
        let mut grid = Table::new(generator, &manifest, &judges, self.seed);
        let kept = Kept::open(&self.runs.folder, &grid)?;
        let about = &train_set.about;
        self.measure(&mut grid, kept, &library, (&judges, about), interrupted)?;

        if let Some(draft) = json {
            (&draft).write_all(grid.json().as_bytes())?;
            draft.keep()?;
        }
        if let Some(draft) = plot {
            (&draft).write_all(plot::svg(&grid)?.as_bytes())?;
            draft.keep()?;
        }
        if self.record {
            record(&grid, &self.weights.folder)?;
        }
        Ok(())
    }

    /// Fills the grid, and prints each cell as soon as it is there.
    fn measure(
        &self,
        grid: &mut Table,
        mut kept: Kept,
        library: &Library,
        (judges, about): (&Judges, &Arc<About>),
        interrupted: &AtomicBool,
    ) -> Result<(), Failure> {
        let denoiser = library.denoiser(grid.model)?;
        let (sigma_min, sigma_max) = denoiser.sigma_range();
        let calls = |settings: &Settings| settings.calls(sigma_min, sigma_max);
        let ways = grid::ways(grid.model, (sigma_min, sigma_max), self.quick);
        let requests = sample::balanced(grid.count, self.seed, &about.classes);
        let missing = ways.iter().filter(|settings| kept.cell(settings).is_none());
        let work: usize = missing
            .clone()
            .map(|settings| calls(settings) * grid.count)
            .sum();
        say!(
            "{}: {} cells of {} digits, {} of them measured before",
            grid.model,
            ways.len(),
            grid.count,
            ways.len() - missing.count(),
        )?;
        say!("{Head}\n{:<34}{}", "test digits", grid.real)?;
        let style =
            ProgressStyle::with_template("{bar:30} {percent} % of the network calls, {eta} left")
                .expect("a valid template");
        let bar = ProgressBar::new(work as u64).with_style(style);
        for settings in &ways {
            let cell = match kept.cell(settings) {
                Some(cell) => cell,
                None => {
                    let sampling = Sampling {
                        denoiser: denoiser.clone(),
                        decoder: None,
                        settings: settings.clone(),
                        device: library.device(),
                        interrupted,
                    };
                    let mut pictures = Vec::with_capacity(grid.count);
                    let mut keep = |_: &Request, picture: &[f32]| {
                        pictures.push(picture.to_vec());
                        Ok(())
                    };
                    let calls = calls(settings);
                    sampling
                        .each_counted(&requests, &mut keep, &|made| bar.inc((made * calls) as u64))
                        .map_err(|error| kept.explain(error))?;
                    let figures = judges.judge(&sample::as_set(&pictures, &requests, about))?;
                    let way = Way::of(settings);
                    kept.add(Cell {
                        way,
                        calls,
                        figures,
                    })?
                }
            };
            bar.suspend(|| say!("{cell}"))?;
            grid.cells.push(cell);
        }
        bar.finish_and_clear();
        Ok(())
    }
}

/// The cells that are finished, in a file: what is interrupted goes on where it was.
struct Kept {
    path: PathBuf,
    grid: Table,
}

impl Kept {
    /// Those that were measured as `grid` is to be. Others make place for them.
    fn open(runs: &Path, grid: &Table) -> Result<Self, Failure> {
        let path = runs.join(format!("grid-{}-{}.json", grid.model, grid.count));
        let mut grid = grid.clone();
        match text::read(&path) {
            Ok(json) => {
                let before = serde_json::from_str(&json).ok();
                if !before.is_some_and(|before| grid.resume(before)) {
                    let path = path.display();
                    say_aside(&format!(
                        "{path} is of other weights, judges or seeds: all is measured anew"
                    ));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Self { path, grid })
    }

    fn cell(&self, settings: &Settings) -> Option<Cell> {
        self.grid.cell(Way::of(settings)).copied()
    }

    fn add(&mut self, cell: Cell) -> Result<Cell, Failure> {
        self.grid.cells.push(cell);
        atomic::write(&self.path, self.grid.json().as_bytes())?;
        Ok(cell)
    }

    fn explain(&self, error: SampleError) -> Failure {
        match error {
            SampleError::Interrupted => format!(
                "interrupted: run the same command again, it goes on after the {} cells in {}",
                self.grid.cells.len(),
                self.path.display()
            )
            .into(),
            other => other.into(),
        }
    }
}

/// Leaves the grid beside the weights that it was measured with.
fn record(grid: &Table, weights: &Path) -> Result<(), Failure> {
    let json = grid.json();
    let file = format!("grid-{}.json", grid.model);
    let mut recorded = false;
    store::change_manifest(weights, |manifest| {
        recorded = grid.record(manifest, &file, &json)
    })?;
    if !recorded {
        return Err(format!(
            "{} was exported again while it was measured: its grid is not recorded",
            grid.model
        )
        .into());
    }
    Ok(atomic::write(&weights.join(file), json.as_bytes())?)
}
