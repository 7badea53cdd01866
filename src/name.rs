//! The names by which a person asks for one of several things.

use std::fmt::Display;

use thiserror::Error;

/// A name that none of them has.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("there is no {kind} {name:?}: choose one of {choices}")]
pub struct UnknownName {
    kind: &'static str,
    name: String,
    choices: String,
}

impl UnknownName {
    /// The error for `name`, where one of `choices` was to be named. `kind` says what they are: "sampler".
    pub fn new<T: Display>(
        kind: &'static str,
        name: &str,
        choices: impl IntoIterator<Item = T>,
    ) -> Self {
        let choices: Vec<String> = choices.into_iter().map(|one| one.to_string()).collect();
        Self {
            kind,
            name: name.into(),
            choices: choices.join(", "),
        }
    }
}
