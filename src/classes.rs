//! The classes that a set of pictures has, and a network that learned from it: by number, and by name.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::name::UnknownName;

/// The most classes that a set may have.
pub const MAX_CLASSES: usize = 64;

/// The most characters of a class's name.
const LONGEST: usize = 64;

/// The names of classes, each at its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Classes(Arc<[String]>);

/// Names that no set of classes has.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ClassesError {
    /// None, or too many.
    #[error("there must be 1 to {MAX_CLASSES} classes, not {0}")]
    Count(usize),
    /// No name to ask for.
    #[error(
        "a class's name has 1 to {LONGEST} characters, none of them a line break, as {0:?} has not"
    )]
    Name(String),
    /// Two of one name.
    #[error("two classes are named {0:?}")]
    Twice(String),
}

impl Classes {
    /// Those of `names`.
    ///
    /// # Errors
    /// [`ClassesError`].
    pub fn new<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Result<Self, ClassesError> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        if !(1..=MAX_CLASSES).contains(&names.len()) {
            return Err(ClassesError::Count(names.len()));
        }
        for (i, name) in names.iter().enumerate() {
            let sound = (1..=LONGEST).contains(&name.chars().count());
            if !sound || name.trim() != name || name.contains(char::is_control) {
                return Err(ClassesError::Name(name.clone()));
            }
            if names[..i].contains(name) {
                return Err(ClassesError::Twice(name.clone()));
            }
        }
        Ok(Self(names.into()))
    }

    /// So many, whose names are their numbers.
    pub fn numbered(count: usize) -> Self {
        Self((0..count).map(|i| i.to_string()).collect())
    }

    /// MNIST's: 0 to 9.
    pub fn digits() -> Self {
        Self::numbered(10)
    }

    /// Whether they are MNIST's.
    pub fn are_digits(&self) -> bool {
        *self == Self::digits()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none, as where nothing can be asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names, by number.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The class of this name, or else of this number.
    ///
    /// # Errors
    /// [`UnknownName`], which says what there is.
    pub fn find(&self, text: &str) -> Result<u8, UnknownName> {
        let named = self.0.iter().position(|name| name == text);
        let numbered = || text.parse().ok().filter(|&i: &usize| i < self.len());
        let found = named.or_else(numbered).and_then(|i| u8::try_from(i).ok());
        found.ok_or_else(|| UnknownName::new("class", text, self.names()))
    }

    /// A class, as it stands in a sentence: "the digit 3", "the class cross".
    pub fn phrase(&self, class: u8) -> String {
        match self.0.get(usize::from(class)) {
            Some(name) if !self.are_digits() => format!("the class {name}"),
            _ => format!("the digit {class}"),
        }
    }
}

/// What is to be a class: "the digit must be 0 to 9", "the class must be 0 to 2 (circle, cross, triangle)".
impl fmt::Display for Classes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.len().saturating_sub(1);
        match self.names() {
            [] => write!(f, "no class can be asked for"),
            _ if self.are_digits() => write!(f, "the digit must be 0 to {last}"),
            names if *self == Self::numbered(names.len()) => {
                write!(f, "the class must be 0 to {last}")
            }
            names => write!(f, "the class must be 0 to {last} ({})", names.join(", ")),
        }
    }
}

impl TryFrom<Vec<String>> for Classes {
    type Error = ClassesError;

    fn try_from(names: Vec<String>) -> Result<Self, ClassesError> {
        Self::new(names)
    }
}

impl From<Classes> for Vec<String> {
    fn from(classes: Classes) -> Self {
        classes.0.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_found_by_its_name_before_its_number() {
        let shapes = Classes::new(["circle", "cross", "0"]).unwrap();
        assert_eq!(shapes.find("cross"), Ok(1));
        assert_eq!(shapes.find("1"), Ok(1));
        assert_eq!(shapes.find("0"), Ok(2));
        for unknown in ["3", "-1", "", "Cross", "one"] {
            let error = shapes.find(unknown).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("there is no class {unknown:?}: choose one of circle, cross, 0")
            );
        }
        assert_eq!(shapes.phrase(1), "the class cross");
        assert_eq!(
            shapes.to_string(),
            "the class must be 0 to 2 (circle, cross, 0)"
        );
        assert_eq!(Classes::digits().phrase(7), "the digit 7");
        assert_eq!(Classes::digits().to_string(), "the digit must be 0 to 9");
    }

    #[test]
    fn names_that_cannot_be_asked_for_are_refused() {
        let none: [&str; 0] = [];
        assert_eq!(Classes::new(none), Err(ClassesError::Count(0)));
        let many: Vec<String> = (0..65).map(|i| i.to_string()).collect();
        assert_eq!(Classes::new(many), Err(ClassesError::Count(65)));
        for name in ["", " a", "a\nb", &"a".repeat(65)] {
            assert_eq!(
                Classes::new([name]),
                Err(ClassesError::Name(name.to_string()))
            );
        }
        assert_eq!(
            Classes::new(["a", "b", "a"]),
            Err(ClassesError::Twice("a".into()))
        );
        let json = serde_json::to_string(&Classes::new(["a", "b"]).unwrap()).unwrap();
        assert_eq!(json, r#"["a","b"]"#);
        assert!(serde_json::from_str::<Classes>("[]").is_err());
    }
}
