//! `unnoise serve`.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::native::serve;

#[derive(Args)]
pub struct Serve {
    /// The port; 0 takes any free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The built site
    #[arg(long, value_name = "DIR", default_value = "dist")]
    site: PathBuf,
}

impl Serve {
    pub fn run(&self) -> Result<(), Failure> {
        Ok(serve::serve(&self.site, self.port)?)
    }
}
