//! The built site, or a training, on this machine's loopback address.

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
    response::{Html, IntoResponse, Response},
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

/// The page that shows a training.
const WATCH: &str = include_str!("watch.html");

/// Serves `site` until the process ends. Prints the address once it can be opened; port 0 takes any
/// free one.
///
/// # Errors
/// [`ServeError`].
pub fn serve(site: &Path, port: u16) -> Result<(), ServeError> {
    if !site.join("index.html").is_file() {
        return Err(ServeError::NoSite(site.into()));
    }
    let server = Server::bind(port)?;
    writeln!(
        io::stdout(),
        "unnoise is at http://{}/ (Ctrl-C stops it)",
        server.address
    )
    .map_err(ServeError::Stopped)?;
    let files = ServeDir::new(site).precompressed_br();
    server.run(Router::new().fallback(async move |request: Request| answer(files, request).await))
}

/// Serves what a training writes into `run`, and a page that draws it, beside the training until the process
/// ends. Returns the address; port 0 takes any free one.
///
/// # Errors
/// [`ServeError`]: the port.
pub fn watch(run: &Path, port: u16) -> Result<SocketAddr, ServeError> {
    let server = Server::bind(port)?;
    let address = server.address;
    let files = ServeDir::new(run);
    let router =
        Router::new().fallback(async move |request: Request| answer_watcher(files, request).await);
    // Whether anyone can watch is no reason to stop training.
    std::thread::spawn(move || server.run(router));
    Ok(address)
}

/// Listens on this machine's own address.
struct Server {
    runtime: tokio::runtime::Runtime,
    listener: tokio::net::TcpListener,
    address: SocketAddr,
}

impl Server {
    fn bind(port: u16) -> Result<Self, ServeError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ServeError::Stopped)?;
        let taken = |error| ServeError::Port(port, error);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind(address))
            .map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        Ok(Self {
            runtime,
            listener,
            address,
        })
    }

    fn run(self, router: Router) -> Result<(), ServeError> {
        let served = axum::serve(self.listener, router).into_future();
        self.runtime.block_on(served).map_err(ServeError::Stopped)
    }
}

/// The page, or a file of the run that it shows.
async fn answer_watcher(files: ServeDir, request: Request) -> Response {
    const SHOWN: [&str; 3] = [".csv", ".json", ".png"];
    match request.uri().path() {
        "/" => Html(WATCH).into_response(),
        path if SHOWN.iter().any(|end| path.ends_with(end)) => answer(files, request).await,
        _ => StatusCode::NOT_FOUND.into_response(),
    }
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
