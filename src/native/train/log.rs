//! The files of a run that tell how it goes, for people and for other programs; `docs/training.md` describes them.

use std::{
    fs,
    io::{self, Error},
    iter,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::Serialize;
use serde_json::json;

use super::{TrainError, events};
use crate::native::{
    atomic, chart,
    store::{EpochMetrics, Identity, Progress, SigmaMetrics, StepMetrics},
};

/// What the name of an event file begins with, as TensorBoard looks for it.
const EVENTS: &str = "events.out.tfevents.";

/// What its name ends with: no other program's are touched.
const OURS: &str = ".unnoise";

/// The files in a run's folder.
pub struct Log {
    folder: PathBuf,
    about: serde_json::Value,
    events: PathBuf,
}

impl Log {
    /// Begins the files, anew from all that is known, so that a resumed run leaves no gap and nothing twice.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn begin(
        folder: &Path,
        identity: &Identity,
        steps: u64,
        progress: &Progress,
    ) -> io::Result<Self> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(EVENTS) && name.ends_with(OURS) {
                fs::remove_file(&path)?;
            }
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = since.map_or(0, |since| since.as_secs());
        let log = Self {
            folder: folder.into(),
            about: json!({
                "network": identity.model,
                "data": identity.data.as_ref().map(ToString::to_string),
                "recipe": identity.training,
                "config": identity.config,
                "steps": steps,
            }),
            events: folder.join(format!("{EVENTS}{seconds}{OURS}")),
        };
        log.about(progress)?;
        atomic::write(&log.file("steps.csv"), &csv(&progress.steps, true)?)?;
        let steps = progress.steps.iter().map(of_steps);
        let epochs = progress.metrics.iter().map(of_epoch);
        let sigmas = progress.validation.iter().map(of_sigma);
        let known = steps.chain(epochs).chain(sigmas);
        let events: Vec<Vec<u8>> = iter::once(events::head()).chain(known).collect();
        atomic::write(&log.events, &events.concat())?;
        Ok(log)
    }

    /// run.json: what is trained, how, for how many steps, and what was warned of.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn about(&self, progress: &Progress) -> io::Result<()> {
        let mut about = self.about.clone();
        about["warning"] = json!(progress.warning);
        let text = serde_json::to_vec_pretty(&about).map_err(Error::from)?;
        atomic::write(&self.file("run.json"), &text)
    }

    /// Adds the last row to steps.csv.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn steps(&self, progress: &Progress) -> io::Result<()> {
        let Some((row, before)) = progress.steps.split_last() else {
            return Ok(());
        };
        let rows = csv(&[row], before.is_empty())?;
        atomic::append(&self.file("steps.csv"), &rows)?;
        atomic::append(&self.events, &of_steps(row))
    }

    /// metrics.csv, validation.csv and loss.png, made anew from all epochs.
    ///
    /// # Errors
    /// A file cannot be written, or the curve not drawn.
    pub fn epoch(&self, progress: &Progress) -> Result<(), TrainError> {
        let metrics = &progress.metrics;
        atomic::write(&self.file("metrics.csv"), &csv(metrics, true)?)?;
        let by_sigma = csv(&progress.validation, true)?;
        atomic::write(&self.file("validation.csv"), &by_sigma)?;
        let last = metrics.last().map_or(0, |last| last.epoch);
        let sigmas = progress.validation.iter().filter(|row| row.epoch == last);
        let events = metrics.last().map(of_epoch).into_iter();
        let events: Vec<Vec<u8>> = events.chain(sigmas.map(of_sigma)).collect();
        atomic::append(&self.events, &events.concat())?;

        let series = |name: &str, loss: fn(&EpochMetrics) -> f64| chart::Series {
            name: name.into(),
            points: metrics.iter().map(|m| (m.epoch as f64, loss(m))).collect(),
        };
        let losses = [
            series("training", |m| m.train_loss),
            series("validation", |m| m.validation_loss),
        ];
        Ok(chart::save(&self.file("loss.png"), "epoch", &losses)?)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Rows as CSV, the columns' names above them if there are any.
fn csv<T: Serialize>(rows: &[T], named: bool) -> io::Result<Vec<u8>> {
    let mut csv = csv::WriterBuilder::new()
        .has_headers(named)
        .from_writer(Vec::new());
    for row in rows {
        csv.serialize(row).map_err(Error::from)?;
    }
    csv.into_inner().map_err(|error| error.into_error())
}

fn of_steps(row: &StepMetrics) -> Vec<u8> {
    let scalars = [
        ("loss/training".into(), row.loss),
        ("gradient_norm".into(), row.gradient_norm),
        ("learning_rate".into(), row.learning_rate),
        ("samples_per_second".into(), row.samples_per_second),
    ];
    events::scalars(row.step, &scalars)
}

fn of_epoch(row: &EpochMetrics) -> Vec<u8> {
    events::scalars(row.step, &[("loss/validation".into(), row.validation_loss)])
}

fn of_sigma(row: &SigmaMetrics) -> Vec<u8> {
    let name = format!("validation/sigma {}", row.sigma);
    events::scalars(row.step, &[(name, row.loss)])
}
