//! What `unnoise eval` measures, and where the figures go.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde_json::{Map, Value};
use thiserror::Error;

use crate::{
    generation::Settings,
    library::{Generator, Network},
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
    type Err = UnknownSubject;

    fn from_str(name: &str) -> Result<Self, UnknownSubject> {
        let found = Self::all().find(|one| one.name() == name);
        found.ok_or_else(|| UnknownSubject(name.into()))
    }
}

/// A name that no [`Subject`] has.
#[derive(Error, Clone, PartialEq, Eq, Debug)]
#[error("there is nothing called {0:?} to measure: choose one of {names}", names = Subject::all().map(Subject::name).collect::<Vec<_>>().join(", "))]
pub struct UnknownSubject(pub String);

/// How a generator is measured unless told otherwise: the U-Nets for digits in 20 network calls a picture,
/// guidance counted twice, the others as they are used.
pub fn settings(generator: Generator) -> Settings {
    let defaults = generator.defaults();
    match generator {
        Generator::Digits | Generator::DigitsBlind | Generator::DigitsEstimated => Settings {
            steps: 10,
            ..defaults
        },
        Generator::Scorer | Generator::ScorerPlain | Generator::NoiseLevel | Generator::Text => {
            defaults
        }
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

/// The figures of each subject, by name.
#[derive(Debug, Default)]
pub struct Figures(BTreeMap<&'static str, Map<String, Value>>);

impl Figures {
    /// Notes a figure.
    pub fn set(&mut self, subject: Subject, name: &str, figure: Value) {
        let of = self.0.entry(subject.name()).or_default();
        of.insert(name.into(), figure);
    }

    /// Writes the figures into the manifest: each subject's into the line of its last network, beside
    /// those of the others.
    pub fn record(&self, manifest: &mut Manifest) {
        for subject in Subject::all() {
            let line = subject.networks().last().map(|network| network.name());
            if let Some(figures) = self.0.get(subject.name())
                && let Some(entry) = line.and_then(|name| manifest.models.get_mut(name))
            {
                let mut quality = entry.quality.as_object().cloned().unwrap_or_default();
                quality.insert(subject.name().into(), figures.clone().into());
                entry.quality = quality.into();
            }
        }
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
        let entry = Entry {
            file: "scorer.safetensors".into(),
            bytes: 0,
            sha256: String::new(),
            config: Value::Null,
            quantisation: Quantisation::default(),
            parameters: 0,
            mflop_per_call: 0.0,
            training: Value::Null,
            quality: json!({ "scorer-plain": 1 }),
        };
        let mut manifest = Manifest::default();
        manifest.models.insert("scorer".into(), entry);
        let mut figures = Figures::default();
        figures.set(Subject::Generator(Generator::Scorer), "share", json!(0.9));
        figures.set(Subject::Generator(Generator::Digits), "share", json!(1.0));
        figures.record(&mut manifest);
        let quality = &manifest.models["scorer"].quality;
        assert_eq!(
            *quality,
            json!({ "scorer": { "share": 0.9 }, "scorer-plain": 1 })
        );
        assert_eq!(figures.json()["digits"]["share"], 1.0);
    }
}
