//! The built site on this machine's loopback address.

use std::{
    io::{self, ErrorKind, Write},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
};
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
        let files = ServeDir::new(site).precompressed_br();
        let router =
            Router::new().fallback(async move |request: Request| answer(files, request).await);
        axum::serve(listener, router)
            .await
            .map_err(ServeError::Stopped)
    })
}

/// A file, compressed where the browser takes that and the site has it. Whether a file whose name does not change
/// with its content is still the same is asked each time: a page must not meet the parts of another version.
async fn answer(mut files: ServeDir, request: Request) -> Response {
    let lasts = is_named_by_content(request.uri().path());
    let mut response = match files.try_call(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => match error.kind() {
            // Not there, or longer than the name of anything can be.
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename => {
                StatusCode::NOT_FOUND.into_response()
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        },
    };
    let status = response.status();
    let cache = match lasts && !status.is_client_error() && !status.is_server_error() {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

/// Whether the name of a file, or that of its folder, holds a sum of the content, as in
/// `unnoise.0123456789abcdef.wasm`.
fn is_named_by_content(path: &str) -> bool {
    let is_sum = |part: &str| part.len() == 16 && part.bytes().all(|b| b.is_ascii_hexdigit());
    path.split(['/', '.']).any(is_sum)
}
