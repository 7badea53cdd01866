//! Exported networks → ONNX files (<https://onnx.ai>), opset 17, f32, for whatever any number of pictures: the
//! weights as they are shipped, after quantisation.

mod block;
mod graph;
mod network;
pub mod proto;

use std::path::{Path, PathBuf};

use thiserror::Error;

use self::{
    graph::Graph,
    network::{Graphs, Part},
};
use super::{
    atomic,
    device::{DeviceError, DeviceKind},
    store::{Exported, StoreError},
};
use crate::{
    library::Network,
    model::{
        clip::ClipConfig, noise_level::NoiseLevelConfig, scorer::ScorerConfig, unet::UnetConfig,
        vae::VaeConfig,
    },
    weights::{self, Source, WeightsError, WeightsFile},
};

/// A file that was not written.
#[derive(Debug, Error)]
pub enum OnnxError {
    /// What the folder of weights holds.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// No CPU backend.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// Writes the graphs of an exported network, which lies in `weights`, into `folder`: one, or, where it is made
/// of halves that are used apart (vae, clip), one for each. Returns the files.
///
/// # Errors
/// [`OnnxError`].
pub fn write(network: Network, weights: &Path, folder: &Path) -> Result<Vec<PathBuf>, OnnxError> {
    let exported = Exported::read(weights, network)?;
    let graphs = match network {
        Network::Unet | Network::UnetBlind | Network::Text => {
            graphs::<UnetConfig>(network, &exported)?
        }
        Network::NoiseLevel => graphs::<NoiseLevelConfig>(network, &exported)?,
        Network::Scorer => graphs::<ScorerConfig>(network, &exported)?,
        Network::Vae => graphs::<VaeConfig>(network, &exported)?,
        Network::Clip => graphs::<ClipConfig>(network, &exported)?,
    };
    let graphs = graphs.map_err(|error| StoreError::Weights(weights.into(), error))?;
    let mut files = Vec::with_capacity(graphs.len());
    for (name, bytes) in graphs {
        let file = folder.join(name);
        atomic::write(&file, &bytes)?;
        files.push(file);
    }
    Ok(files)
}

/// The files of a network: name and bytes.
type Files = Vec<(String, Vec<u8>)>;

fn graphs<C: Graphs>(
    network: Network,
    Exported { entry, bytes }: &Exported,
) -> Result<Result<Files, WeightsError>, DeviceError> {
    let device = DeviceKind::Cpu.open()?;
    let source = WeightsFile { entry, bytes };
    let graphs = || {
        let (model, config) = source.open::<C>(&device)?;
        let weights = weights::named(model).map_err(|reason| source.misfit(&reason))?;
        let file = |part: &Part<C>| {
            let name = format!("{network}{}", part.suffix);
            let mut graph = Graph::new(&name, weights.clone());
            (part.build)(&config, &mut graph);
            (format!("{name}.onnx"), graph.finish(part.about))
        };
        Ok(C::GRAPHS.iter().map(file).collect())
    };
    Ok(graphs())
}
