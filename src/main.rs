//! The command line: `unnoise --help`.

use std::{
    io::Write,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use clap::Parser;
use unnoise::native::{
    command::{Cli, INTERRUPTED},
    memory,
};

fn main() -> ExitCode {
    memory::keep();
    let interrupted = Arc::new(AtomicBool::new(false));
    match Cli::parse().run(&interrupted) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "unnoise: {error}");
            ExitCode::from(if interrupted.load(Ordering::Relaxed) {
                INTERRUPTED
            } else {
                1
            })
        }
    }
}
