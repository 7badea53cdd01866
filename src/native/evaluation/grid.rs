//! Quality by sampler, network calls and guidance.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    EvaluationError, Reference, Report,
    classifier::Classifier,
    lenet::LeNet,
    pixels::{self, Nearest, Pixels},
    resnet::ResNet,
    suite::GRID,
};
use crate::{
    generation::Settings,
    library::{Generator, Network},
    native::data::DataSet,
    sampler::SamplerKind,
    schedule::Schedule,
    weights::{self, Manifest},
};

/// Network calls that every sampler is measured with, as nearly as its steps allow.
const CALLS: [usize; 4] = [5, 10, 20, 50];

/// Guidances that the recommended settings are measured with.
const GUIDANCES: [f64; 9] = [0.0, 0.5, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0];

/// What is measured where it must be quick.
const QUICK_CALLS: [usize; 3] = [5, 10, 20];
const QUICK_GUIDANCES: [f64; 4] = [0.0, 1.0, 1.5, 4.0];
const QUICK_SAMPLERS: [SamplerKind; 4] = [
    SamplerKind::Ddim,
    SamplerKind::Euler,
    SamplerKind::Heun,
    SamplerKind::Dpmpp2m,
];

/// Quality of a model by sampler, network calls and guidance. As JSON it is what the page reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// What was measured.
    pub model: Generator,
    /// The SHA-256 sums of its weights, by network.
    pub weights: BTreeMap<String, String>,
    /// Samples of a cell, as many of each digit: a Fréchet distance falls with it, that of real digits too.
    pub count: usize,
    /// Sample i has this seed + i, in every cell.
    pub seed: u64,
    /// What suits the model. The cells with its sampler, schedule and steps differ in nothing but guidance.
    pub recommended: Way,
    /// Test digits in the place of samples.
    pub real: Figures,
    /// What was measured.
    pub cells: Vec<Cell>,
}

/// How samples are made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Way {
    /// From one σ to the next.
    pub sampler: SamplerKind,
    /// How σ is spaced.
    pub schedule: Schedule,
    /// Intervals of the σ table.
    pub steps: usize,
    /// Strength of classifier-free guidance.
    pub guidance: f64,
}

/// One way, and how good its samples are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The way.
    #[serde(flatten)]
    pub way: Way,
    /// Network calls of a sample, guidance included.
    pub calls: usize,
    /// How good.
    #[serde(flatten)]
    pub figures: Figures,
}

/// How good a set of samples is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// As [`LeNet`] sees it.
    pub lenet: Judged,
    /// As [`ResNet`] does.
    pub resnet: Judged,
    /// [`Pixels::nearest`].
    pub nearest: Nearest,
    /// [`Pixels::variance`]; 1 for real digits.
    pub variance: Option<f64>,
}

/// The figures of a [`Report`] in short.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    /// Share of samples in which the digit asked for is seen.
    pub accuracy: f64,
    /// That of the digit for which it is lowest.
    pub worst: f64,
    /// Fréchet distance to unseen digits, a mean over five halves of them.
    pub frechet: f64,
    /// In units of what as many real digits have, a mean over the halves.
    pub times: f64,
    /// Lowest and highest of the halves.
    pub times_range: [f64; 2],
    /// As in [`super::manifold::Overlap`], and so on.
    pub precision: f64,
    /// Share of real digits that the samples come near.
    pub recall: f64,
    /// Around how many real digits a sample lies, of those that it might.
    pub density: f64,
    /// Share of real digits that have a sample nearby.
    pub coverage: f64,
}

impl Grid {
    /// One without cells.
    pub fn new(generator: Generator, manifest: &Manifest, judges: &Judges, seed: u64) -> Self {
        Self {
            model: generator,
            weights: sums(generator, manifest),
            count: judges.count,
            seed,
            recommended: Way::of(&generator.defaults()),
            real: judges.real(),
            cells: Vec::new(),
        }
    }

    /// The cell of a way, where it was measured.
    pub fn cell(&self, way: Way) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.way == way)
    }

    /// Takes over what was measured `before`, if it was of the same weights and in the same manner. Returns whether.
    pub fn resume(&mut self, before: Self) -> bool {
        let same = self.model == before.model
            && self.weights == before.weights
            && self.count == before.count
            && self.seed == before.seed
            && self.real == before.real;
        if same {
            self.cells = before.cells;
        }
        same
    }

    /// Names `file`, which holds this grid as `json`, in the manifest, in the line of the model's last network. Returns
    /// whether: not if the weights there are not the ones that were measured.
    pub fn record(&self, manifest: &mut Manifest, file: &str, json: &str) -> bool {
        if self.weights != sums(self.model, manifest) {
            return false;
        }
        let line = self.model.networks().last().map(|network| network.name());
        let Some(entry) = line.and_then(|name| manifest.models.get_mut(name)) else {
            return false;
        };
        let object = |value: &Value| value.as_object().cloned().unwrap_or_default();
        let mut quality = object(&entry.quality);
        let mut figures = quality
            .get(self.model.name())
            .map(object)
            .unwrap_or_default();
        let sha256 = weights::sha256(json.as_bytes());
        let place = json!({ "file": file, "bytes": json.len(), "sha256": sha256 });
        figures.insert(GRID.into(), place);
        quality.insert(self.model.name().into(), figures.into());
        entry.quality = quality.into();
        true
    }

    /// A line for each cell.
    pub fn json(&self) -> String {
        let empty = Self {
            cells: Vec::new(),
            ..self.clone()
        };
        let json =
            |it: &dyn Fn() -> serde_json::Result<String>| it().expect("a grid is plain data");
        let head = json(&|| serde_json::to_string(&empty));
        let cells = self
            .cells
            .iter()
            .map(|cell| json(&|| serde_json::to_string(cell)));
        let cells: Vec<String> = cells.collect();
        format!(
            "{}\n{}\n]}}\n",
            head.trim_end_matches("]}"),
            cells.join(",\n")
        )
    }
}

/// The SHA-256 sums of a model's networks, as far as they are there.
fn sums(generator: Generator, manifest: &Manifest) -> BTreeMap<String, String> {
    let sum = |network: &Network| {
        let entry = manifest.models.get(network.name())?;
        Some((network.name().to_string(), entry.sha256.clone()))
    };
    generator.networks().iter().filter_map(sum).collect()
}

impl Way {
    /// That of settings, whatever else they say.
    pub fn of(settings: &Settings) -> Self {
        Self {
            sampler: settings.sampler,
            schedule: settings.schedule(),
            steps: settings.steps,
            guidance: settings.guidance,
        }
    }
}

/// The ways to measure a model that samples from noise levels in this range: every sampler with each number of network calls,
/// without guidance and with the recommended one; and the recommended settings with each guidance.
pub fn ways(
    generator: Generator,
    (sigma_min, sigma_max): (f64, f64),
    quick: bool,
) -> Vec<Settings> {
    let defaults = generator.defaults();
    let (samplers, calls, guidances) = match quick {
        false => (&SamplerKind::ALL[..], &CALLS[..], &GUIDANCES[..]),
        true => (&QUICK_SAMPLERS[..], &QUICK_CALLS[..], &QUICK_GUIDANCES[..]),
    };
    let mut ways: Vec<Settings> = Vec::new();
    let mut add = |way: Settings| {
        if !ways.contains(&way) {
            ways.push(way);
        }
    };
    for &guidance in guidances {
        add(Settings {
            guidance,
            ..defaults.clone()
        });
    }
    // What takes longest comes last.
    for &calls in calls {
        for guidance in [1.0, defaults.guidance] {
            for &sampler in samplers {
                let settings = |steps| Settings {
                    steps,
                    sampler,
                    schedule: None,
                    guidance,
                    ..defaults.clone()
                };
                let misses =
                    |steps: &usize| settings(*steps).calls(sigma_min, sigma_max).abs_diff(calls);
                let steps = (1..=calls).min_by_key(misses).unwrap_or(1);
                add(settings(steps));
            }
        }
    }
    ways
}

/// Who measures the samples of a cell.
pub struct Judges<'a> {
    lenet: Reference<'a, LeNet>,
    resnet: Reference<'a, ResNet>,
    pixels: pixels::Reference<'a>,
    count: usize,
}

impl<'a> Judges<'a> {
    /// For cells of `count` samples.
    ///
    /// # Errors
    /// [`EvaluationError`].
    pub fn new(
        lenet: &'a Classifier<LeNet>,
        resnet: &'a Classifier<ResNet>,
        train_set: &'a DataSet,
        test_set: &'a DataSet,
        count: usize,
    ) -> Result<Self, EvaluationError> {
        Ok(Self {
            lenet: Reference::new(test_set, lenet, count)?,
            resnet: Reference::new(test_set, resnet, count)?,
            pixels: pixels::Reference::new(train_set, test_set, count),
            count,
        })
    }

    /// Measures `samples`, whose labels are the digits asked for.
    ///
    /// # Errors
    /// [`EvaluationError`].
    pub fn judge(&self, samples: &DataSet) -> Result<Figures, EvaluationError> {
        let (lenet, resnet) = (self.lenet.judge(samples)?, self.resnet.judge(samples)?);
        Ok(Figures::of(&lenet, &resnet, &self.pixels.compare(samples)))
    }

    fn real(&self) -> Figures {
        Figures::of(&self.lenet.real(), &self.resnet.real(), &self.pixels.real())
    }
}

impl Figures {
    fn of(lenet: &Report, resnet: &Report, pixels: &Pixels) -> Self {
        let Nearest { median, percentile } = pixels.nearest;
        Self {
            lenet: Judged::of(lenet),
            resnet: Judged::of(resnet),
            nearest: Nearest {
                median: short(median),
                percentile: short(percentile),
            },
            variance: pixels.variance.map(short),
        }
    }
}

impl Judged {
    fn of(report: &Report) -> Self {
        Self {
            accuracy: short(report.accuracy.unwrap_or(0.0)),
            worst: short(report.worst().map_or(0.0, |(_, share)| share)),
            frechet: short(report.frechet.mean),
            times: short(report.ratio.mean),
            times_range: [short(report.ratio.low), short(report.ratio.high)],
            precision: short(report.overlap.precision),
            recall: short(report.overlap.recall),
            density: short(report.overlap.density),
            coverage: short(report.overlap.coverage),
        }
    }
}

/// Four significant digits: more mean nothing here, and a visitor loads them.
fn short(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// The lines above the cells of a table.
pub struct Head;

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const COLUMNS: [&str; 11] = [
            "asked", "worst", "times", "prec.", "recall", "dens.", "cover.", "| asked", "times",
            "recall", "cover.",
        ];
        writeln!(f, "{:<34}  {:<56}| by the ResNet", "", "by LeNet-5")?;
        write!(f, "{:<17}{:>5}{:>6}{:>6}", "sampler", "steps", "calls", "g")?;
        COLUMNS.iter().try_for_each(|name| write!(f, "{name:>8}"))?;
        write!(f, "  | variance nearest")
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Way {
            sampler,
            steps,
            guidance,
            ..
        } = self.way;
        write!(
            f,
            "{sampler:<17}{steps:>5}{:>6}{guidance:>6}{}",
            self.calls, self.figures
        )
    }
}

/// The end of a line of the table.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| format!("{:.1}", 100.0 * share);
        let Judged {
            accuracy,
            worst,
            times,
            precision,
            recall,
            density,
            coverage,
            ..
        } = self.lenet;
        write!(
            f,
            "{:>8}{:>8}{times:>8.2}",
            percent(accuracy),
            percent(worst)
        )?;
        write!(
            f,
            "{precision:>8.3}{recall:>8.3}{density:>8.3}{coverage:>8.3}"
        )?;
        let Judged {
            accuracy,
            times,
            recall,
            coverage,
            ..
        } = self.resnet;
        write!(
            f,
            " |{:>6}{times:>8.2}{recall:>8.3}{coverage:>8.3}",
            percent(accuracy)
        )?;
        let variance = self.variance.map_or("-".into(), |v| format!("{v:.3}"));
        write!(f, "  | {variance:>8}{:>8.2}", self.nearest.median)
    }
}
