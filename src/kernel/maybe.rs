//! A tensor, or none.

use burn::backend::{Backend, ExtensionType, tensor::FloatTensor};

/// What an extension of a backend takes in place of an `Option`.
#[derive(ExtensionType)]
#[cfg_attr(feature = "cube", extension_type(fusion))]
pub enum Maybe<B: Backend> {
    /// One.
    Some(FloatTensor<B>),
    /// None.
    None,
}

impl<B: Backend> From<Option<FloatTensor<B>>> for Maybe<B> {
    fn from(tensor: Option<FloatTensor<B>>) -> Self {
        match tensor {
            Some(tensor) => Self::Some(tensor),
            None => Self::None,
        }
    }
}

impl<B: Backend> Maybe<B> {
    /// As an `Option`.
    pub fn option(self) -> Option<FloatTensor<B>> {
        match self {
            Self::Some(tensor) => Some(tensor),
            Self::None => None,
        }
    }
}
