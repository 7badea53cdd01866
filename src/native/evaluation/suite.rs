//! What `unnoise eval` measures, and where the figures go.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde_json::{Map, Value};

use crate::{
    library::{Generator, Network},
    name::UnknownName,
    weights::Manifest,
};

/// What can be measured: whatever generates, and two networks that do not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject {
    /// By what it generates.
    Generator(Generator),
    /// By its reconstructions.
    Vae,
    /// By which sentences it finds near.
    Clip,
}

impl Subject {
    /// Everything, in the order of the lesson.
    pub fn all() -> impl Iterator<Item = Self> {
        let generators = Generator::ALL.into_iter().map(Self::Generator);
        generators.chain([Self::Vae, Self::Clip])
    }

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generator(generator) => generator.name(),
            Self::Vae => Network::Vae.name(),
            Self::Clip => Network::Clip.name(),
        }
    }

    /// The networks that it needs.
    pub fn networks(self) -> &'static [Network] {
        match self {
            Self::Generator(generator) => generator.networks(),
            Self::Vae => &[Network::Vae],
            Self::Clip => &[Network::Clip],
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Subject {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let found = Self::all().find(|one| one.name() == name);
        found.ok_or_else(|| UnknownName::new("model", name, Self::all()))
    }
}

/// How many pictures are measured.
pub fn count(subject: Subject, quick: bool) -> usize {
    use Generator::{Digits, DigitsBlind, DigitsEstimated};
    match (subject, quick) {
        (Subject::Generator(Digits | DigitsBlind | DigitsEstimated), false) => 10_000,
        (Subject::Generator(Digits | DigitsBlind | DigitsEstimated), true) => 1_000,
        (Subject::Generator(_), false) => 1_000,
        (Subject::Generator(_), true) => 200,
        (Subject::Vae | Subject::Clip, false) => 10_000,
        (Subject::Vae | Subject::Clip, true) => 1_000,
    }
}

/// Among a subject's figures, where its [`super::grid`] is.
pub const GRID: &str = "grid";

/// The figures of each subject, by name.
#[derive(Debug, Default)]
pub struct Figures(BTreeMap<&'static str, Map<String, Value>>);

impl Figures {
    /// Notes a figure.
    pub fn set(&mut self, subject: Subject, name: &str, figure: Value) {
        let of = self.0.entry(subject.name()).or_default();
        of.insert(name.into(), figure);
    }

    /// Writes the figures into the manifest: each subject's into the line of its last network, beside those of
    /// the others. Returns the subjects that are left out, since a network of theirs is not the one that was
    /// measured, as listed in `measured`, any more.
    pub fn record(&self, manifest: &mut Manifest, measured: &Manifest) -> Vec<Subject> {
        let mut left_out = Vec::new();
        for subject in Subject::all() {
            let Some(figures) = self.0.get(subject.name()) else {
                continue;
            };
            let sum = |manifest: &Manifest, network: &Network| {
                let entry = manifest.models.get(network.name());
                entry.map(|entry| entry.sha256.clone())
            };
            let networks = subject.networks();
            let same = |network: &Network| sum(manifest, network) == sum(measured, network);
            let same = networks.iter().all(same);
            let line = networks.last().map(|network| network.name());
            match line.and_then(|name| manifest.models.get_mut(name)) {
                Some(entry) if same => {
                    let mut quality = entry.quality.as_object().cloned().unwrap_or_default();
                    let mut figures = figures.clone();
                    if let Some(grid) = quality.get(subject.name()).and_then(|it| it.get(GRID)) {
                        figures.insert(GRID.into(), grid.clone());
                    }
                    quality.insert(subject.name().into(), figures.into());
                    entry.quality = quality.into();
                }
                _ => left_out.push(subject),
            }
        }
        left_out
    }

    /// All of it.
    pub fn json(&self) -> Value {
        let entries = self.0.iter();
        entries
            .map(|(name, figures)| ((*name).to_string(), figures.clone().into()))
            .collect::<Map<_, _>>()
            .into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::weights::{Entry, Quantisation};

    #[test]
    fn figures_stand_in_the_line_of_their_network_and_keep_the_others() {
        let entry = |sha256: &str| Entry {
            file: "scorer.safetensors".into(),
            bytes: 0,
            sha256: sha256.into(),
            config: Value::Null,
            quantisation: Quantisation::default(),
            parameters: 0,
            mflop_per_call: 0.0,
            training: Value::Null,
            quality: json!({ "scorer-plain": 1 }),
            classes: None,
            fit: None,
        };
        let manifest = |sha256| {
            let mut manifest = Manifest::default();
            manifest.models.insert("scorer".into(), entry(sha256));
            manifest
        };
        let scorer = Subject::Generator(Generator::Scorer);
        let mut figures = Figures::default();
        figures.set(scorer, "share", json!(0.9));
        let mut recorded = manifest("a");
        assert_eq!(figures.record(&mut recorded, &manifest("a")), []);
        let quality = &recorded.models["scorer"].quality;
        assert_eq!(
            *quality,
            json!({ "scorer": { "share": 0.9 }, "scorer-plain": 1 })
        );
        assert_eq!(figures.json()["scorer"]["share"], 0.9);

        // A grid, which is measured by itself, stays.
        recorded.models.get_mut("scorer").unwrap().quality["scorer"] =
            json!({ "grid": 5, "share": 0.1 });
        assert_eq!(figures.record(&mut recorded, &manifest("a")), []);
        let quality = &recorded.models["scorer"].quality["scorer"];
        assert_eq!(*quality, json!({ "grid": 5, "share": 0.9 }));

        // Exported again since it was measured, or gone.
        for mut meanwhile in [manifest("b"), Manifest::default()] {
            let before = meanwhile.clone();
            assert_eq!(figures.record(&mut meanwhile, &manifest("a")), [scorer]);
            assert_eq!(meanwhile, before);
        }
    }
}
