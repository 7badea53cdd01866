//! `unnoise data`.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process,
};

use clap::Args;

use super::{DataFolder, Failure, INTERRUPTED, say, say_aside};
use crate::native::data::{self, Known, NAMES, Options, Own, Progress};

#[derive(Args)]
pub struct Data {
    /// mnist, fashion, kmnist, emnist-digits or emnist-letters; or a folder: of a folder of PNG or JPEG pictures for each
    /// class, perhaps in `train` and `test`, or of files in MNIST's format and names with a `classes.txt`
    #[arg(long, value_name = "SET|DIR", default_value = NAMES[0])]
    set: String,
    /// Copy a public set's files from this folder instead of fetching them
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Of a folder: width and height that its pictures are made to have, 28 or 32 [default: 28]
    #[arg(long, value_name = "PIXELS")]
    size: Option<usize>,
    /// Of a folder: swap dark and light, where ink is dark on light paper
    #[arg(long)]
    invert: bool,
    /// Of a folder without `test`: decides which tenth of each class is held out [default: 0]
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    data: DataFolder,
}

impl Data {
    pub fn run(&self) -> Result<(), Failure> {
        // Nothing needs saving: each file is written in one piece.
        ctrlc::set_handler(|| {
            let _ = writeln!(
                io::stderr(),
                "\nunnoise: interrupted: run the same command again, it keeps what it has"
            );
            process::exit(INTERRUPTED.into());
        })?;
        match data::known(&self.set) {
            Some(known) => self.public(&known),
            None => self.own(Path::new(&self.set)),
        }
    }

    fn public(&self, known: &Known) -> Result<(), Failure> {
        if self.size.is_some() || self.invert || self.seed.is_some() {
            return Err(format!(
                "--size, --invert and --seed are for a folder of pictures: {} is as it was published",
                known.name
            )
            .into());
        }
        data::prepare(known, &self.data.folder, self.from.as_deref(), &mut tell)?;
        Ok(())
    }

    fn own(&self, folder: &Path) -> Result<(), Failure> {
        if !folder.is_dir() {
            return Err(format!(
                "there is no set {:?}: choose one of {}, or name a folder",
                self.set,
                NAMES.join(", ")
            )
            .into());
        }
        if self.from.is_some() {
            return Err("--from is for a public set: a folder is read from where it is".into());
        }
        let options = Options {
            size: self.size,
            invert: self.invert,
            seed: self.seed.unwrap_or(0),
        };
        let Own {
            train,
            test,
            light_edges,
        } = data::read_folder(folder, options)?;
        data::write(&self.data.folder, &train, &test, &mut tell)?;
        let about = &train.about;
        say!(
            "{}: {} pictures to train on and {} held out, of {size}x{size} pixels, of {} classes: {}",
            about.name,
            train.len(),
            test.len(),
            about.classes.len(),
            about.classes.names().join(", "),
            size = about.size,
        )?;
        if light_edges {
            say_aside(
                &"most pictures are light at their edges; if they are dark ink on light paper, give --invert",
            );
        }
        Ok(())
    }
}

/// A line that nobody reads is no reason to stop.
fn tell(progress: Progress) {
    let _ = match progress {
        Progress::Kept(name) => say!("{name}: already there, checksum right"),
        Progress::Fetched(name, bytes, total) => {
            let of = total.map_or(String::new(), |total| format!(" of {total}"));
            let mut out = io::stdout();
            write!(out, "\r{name}: {bytes}{of} bytes ").and_then(|()| out.flush())
        }
        Progress::Failed(why) => say!("\n{why}"),
        Progress::Counted(name) => {
            say!("{name}: no checksum is published of it, so its pictures are counted, no more")
        }
        Progress::Written(name) => say!("\r{name}: written                          "),
    };
}
