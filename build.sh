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
readonly NODE_OLDEST=20.19
# Of the pinned packages that build and test the Python package, which itself takes an older one.
readonly PYTHON_OLDEST=3.11
readonly WEB=tests/web
readonly VENDOR=$CARGO_TARGET_DIR/site/vendor
readonly VENV=$CARGO_TARGET_DIR/python
readonly DOCS=$CARGO_TARGET_DIR/doc-javascript

usage() {
  cat <<'TEXT'
./build.sh            install what is missing, build the site and serve it (--port N or PORT=N; 8080 or the next free one)
./build.sh site       leave the site in dist/, a folder for any static host
./build.sh python     leave the Python package for notebooks in python/dist/, as a wheel and as a source distribution
./build.sh docs       leave the documentation of the crate and of the JavaScript library
./build.sh test       run every test, in real browsers too
./build.sh bench      print download sizes and times, in a real browser and natively, beside those of an earlier commit
./build.sh bench --peers   print times beside those of onnxruntime-web (--int8 FILE: beside its int8 as well)

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

# need_packages FOLDER: those of its package-lock.json.
need_packages() {
  if [[ $1/node_modules/.package-lock.json -nt $1/package-lock.json ]]; then return; fi
  say "installing the packages of $1/package.json"
  limit 300 npm --prefix "$1" ci --silent --no-fund --no-audit || stop "The packages of $1 could not be installed: is there a network?"
  touch "$1/node_modules/.package-lock.json"
}

need_node() {
  have node npm || stop "Node is missing: install version $NODE_OLDEST or later from https://nodejs.org or your system (nodejs, npm), then run this again."
  local version
  version=$(node --version)
  at_least "${version#v}" "$NODE_OLDEST" || stop "Node $version is too old: $NODE_OLDEST or later is needed."
}

# The packages of python/requirements.txt, in an environment of their own.
need_python() {
  have python3 || stop "Python is missing: install version $PYTHON_OLDEST or later from https://www.python.org or your system (python3, python3-venv), then run this again."
  local version
  version=$(python3 -c 'import platform; print(platform.python_version())')
  at_least "$version" "$PYTHON_OLDEST" || stop "Python $version is too old: $PYTHON_OLDEST or later is needed."
  if cmp -s python/requirements.txt "$VENV/requirements.txt"; then return; fi
  say "installing the packages of python/requirements.txt (a few minutes)"
  rm -rf "$VENV"
  python3 -m venv "$VENV" || stop "Python has no working venv, as it says above: install it (Debian's python3-venv), then run this again."
  limit 900 "$VENV/bin/pip" install --quiet --disable-pip-version-check --requirement python/requirements.txt ||
    stop "The packages of python/requirements.txt could not be installed: is there a network?"
  cp python/requirements.txt "$VENV/"
}

# What the page takes from others.
need_vendor() {
  need_node
  mkdir -p "$VENDOR"
  cmp -s {www/vendor,"$VENDOR"}/package-lock.json || cp www/vendor/package{,-lock}.json "$VENDOR"
  need_packages "$VENDOR"
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
  need_vendor
}

need_docs_tools() {
  need_rust
  need_crates
  need_node
  need_packages "$WEB"
}

need_bench_tools() {
  need_node
  need_packages "$WEB"
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

# minify FILE...: modules and scripts without their comments, but for those that bundlers obey, and with short names.
minify() {
  NODE_PATH=$VENDOR/node_modules node - "$@" <<'JS'
const fs = require('node:fs');
const { minify } = require('terser');
const options = { ecma: 2022, compress: { passes: 2 }, format: { comments: /webpackIgnore|@vite-ignore/ } };
const shorten = async (file) => {
  const source = fs.readFileSync(file, 'utf8');
  fs.writeFileSync(file, (await minify(source, { ...options, module: /^(import|export)\b/m.test(source) })).code);
};
Promise.all(process.argv.slice(2).map(shorten));
JS
}

# bundle NAME FEATURE PROFILE: one wasm module and its JavaScript. No wasm-opt: measured, it makes the download larger, and the
# network no faster.
bundle() {
  local name=$1 feature=$2 profile=$3
  local built=$CARGO_TARGET_DIR/$WASM/$profile/unnoise.wasm out=$CARGO_TARGET_DIR/site/$name bindgen=$TOOLS/bin/wasm-bindgen
  wasm build --profile "$profile" --lib --no-default-features --features "web,$feature"
  local made=$out/unnoise_bg.wasm
  if [[ $made -nt $built && $made -nt $bindgen && $made -nt build.sh ]]; then return; fi
  "$bindgen" --target web --no-typescript --remove-name-section --remove-producers-section --out-name unnoise --out-dir "$out" "$built"
  minify "$out/unnoise.js"
}

# The chapters of the lesson, in their order: that in which index.html includes them.
chapters() {
  local name
  for name in $(sed -nE 's#^ *<!-- include chapters/(.+)/.+ -->$#\1#p' www/index.html); do
    if grep -q 'class="chapter"' "www/chapters/$name/$name.html"; then echo "$name"; fi
  done
}

# number_chapters: the page from the input, with the numbers and titles of chapters filled in. A number is the chapter's
# place; its title, and what the contents say of it, stand in its section.
#   <!-- number NAME -->   its number
#   <!-- link NAME -->     its number and title, as a link
#   <!-- contents -->      an entry for each
number_chapters() {
  local name file title about number=0 contents='' edits=()
  for name in $(chapters); do
    file=www/chapters/$name/$name.html
    title=$(sed -nE 's#.*<h2[^>]*>(.+)</h2>.*#\1#p' "$file")
    about=$(sed -nE 's#.*<section.* data-about="([^"]+)".*#\1#p' "$file")
    [[ -n $title && -n $about ]] || stop "$file needs an h2 with its title, and data-about in its section: the contents name both."
    number=$((number + 1))
    edits+=(-e "s|<!-- number $name -->|$number|g" -e "s|<!-- link $name -->|<a href=\"#at=$name\">Chapter $number · ${title//&/\\&}</a>|g")
    contents+="    <li><a href=\"#at=$name\"><b>$title</b><span>$about</span></a></li>\\"$'\n'
  done
  contents=${contents//&/\\&}
  sed -E "${edits[@]}" -e "s|^ *<!-- contents -->\$|${contents%\\$'\n'}|"
}

# The page, with each chapter in the place of the line that includes it.
join_chapters() {
  local line include='^ *<!-- include (.+) -->$'
  while IFS= read -r line; do
    if [[ $line =~ $include ]]; then cat "www/${BASH_REMATCH[1]}"; else printf '%s\n' "$line"; fi
  done <www/index.html
}

# One stylesheet of all that the page and its chapters have, in the page's order: the link of a chapter would hold up
# everything below it, and with that the scripts that wait for the whole page.
join_styles() {
  local sheet
  for sheet in $(join_chapters | sed -n 's/.*<link rel="stylesheet" href="\(.*\)">.*/\1/p'); do
    cat "dist/$sheet"
    rm "dist/$sheet"
  done >dist/joined.css
  mv dist/joined.css dist/style.css
}

# Of a file, or, with -, of the input.
sha256() {
  if have sha256sum; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -c1-16
}

# map_files FOLDER: copies the bundles and the weights there under names with their hashes, and prints the module by which
# the library, in a folder of FOLDER, finds them. Bundlers understand its addresses.
map_files() {
  local folder=$1 name from file
  cat <<'JS'
// Where the library's files lie, and their bytes. An address is made when it is asked for: there is none beside a module that
// came as a text.

/** @typedef {{ url: string, bytes: number }} Place */

/** @type {Record<string, Place>} */
export const MAP = {
JS
  for name in wasm/{cpu,relaxed,training,gpu}/unnoise{.js,_bg.wasm} "$WEIGHTS"/*.{json,safetensors}; do
    case $name in
      wasm/*) from=$CARGO_TARGET_DIR/site/${name#wasm/} ;;
      *) from=$WEIGHTS/${name##*/} name=weights/${name##*/} ;;
    esac
    file=${name%.*}.$(sha256 "$from").${name##*.}
    mkdir -p "$folder/${file%/*}"
    cp "$from" "$folder/$file"
    printf "  '%s': { get url() { return new URL('../%s', import.meta.url).href; }, bytes: %d },\n" "$name" "$file" "$(wc -c <"$from")"
  done
  printf '};\n'
}

# vendor NAME FILE: puts a package's file into the site, with its licence.
vendor() {
  sed '/^\/\/# sourceMappingURL=/d' "$VENDOR/node_modules/$1/$2" >"dist/vendor/$1.js"
  cp "$VENDOR/node_modules/$1"/LICENSE* "dist/vendor/$1.LICENSE"
}

# deck: the slides, with what they need of reveal.js.
deck() {
  local reveal=$VENDOR/node_modules/reveal.js
  cp -R docs/deck dist/
  cp "$reveal"/dist/{reveal.mjs,reveal.css,plugin/notes.mjs} dist/deck/
  cp "$reveal/LICENSE" dist/deck/reveal.js.LICENSE
}

# seal FOLDER NAME...: moves these into a folder of FOLDER that is named by a hash of all that they hold, and prints its
# name. So no browser ever mixes the modules of two sites, whatever it has kept of the older one.
seal() {
  local folder=$1 hash
  shift
  hash=$(cd "$folder" && find "$@" -type f | LC_ALL=C sort | while read -r file; do echo "$file $(sha256 "$file")"; done | sha256 -)
  mkdir "$folder/$hash"
  (cd "$folder" && mv "$@" "$hash")
  echo "$hash"
}

# seal_library: the library's modules, and the two files by which they are found.
seal_library() {
  local modules hash
  map_files dist/unnoise >dist/unnoise/map.js
  modules=$(cd dist/unnoise && echo *.js *.ts)
  # shellcheck disable=SC2086 # names without spaces
  hash=$(seal dist/unnoise $modules)
  printf "\n/** The folder of the library's modules. */\nexport const FOLDER = '%s/';\n" "$hash" >>"dist/unnoise/$hash/map.js"
  echo "export * from './$hash/unnoise.js';" | tee dist/unnoise/unnoise.d.ts >dist/unnoise/unnoise.js
  echo "$hash"
}

# list_files: the site's files for its service worker, each with its sum, and a sum over all of them.
list_files() {
  local name list
  list=$(
    cd dist
    find . -type f ! -name service-worker.js ! -name '*.d.ts' ! -path './unnoise/*.md' ! -path './unnoise/LICENSE*' ! -path './unnoise/package.json' | LC_ALL=C sort | while read -r name; do
      printf "  '%s': { sum: '%s', bytes: %d },\n" "${name#./}" "$(sha256 "$name")" "$(wc -c <"$name")"
    done
  )
  printf "const FILES = {\n%s\n};\nconst VERSION = '%s';\n\n" "$list" "$(sha256 - <<<"$list")"
}

# in_place FILE EDIT...: edits a file by sed's commands.
in_place() {
  sed "${@:2}" "$1" >"$1.new"
  mv "$1.new" "$1"
}

# compress FOLDER: leaves a brotli file beside each that it makes smaller, for `unnoise serve` and for hosts that look
# for such files. The hardest setting takes a minute, so that the results are kept by their content's hash.
compress() {
  node - "$1" "$CARGO_TARGET_DIR/site/brotli" <<'JS'
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');
const { brotliCompress, constants } = require('node:zlib');
const [folder, kept] = process.argv.slice(2);
const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 };
const compress = async (file) => {
  const bytes = fs.readFileSync(file);
  const known = path.join(kept, createHash('sha256').update(bytes).digest('hex'));
  if (!fs.existsSync(known)) {
    fs.writeFileSync(`${known}.part`, await promisify(brotliCompress)(bytes, { params }));
    fs.renameSync(`${known}.part`, known);
  }
  if (fs.statSync(known).size < 0.98 * bytes.length) fs.copyFileSync(known, `${file}.br`);
};
fs.mkdirSync(kept, { recursive: true });
const files = fs.readdirSync(folder, { recursive: true }).map((name) => path.join(folder, name));
Promise.all(files.filter((file) => fs.statSync(file).isFile() && !/(\.md|LICENSE.*)$/.test(file)).map(compress));
JS
}

assemble() {
  [[ -f $WEIGHTS/manifest.json ]] ||
    stop "$WEIGHTS holds no weights: train and export them (\`unnoise data\`, \`unnoise train unet\`, \`unnoise export\`), or name their folder with WEIGHTS=DIR."
  rm -rf dist
  mkdir dist
  cp -R www/. dist/
  rm dist/chapters/*/*.html dist/vendor/package*.json
  cp LICENSE-* dist/unnoise/
  vendor gifenc dist/gifenc.esm.js
  vendor mediabunny dist/bundles/mediabunny.min.mjs
  vendor uqr dist/index.mjs
  minify dist/{page,page/formats,unnoise,chapters/*}/*.js dist/guard.js
  local library page line recorded=dist/chapters/generate/recording
  # Another network draws otherwise than the one that was recorded.
  [[ $(sha256 "$WEIGHTS/unet.safetensors") == "$(<"$recorded.of")" ]] || rm "$recorded.webp"
  rm "$recorded.of"
  library=$(seal_library)
  in_place dist/page/main.js -e "s|\([\"']\)\.\./unnoise/|\1../../unnoise/$library/|"
  join_styles
  page=$(seal dist page chapters vendor style.css)
  deck
  join_chapters | sed -E '/<link rel="stylesheet" href="(page|chapters)\//d' | number_chapters >dist/index.html
  if [[ ! -f dist/$page/chapters/generate/recording.webp ]]; then
    say "no recording for while the network loads: node tests/web/record.mjs --site dist --weights $WEIGHTS makes one of these weights, for the next build"
    in_place dist/index.html -e '/id="recording-film"/d'
  fi
  if line=$(grep -nE '<!-- (number|link|contents)' dist/index.html); then stop "There is no such chapter in index.html: $line"; fi
  in_place dist/index.html -E -e "s#(href|src)=\"(page/|chapters/|style\.css)#\1=\"$page/\2#" -e "s#href=\"unnoise/#&$library/#"
  { list_files && grep '^const RELAXED = ' www/unnoise/backends.js && cat www/service-worker.js; } >dist/service-worker.js
  compress dist
  say "dist/: $(du -sh dist | cut -f1)"
}

build_site() {
  stage "the CPU bundle" bundle cpu flex wasm-cpu
  # A module is validated whole: what only some browsers can do takes a bundle of its own.
  stage "the CPU bundle with relaxed SIMD" bundle relaxed relaxed-simd wasm-cpu
  # Nobody waits for it before the first digit.
  stage "the CPU bundle that trains" bundle training training wasm-cpu
  stage "the WebGPU bundle" bundle gpu webgpu wasm-gpu
  stage "dist/" assemble
}

# --- The Python package ---

# python_files: what it carries of the site: the front end as one module, and what that asks for, by its name and by gzip,
# which browsers can undo.
python_files() {
  local out=python/src/unnoise/static library file name
  library=$(dirname dist/unnoise/*/worker.js)
  rm -rf "$out" python/dist
  mkdir -p "$out"/{wasm/{cpu,relaxed},weights}
  cp LICENSE-* python/
  cp python/widget/widget.css "$out/"
  "$VENDOR/node_modules/.bin/esbuild" python/widget/widget.js --bundle --minify --format=esm --target=es2022 --log-level=warning --outfile="$out/widget.js" \
    "--alias:unnoise=./dist/unnoise/unnoise.js" "--define:BUILD=\"${library##*/} $(sha256 <(cat python/widget/*.js))\""
  gzip -9n <"$library/worker.js" >"$out/worker.js.gz"
  for file in dist/unnoise/{wasm/{cpu,relaxed},weights}/*; do
    name=${file#dist/unnoise/}
    case $name in
      *.br | weights/digits.* | weights/grid-*) ;; # what only hosts need, or training, or tables
      *) gzip -9n <"$file" >"$out/${name%.*.*}.${name##*.}.gz" ;;
    esac
  done
}

# The source distribution, and the wheel made of that.
package_python() {
  python_files
  "$VENV/bin/python" -m build --no-isolation --outdir python/dist python >/dev/null
  say "python/dist/: $(du -ch python/dist/*.whl | tail -n1 | cut -f1)"
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
  # "test result: ok. 7 passed; 0 failed; …" from cargo, "7 passed, 0 failed" from the browsers and from Python.
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
  wasm clippy --profile wasm-cpu --lib --test web --no-default-features --features web,training -- -D warnings
}

document() {
  RUSTDOCFLAGS="-D warnings" cargo doc "${TESTED[@]}" --no-deps --lib
}

# The JavaScript library's types as pages; what they name and do not explain is an error.
document_library() {
  node "$WEB/node_modules/typedoc/bin/typedoc" --tsconfig "$WEB/tsconfig.docs.json" --logLevel Warn --out "$DOCS"
}

test_crate() {
  cargo test "${TESTED[@]}"
}

# What a stranger gets of the crate: packed as for crates.io, with what is changed and not committed too, and checked where
# it is unpacked. `cargo package` would check it by compiling every dependency once more, without optimisation.
package_crate() {
  local folder=$CARGO_TARGET_DIR/package packed
  rm -rf "$folder"
  cargo package --quiet --allow-dirty --no-verify --offline
  packed=$(echo "$folder"/unnoise-*.crate)
  say "${packed##*/}: $(du -h "$packed" | cut -f1)"
  # The most that crates.io takes is 10 MB.
  (($(wc -c <"$packed") < 10000000)) || stop "$packed is too large for crates.io: leave something out in Cargo.toml."
  tar -xzf "$packed" -C "$folder"
  (cd "${packed%.crate}" && cargo check "${TESTED[@]}" --quiet --locked --all-targets)
}

# Damaged input for every reader, a minute each, side by side.
fuzz() {
  UNNOISE_FUZZ_SECONDS=60 cargo test "${TESTED[@]}" --test fuzz -- --test-threads 4
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

# Of what a reader installs, not of what lies here.
test_python() {
  "$VENV/bin/pip" install --quiet --disable-pip-version-check --no-deps --force-reinstall python/dist/*.whl
  "$VENV/bin/python" python/tests/run.py
}

test_browsers() {
  node "$WEB/run.mjs" --site dist --weights "$WEIGHTS" --native "$CARGO_TARGET_DIR/release/unnoise" --python "$VENV"
}

run_tests() {
  stage "what the build needs" need_site_tools
  stage "what the tests need" need_test_tools
  stage "what the Python package needs" need_python
  stage "format" cargo fmt --check
  stage "lints" lint
  stage "documentation" document
  stage "documentation of the JavaScript library" document_library
  stage "tests of the crate" counted test_crate
  stage "damaged input, for a minute" counted fuzz
  stage "the package" package_crate
  stage "every feature alone" check_features
  stage "lints of the binding" lint_web
  build_site
  stage "tests of the binding, in Chromium" counted test_binding
  stage "the Python package" package_python
  stage "tests of the Python package" counted test_python
  stage "tests of the site: Chromium, Chromium with WebGPU, Firefox" counted test_browsers
}

# --- Measurements ---

# The commit that measurements are compared with: the last one that computed by Burn's own operators alone.
readonly BEFORE=767b17245bb67103a364f12c10d00364cdca3b0f
readonly BEFORE_FOLDER=$CACHE/before/$BEFORE

# Its site and command line, built by itself and kept; one that is there already is not built again.
build_before() {
  local part=$BEFORE_FOLDER.part
  if [[ -d $BEFORE_FOLDER ]]; then return; fi
  rm -rf "$part"
  mkdir -p "$part/source" "$part/kept"
  git archive "$BEFORE" | tar -x -C "$part/source"
  (
    cd "$part/source"
    export CARGO_TARGET_DIR=$part/target WEIGHTS=weights
    ./build.sh site
    cargo build --release
  )
  mv "$part/source/dist" "$part/target/release/unnoise" "$part/kept/"
  mv "$part/kept" "$BEFORE_FOLDER"
  rm -rf "$part"
}

bench() {
  local options=(--site dist --weights "$WEIGHTS" --native "$CARGO_TARGET_DIR/release/unnoise" "$@")
  stage "what the build needs" need_site_tools
  stage "what the measurement needs" need_bench_tools
  build_site
  stage "the command line" cargo build --release
  if [[ " $* " == *" --peers "* ]]; then :
  elif git cat-file -e "$BEFORE^{commit}" 2>/dev/null; then
    stage "the build before, of ${BEFORE:0:7}" build_before
    options+=(--before "$BEFORE_FOLDER")
  else
    say "there is no history here: nothing is compared with an earlier build"
  fi
  node "$WEB/bench.mjs" "${options[@]}"
}

# --- Entry ---

main() {
  local command=serve port=${PORT:-} peers=()
  [[ $# -gt 0 && $1 != --* ]] && command=$1 && shift
  case ${1:-} in
    --port) port=${2:?--port needs a number} ;;
    --help) command=help ;;
    --peers)
      [[ $command == bench ]] || stop "--peers belongs to \`./build.sh bench\`."
      peers=(--peers)
      ;;
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
    docs)
      stage "what the documentation needs" need_docs_tools
      stage "documentation" document
      stage "documentation of the JavaScript library" document_library
      say "$CARGO_TARGET_DIR/doc/unnoise/index.html, $DOCS/index.html"
      ;;
    python)
      stage "what the build needs" need_site_tools
      stage "what the Python package needs" need_python
      build_site
      stage "the Python package" package_python
      ;;
    test)
      run_tests
      summary
      printf '\n%d passed, %d failed\n' "$passed" "$failed"
      ;;
    bench) bench "${peers[@]}" ;;
    help) usage ;;
    *) stop "There is no command \"$command\": see \`./build.sh help\`." ;;
  esac
}

main "$@"
