//! What `unnoise eval` measures of each generator, and where the figures go.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{generation::Settings, library::Generator, weights::Manifest};

/// How a generator is measured unless told otherwise: the U-Nets in 20 network calls a picture, guidance
/// counted twice.
pub fn settings(generator: Generator) -> Settings {
    let defaults = generator.defaults();
    match generator.follows_a_gradient() {
        true => defaults,
        false => Settings {
            steps: 10,
            ..defaults
        },
    }
}

/// How many pictures are measured.
pub fn count(generator: Generator, quick: bool) -> usize {
    match (generator.follows_a_gradient(), quick) {
        (false, false) => 10_000,
        (false, true) | (true, false) => 1_000,
        (true, true) => 200,
    }
}

/// The figures of each generator, by name.
#[derive(Debug, Default)]
pub struct Figures(BTreeMap<&'static str, Map<String, Value>>);

impl Figures {
    /// Notes a figure.
    pub fn set(&mut self, generator: Generator, name: &str, figure: Value) {
        let of = self.0.entry(generator.name()).or_default();
        of.insert(name.into(), figure);
    }

    /// Writes the figures into the manifest: each generator's into the line of its last network, beside
    /// those of the others.
    pub fn record(&self, manifest: &mut Manifest) {
        for generator in Generator::ALL {
            let line = generator.networks().last().map(|network| network.name());
            if let Some(figures) = self.0.get(generator.name())
                && let Some(entry) = line.and_then(|name| manifest.models.get_mut(name))
            {
                let mut quality = entry.quality.as_object().cloned().unwrap_or_default();
                quality.insert(generator.name().into(), figures.clone().into());
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
        figures.set(Generator::Scorer, "share", json!(0.9));
        figures.set(Generator::Digits, "share", json!(1.0));
        figures.record(&mut manifest);
        let quality = &manifest.models["scorer"].quality;
        assert_eq!(
            *quality,
            json!({ "scorer": { "share": 0.9 }, "scorer-plain": 1 })
        );
        assert_eq!(figures.json()["digits"]["share"], 1.0);
    }
}
