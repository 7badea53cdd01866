#!/usr/bin/env bash
# tower-http: ServeDir with precompressed_br() answers in brotli to whoever takes it. 0.6.11 does so without "Vary", so
# that a cache may hand the compressed file to whoever does not; 0.7.1 sends it.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
export CARGO_TARGET_DIR=${FINDINGS_TARGET:-$folder/target}
mkdir src
cat >src/main.rs <<'RUST'
use http::{Request, header};
use tower::ServiceExt;
use tower_http::services::ServeDir;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = std::env::temp_dir().join(format!("precompressed-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.txt"), "a").unwrap();
    std::fs::write(folder.join("a.txt.br"), [0x0b, 0x00, 0x80, 0x61, 0x03]).unwrap();
    let request = Request::get("/a.txt").header(header::ACCEPT_ENCODING, "br").body(String::new()).unwrap();
    let answer = ServeDir::new(&folder).precompressed_br().oneshot(request).await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(answer.headers()[header::CONTENT_ENCODING], "br");
    println!("{:?}", answer.headers().get(header::VARY));
}
RUST
vary() {
  cat >Cargo.toml <<TOML
[package]
name = "tower-http-vary"
version = "0.0.0"
edition = "2024"
[dependencies]
http = "1"
tokio = { version = "1", features = ["rt", "macros"] }
tower = { version = "0.5", features = ["util"] }
tower-http = { version = "=$1", features = ["fs"] }
TOML
  cargo run --quiet --release
}
old=$(vary 0.6.11) new=$(vary 0.7.1)
echo "tower-http 0.6.11: Vary is $old; 0.7.1: $new"
[ "$old" = None ] && [ "$new" = 'Some("accept-encoding")' ]
