//! The U-Net, trained on a folder of one's own: pictures of 28 × 28 pixels, light on black, with labels from 0 to 9, in
//! files of MNIST's format and names, gzipped or not. Fashion-MNIST and Kuzushiji-MNIST come as such.
//!
//! ```text
//! cargo run --release --example folder -- DATA RUNS [EPOCHS]
//! ```
//!
//! RUNS/unet has the loss, what it draws after each epoch, and the checkpoint of which `unnoise export unet --runs RUNS`
//! makes weights.

use std::{
    env,
    error::Error,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
    time::Duration,
};

use unnoise::{
    library::Network,
    model::unet::UnetConfig,
    native::{
        data::{About, DataSet, FILES},
        device::DeviceKind,
        train::{Recipe, Run, digits::Digits, train, unet::UnetTask},
    },
};

/// A file of the folder, by its name or with .gz behind it.
fn file(folder: &Path, name: &str) -> PathBuf {
    let plain = folder.join(name);
    if plain.exists() {
        plain
    } else {
        folder.join(format!("{name}.gz"))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let mut next = || arguments.next().ok_or("name the folders: DATA RUNS");
    let (data, runs) = (PathBuf::from(next()?), PathBuf::from(next()?));
    let epochs = arguments.next().map_or(Ok(10), |epochs| epochs.parse())?;

    // Checked for shape alone: any such files will do.
    let [images, labels] = [FILES[0], FILES[1]].map(|name| file(&data, name));
    let all = DataSet::read(&images, &labels, About::mnist().into())?;
    let (held_out, seen): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(|i| i % 10 == 0);
    if seen.is_empty() {
        return Err(format!("{} holds too few pictures", images.display()).into());
    }
    println!(
        "{} pictures to train on, {} held out",
        seen.len(),
        held_out.len()
    );

    let recipe = Recipe {
        epochs,
        warmup: 20, // of a run that may be short
        ..Recipe::of(Network::Unet)
    };
    let digits = Digits::new(recipe.seed, all.select(&seen), all.select(&held_out));
    let task = UnetTask::new(Network::Unet, UnetConfig::new(), digits);
    let run = Run {
        folder: runs.join(Network::Unet.name()),
        resume: false,
        checkpoint_every: Duration::from_secs(60),
        pretrained: None,
    };
    let device = DeviceKind::Auto.open()?;
    train(&task, &recipe, &run, &device, &AtomicBool::new(false))?;
    println!("trained: see {}", run.folder.display());
    Ok(())
}
