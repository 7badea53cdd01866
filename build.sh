#!/usr/bin/env bash
# Builds, serves, tests and measures unnoise, after installing what that takes: `./build.sh help`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/unnoise
readonly TOOLS=$CACHE/tools

# CI starts from a fresh checkout: what it compiled must outlive that.
if [[ -n ${CI:-} ]]; then
  : "${CARGO_TARGET_DIR:=$CACHE/target}"
fi
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
readonly WEIGHTS=${WEIGHTS:-weights}

readonly WASM=wasm32-unknown-unknown
readonly NODE_OLDEST=18
readonly WEB=tests/web

usage() {
  cat <<'TEXT'
./build.sh            install what is missing, build the site and serve it (--port N or PORT=N; 8080 or the next free one)
./build.sh site       leave the site in dist/, a folder for any static host
./build.sh test       run every test, in real browsers too
./build.sh bench      print download sizes and times in a real browser

Environment: WEIGHTS, the folder with the exported weights (default weights); CARGO_TARGET_DIR, where cargo builds;
CHROMIUM, CHROMEDRIVER and FIREFOX, browsers that are not on the PATH.
TEXT
}

# --- What it says ---

times=()
current=

say() { printf '   %s\n' "$*"; }

# What was wrong, and what to do.
stop() {
  current=
  printf '\nbuild.sh: %s\n' "$*" >&2
  exit 1
}

# stage TITLE COMMAND...: says what is done, and how long it took.
stage() {
  local title=$1 start=$SECONDS
  shift
  current=$title
  printf '\n== %s\n' "$title"
  "$@"
  times+=("$((SECONDS - start)) $title")
  say "done in $((SECONDS - start)) s"
  current=
}

# The times of all stages.
summary() {
  local line
  printf '\n'
  for line in "${times[@]}"; do printf '%6d s  %s\n' "${line%% *}" "${line#* }"; done
  printf '%6d s  in all\n' "$SECONDS"
}

at_exit() {
  [[ -z $current ]] || printf '\nbuild.sh: failed at: %s\n' "$current" >&2
}

# --- What must be there ---

# have COMMAND...: whether all of them are there.
have() {
  local name
  for name; do command -v "$name" >/dev/null || return; done
}

# limit SECONDS COMMAND...: a server that never answers must not hold the build.
limit() {
  if have timeout; then timeout "$@"; else "${@:2}"; fi
}

# at_least HAVE WANTED: compares versions.
at_least() { [[ $(printf '%s\n' "$2" "$1" | sort -V | head -n1) == "$2" ]]; }

as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# debian PURPOSE PACKAGE...: installs packages.
debian() {
  local purpose=$1
  shift
  have apt-get || stop "$purpose needs $* (Debian's names), and there is no apt-get here: install them, then run this again."
  ((EUID == 0)) || have sudo || stop "$purpose needs packages: run \`apt-get install $*\` as root, then run this again."
  say "installing $*"
  as_root apt-get -qq update >/dev/null || say "the package lists could not be refreshed; trying with those at hand"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "$@" >/dev/null ||
    stop "$* could not be installed for $purpose: is there a network? Otherwise run \`apt-get install $*\` and see what it says."
}

need_rust() {
  local oldest version
  oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  have cargo rustc || stop "Rust is missing: install it as https://rustup.rs says, open a new shell, then run this again."
  version=$(rustc --version | cut -d' ' -f2)
  at_least "$version" "$oldest" || stop "Rust $version is too old, $oldest is needed: run \`rustup update stable\`, then run this again."
  have cc || debian "The linker" gcc libc6-dev
  say "Rust $version"
}

host() { rustc -vV | sed -n 's/^host: //p'; }

need_crates() {
  limit 900 cargo fetch --quiet --locked --target "$(host)" --target "$WASM" || stop "The crates could not be fetched, as cargo says above: is there a network?"
}

# The compiler for the browser: the toolchain's own, or Debian's where rustup's server cannot be reached.
wasm_cargo=(cargo)
wasm_build_std=()
readonly DEBIAN_WASM=(rustc-web cargo-web rust-web-src rust-web-llvm lld-22)

need_wasm_target() {
  local library
  library=$(rustc --print target-libdir --target "$WASM")
  [[ ! -d $library ]] || return 0
  if ! dpkg -s "${DEBIAN_WASM[@]}" >/dev/null 2>&1; then
    say "adding the target $WASM"
    if have rustup && limit 300 rustup target add "$WASM"; then return; fi
    say "rustup could not add it; taking Debian's compiler"
    debian "The target $WASM, which rustup did not bring," "${DEBIAN_WASM[@]}"
  fi
  wasm_cargo=(env RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 /usr/bin/cargo)
  wasm_build_std=(-Z 'build-std=std,panic_abort')
}

# The command line tool must be of the same version as the crate.
need_wasm_bindgen() {
  local version
  version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p;}' Cargo.lock)
  [[ $("$TOOLS/bin/wasm-bindgen" --version 2>/dev/null) == "wasm-bindgen $version" ]] && return
  say "installing wasm-bindgen $version (a few minutes)"
  # Not --locked: its lock file names a crate that was withdrawn.
  env -u CARGO_TARGET_DIR cargo install --quiet wasm-bindgen-cli --version "$version" --no-default-features --root "$TOOLS" ||
    stop "wasm-bindgen $version could not be installed: is there a network?"
}

need_node() {
  have node npm || stop "Node is missing: install version $NODE_OLDEST or later from https://nodejs.org or your system (nodejs, npm), then run this again."
  local version
  version=$(node --version)
  at_least "${version#v}" "$NODE_OLDEST" || stop "Node $version is too old: $NODE_OLDEST or later is needed."
  if [[ $WEB/node_modules/.package-lock.json -nt $WEB/package-lock.json ]]; then return; fi
  say "installing the packages of $WEB/package.json"
  limit 300 npm --prefix "$WEB" ci --silent --no-fund --no-audit || stop "The packages of $WEB could not be installed: is there a network?"
  touch "$WEB/node_modules/.package-lock.json"
}

first_of() {
  local name
  for name in "$@"; do command -v "$name" && return; done
}

need_chromium() {
  export CHROMIUM CHROMEDRIVER
  CHROMIUM=${CHROMIUM:-$(first_of chromium chromium-browser google-chrome || true)}
  CHROMEDRIVER=${CHROMEDRIVER:-$(first_of chromedriver || true)}
  if [[ -z $CHROMIUM || -z $CHROMEDRIVER ]]; then
    debian "The tests in Chromium" chromium chromium-driver
    CHROMIUM=$(first_of chromium) CHROMEDRIVER=$(first_of chromedriver)
  fi
}

need_firefox() {
  export FIREFOX
  FIREFOX=${FIREFOX:-$(first_of firefox-esr firefox || true)}
  if [[ -z $FIREFOX ]]; then
    debian "The tests in Firefox" firefox-esr
    FIREFOX=$(first_of firefox-esr)
  fi
}

need_site_tools() {
  need_rust
  need_crates
  need_wasm_target
  need_wasm_bindgen
}

need_bench_tools() {
  need_node
  need_chromium
}

need_test_tools() {
  need_bench_tools
  need_firefox
}

# --- The site ---

# In the target's own variable: build scripts and macros are not rebuilt for it.
wasm() {
  env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="-C target-feature=+simd128,+bulk-memory" \
    "${wasm_cargo[@]}" "$1" "${wasm_build_std[@]}" --target "$WASM" "${@:2}"
}

# bundle NAME FEATURE: one wasm module and its JavaScript. No wasm-opt: measured, it makes the download larger, and the
# network no faster.
bundle() {
  local name=$1 feature=$2
  local built=$CARGO_TARGET_DIR/$WASM/wasm-$name/unnoise.wasm out=$CARGO_TARGET_DIR/site/$name bindgen=$TOOLS/bin/wasm-bindgen
  wasm build --profile "wasm-$name" --lib --no-default-features --features "web,$feature"
  local made=$out/unnoise_bg.wasm
  [[ $made -nt $built && $made -nt $bindgen && $made -nt build.sh ]] ||
    "$bindgen" --target web --no-typescript --remove-name-section --remove-producers-section --out-name unnoise --out-dir "$out" "$built"
}

assemble() {
  local name
  [[ -f $WEIGHTS/manifest.json ]] ||
    stop "$WEIGHTS holds no weights: train and export them (\`unnoise data\`, \`unnoise train unet\`, \`unnoise export\`), or name their folder with WEIGHTS=DIR."
  rm -rf dist
  mkdir -p dist/wasm dist/weights
  cp -R www/. dist/
  cp -R "$WEIGHTS/." dist/weights/
  for name in cpu gpu; do
    mkdir "dist/wasm/$name"
    cp "$CARGO_TARGET_DIR/site/$name"/unnoise{.js,_bg.wasm} "dist/wasm/$name/"
  done
  say "dist/: $(du -sh dist | cut -f1)"
}

build_site() {
  stage "the CPU bundle" bundle cpu flex
  stage "the WebGPU bundle" bundle gpu webgpu
  stage "dist/" assemble
}

# --- Serving ---

free_port() {
  local port
  for port in {8080..8180}; do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port" && return; }
  done
  stop "The ports 8080 to 8180 are all taken: choose another with --port N."
}

serve() {
  local port=$1
  stage "the command line" cargo build --release
  port=${port:-$(free_port)}
  summary
  exec "$CARGO_TARGET_DIR/release/unnoise" serve --port "$port" --site dist
}

# --- Tests ---

passed=0
failed=0

# counted COMMAND...: adds the tests that the command reports to the sum.
counted() {
  local log status=0 p f
  log=$(mktemp)
  "$@" 2>&1 | tee "$log" || status=$?
  # "test result: ok. 7 passed; 0 failed; …" from cargo, "7 passed, 0 failed" from the browsers.
  read -r p f < <(sed -nE 's/^(test result: .*[^0-9])?([0-9]+) passed[;,] ([0-9]+) failed.*/\2 \3/p' "$log" | awk '{ p += $1; f += $2 } END { print p + 0, f + 0 }')
  rm -f "$log"
  passed=$((passed + p)) failed=$((failed + f))
  return "$status"
}

# With the second opinion of burn-ndarray, which some tests compare with.
readonly TESTED=(--release --features ndarray)

lint() {
  cargo clippy "${TESTED[@]}" --all-targets -- -D warnings
}

# The binding and its tests, which the command above does not see.
lint_web() {
  if ((${#wasm_build_std[@]})); then
    say "left out: Debian's compiler has no clippy"
    return
  fi
  wasm clippy --profile wasm-cpu --lib --test web --no-default-features --features web,flex -- -D warnings
}

document() {
  RUSTDOCFLAGS="-D warnings" cargo doc "${TESTED[@]}" --no-deps --lib
}

test_crate() {
  cargo test "${TESTED[@]}"
}

# Every feature alone; `web` is built with each of its two backends for the site.
check_features() {
  local feature
  check default
  for feature in native flex ndarray wgpu webgpu; do check "$feature"; done
  # Their build scripts would download LLVM and LibTorch, which a check has no use for.
  DOCS_RS=1 check cuda
  check tch --config "target.$(host).tch.libtorch_lib=''"
}

# check FEATURE OPTION...: whether the crate compiles with one feature alone.
check() {
  say "--features $1"
  cargo check --release --quiet --no-default-features --features "$@"
}

test_binding() {
  # The flags and features of the CPU bundle, so that nothing is compiled twice.
  CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=$TOOLS/bin/wasm-bindgen-test-runner WASM_BINDGEN_TEST_WEBDRIVER_JSON=$PWD/$WEB/webdriver.json \
    wasm test --profile wasm-cpu --no-default-features --features web,flex --test web
}

test_browsers() {
  node "$WEB/run.mjs" --site dist --weights "$WEIGHTS" --native "$CARGO_TARGET_DIR/release/unnoise"
}

run_tests() {
  stage "what the build needs" need_site_tools
  stage "what the tests need" need_test_tools
  stage "format" cargo fmt --check
  stage "lints" lint
  stage "documentation" document
  stage "tests of the crate" counted test_crate
  stage "every feature alone" check_features
  stage "lints of the binding" lint_web
  build_site
  stage "tests of the binding, in Chromium" counted test_binding
  stage "tests of the site: Chromium, Chromium with WebGPU, Firefox" counted test_browsers
}

# --- Entry ---

main() {
  local command=serve port=${PORT:-}
  [[ $# -gt 0 && $1 != --* ]] && command=$1 && shift
  case ${1:-} in
    --port) port=${2:?--port needs a number} ;;
    --help) command=help ;;
    '') ;;
    *) stop "There is no option \"$1\": see \`./build.sh help\`." ;;
  esac
  trap at_exit EXIT
  case $command in
    serve)
      stage "what the build needs" need_site_tools
      build_site
      serve "$port"
      ;;
    site)
      stage "what the build needs" need_site_tools
      build_site
      ;;
    test)
      run_tests
      summary
      printf '\n%d passed, %d failed\n' "$passed" "$failed"
      ;;
    bench)
      stage "what the build needs" need_site_tools
      stage "what the measurement needs" need_bench_tools
      build_site
      node "$WEB/bench.mjs" --site dist
      ;;
    help) usage ;;
    *) stop "There is no command \"$command\": see \`./build.sh help\`." ;;
  esac
}

main "$@"
