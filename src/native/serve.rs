//! The built site on this machine's loopback address.

use std::{
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use axum::Router;
use thiserror::Error;
use tower_http::services::ServeDir;

/// Serving that cannot begin or go on.
#[derive(Debug, Error)]
pub enum ServeError {
    /// No site.
    #[error("{} holds no built site (no index.html): run `./build.sh site` first, or name its folder with --site DIR", .0.display())]
    NoSite(PathBuf),
    /// The port is taken, or not allowed.
    #[error("port {0} cannot be used ({1}): choose another with --port N")]
    Port(u16, io::Error),
    /// The server stopped.
    #[error("the server stopped: {0}")]
    Stopped(io::Error),
}

/// Serves `site` until the process ends. Prints the address once it can be opened; port 0 takes any
/// free one.
///
/// # Errors
/// [`ServeError`].
pub fn serve(site: &Path, port: u16) -> Result<(), ServeError> {
    if !site.join("index.html").is_file() {
        return Err(ServeError::NoSite(site.into()));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Stopped)?;
    runtime.block_on(async {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let taken = |error| ServeError::Port(port, error);
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        writeln!(
            io::stdout(),
            "unnoise is at http://{address}/ (Ctrl-C stops it)"
        )
        .map_err(ServeError::Stopped)?;
        let router = Router::new().fallback_service(ServeDir::new(site));
        axum::serve(listener, router)
            .await
            .map_err(ServeError::Stopped)
    })
}
