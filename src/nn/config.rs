//! What every network's configuration can say: whether it can be built, the network, and its cost.

use burn::{module::Module, tensor::Device};
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

use super::{Cost, GroupNormConfig};

/// A model's configuration as a file holds it: to be checked before a network is built from it.
pub trait ModelConfig: Serialize + DeserializeOwned {
    /// The network.
    type Model: Module;

    /// Makes sure that a network can be built.
    ///
    /// # Errors
    /// [`Impossible`].
    fn check(&self) -> Result<(), Impossible>;

    /// A network with fresh weights.
    fn init(&self, device: &Device) -> Self::Model;

    /// Parameters and multiply–accumulates of a call on one picture.
    fn cost(&self) -> Cost;
}

/// A configuration of which no network can be built: what would have to hold, and does not.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("its configuration is not possible: {0}")]
pub struct Impossible(pub &'static str);

/// What has to hold, and whether it does.
pub type Rule = (bool, &'static str);

/// # Errors
/// The first rule that does not hold.
pub fn check(rules: &[Rule]) -> Result<(), Impossible> {
    match rules.iter().find(|(holds, _)| !holds) {
        Some((_, rule)) => Err(Impossible(rule)),
        None => Ok(()),
    }
}

/// The rules for a picture of `size`×`size` pixels that passes through levels with `channels` and `blocks`, each a
/// half of the one before in width and height, the first a half of the picture's where it is `halved` at once.
pub fn levels(
    (size, picture_channels): (usize, usize),
    channels: &[usize],
    blocks: &[usize],
    halved: bool,
) -> [Rule; 7] {
    let levels = channels.len();
    let halvings = levels.clamp(1, 8) - usize::from(!halved);
    let fits =
        |c: &usize| (1..=4096).contains(c) && c.is_multiple_of(GroupNormConfig::new(*c).groups());
    [
        (
            (1..=8).contains(&levels),
            "channels must name 1 to 8 levels",
        ),
        (
            blocks.len() == levels,
            "blocks must have a number for each of channels",
        ),
        (
            blocks.iter().all(|&n| n <= 64),
            "blocks must be at most 64 a level",
        ),
        (
            channels.iter().all(fits),
            "channels must be 1 to 4096, best multiples of 8",
        ),
        ((1..=1024).contains(&size), "size must be 1 to 1024"),
        (
            size.is_multiple_of(1 << halvings),
            "size must halve evenly at each level",
        ),
        (
            (1..=16).contains(&picture_channels),
            "picture_channels must be 1 to 16",
        ),
    ]
}
