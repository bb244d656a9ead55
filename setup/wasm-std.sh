# shellcheck shell=bash
# shellcheck disable=SC2154 # wasm-target.sh sets what the header names
# Sourced by wasm-target.sh: build_std, the way to a wasm standard library where rustup cannot help.
#
# Reads triple, version, commit, host, rustc, work and sysroot; leaves std for the target in $sysroot.
# The library source must be that of exactly this rustc: std and compiler are one release.

rustup_way="rustup target add wasm32-wasip1 (where rustup can download)"
debian_way="apt-get install libstd-rust-dev-wasm32 (for a rustc from Debian's packages)"

build_std() {
  case $version in *-*) die "rustc $version is no stable release: no distribution has its source" "$rustup_way" ;; esac
  library='' wasi=''
  find_installed
  if [ -z "$library" ] || [ -z "$wasi" ]; then fetch_packages; fi
  for object in libc.a crt1-command.o crt1-reactor.o; do
    [ -f "$wasi/$object" ] || die "wasi-libc in $wasi has no $object" "$rustup_way" "$debian_way"
  done
  compile_std
  assemble_sysroot
}

# Sets library and wasi to what the machine has already.
find_installed() {
  local dir
  for dir in "$("$rustc" --print sysroot)/lib/rustlib/src/rust/library" "/usr/src/rustc-$version/library"; do
    if [ -f "$dir/std/Cargo.toml" ]; then library=$dir; break; fi
  done
  find_wasi /usr/lib
}

find_wasi() { # find_wasi LIB-FOLDER
  local dir
  for dir in "$1/wasm32-wasip1" "$1/wasm32-wasi"; do
    if [ -f "$dir/libc.a" ]; then wasi=$(realpath "$dir"); return; fi
  done
}

# Fetches what find_installed did not find, as packages of the distribution, into $work.
fetch_packages() {
  local tool package from=$work/apt
  for tool in apt-get apt-cache dpkg; do
    command -v $tool >/dev/null || die "std cannot be built: no library source of rustc $version, and no $tool to fetch it" \
      "$rustup_way"
  done
  apt_begin "$from"
  package="wasi-libc"
  [ -n "$library" ] || package="rust-src wasi-libc"
  find_suite "$package" || die "no Debian suite on this machine's mirror has rust-src $version (it must equal rustc's version)" \
    "$rustup_way" "$debian_way"
  say "fetches $picked from $suite"
  # shellcheck disable=SC2086 # a list of packages
  (cd "$from/fetched" && apt "$from" apt-get download $picked) >"$work/apt.log" 2>&1 ||
    die "apt could not fetch $picked: $(tail -n 1 "$work/apt.log")" "$rustup_way"
  for package in "$from"/fetched/*.deb; do dpkg -x "$package" "$work/unpacked"; done
  if [ -z "$library" ]; then library=$(compgen -G "$work/unpacked/usr/src/rustc-*/library"); fi
  [ -f "$library/std/Cargo.toml" ] || die "rust-src has no library/std where it is expected" "$rustup_way"
  find_wasi "$work/unpacked/usr/lib"
  [ -n "$wasi" ] || die "wasi-libc has no libc.a where it is expected" "$rustup_way"
}

# An apt of its own below $1: its lists and archives, this machine's mirror and keys, the system's state untouched.
apt_begin() {
  mkdir -p "$1"/{state/lists/partial,cache/archives/partial,none,fetched}
  : >"$1/state/status"
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  mirror=$(apt-get indextargets --format '$(SITE)|$(ORIGIN)|$(LABEL)|$(CREATED_BY)' 2>/dev/null |
    awk -F'|' '$2 == "Debian" && $3 == "Debian" && $4 == "Packages" { print $1; exit }')
  if [ -z "$mirror" ]; then # its indexes were never fetched, so apt knows no origin yet
    mirror=$(apt-get indextargets --format '$(SITE)|$(CREATED_BY)' 2>/dev/null |
      awk -F'|' '$2 == "Packages" && $1 ~ /debian\/?$/ { print $1; exit }')
  fi
  [ -n "$mirror" ] || die "apt on this machine names no Debian mirror to fetch rust-src $version from" "$rustup_way"
}

apt() { # apt FOLDER COMMAND...
  local at=$1 command=$2
  shift 2
  "$command" -o Dir::Etc::sourcelist="$at/sources.list" -o Dir::Etc::sourceparts="$at/none" \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts="$at/none" \
    -o Dir::State="$at/state" -o Dir::State::status="$at/state/status" -o Dir::Cache="$at/cache" \
    -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 \
    -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false \
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "$@"
}

# Sets suite and picked to the first suite that has every wanted package, rust-src in exactly rustc's version.
# The order keeps the indexes to fetch few: a released suite first.
find_suite() { # find_suite PACKAGES
  local package candidate pattern
  for suite in trixie-backports forky sid trixie; do
    read_index || continue
    picked=''
    for package in $1; do
      pattern=.
      [ "$package" != rust-src ] || pattern="^([0-9]+:)?${version//./\\.}\\+"
      candidate=$(newest_version "$package" "$pattern")
      [ -n "$candidate" ] || continue 2
      picked="$picked $package=$candidate"
    done
    picked=${picked# }
    return 0
  done
  return 1
}

# The package index of $suite, its signature checked; once with a newer keyring when this machine's is too old for it.
read_index() {
  local from=$work/apt
  printf 'deb [arch=%s signed-by=%s] %s %s main\n' "$(dpkg --print-architecture)" "$keyring" "$mirror" "$suite" \
    >"$from/sources.list"
  if apt "$from" apt-get update >"$work/apt.log" 2>&1 && ! grep -qE '^(E|W):' "$work/apt.log"; then return 0; fi
  if grep -q NO_PUBKEY "$work/apt.log" && newer_keyring; then read_index; return; fi
  say "no $suite: $(grep -m 1 -E '^(E|W|Err)' "$work/apt.log" || echo 'its index cannot be read')"
  return 1
}

# The keyring package of the system's own suites, so verified by the keys that this machine trusts already.
newer_keyring() {
  local to=$work/keyring
  [ ! -d "$to" ] || return 1
  mkdir -p "$to"
  (cd "$to" && apt-get -o APT::Sandbox::User=root download debian-archive-keyring) >"$work/keyring.log" 2>&1 || return 1
  dpkg -x "$to"/debian-archive-keyring_*.deb "$to"
  keyring=$to/usr/share/keyrings/debian-archive-keyring.gpg
  [ -f "$keyring" ] || keyring=${keyring%.gpg}.pgp
  [ -f "$keyring" ]
}

newest_version() { # newest_version PACKAGE PATTERN
  local version best=''
  while read -r version; do
    if [ -z "$best" ] || dpkg --compare-versions "$version" gt "$best"; then best=$version; fi
  done < <(apt "$work/apt" apt-cache madison "$1" | awk -F'|' '{ gsub(/ /, "", $2); print $2 }' | grep -E "$2")
  printf %s "$best"
}

# std for $triple, by cargo's build-std. cargo looks for the source in rustc's sysroot, so a throw-away sysroot of
# links (rustc's own host libraries, the library source) stands in for it behind a wrapper.
compile_std() {
  local own stage=$work/stage seed=$work/seed vendored=() flags
  own=$("$rustc" --print sysroot)
  mkdir -p "$stage/lib/rustlib/src/rust" "$seed/src"
  ln -s "$own/lib/rustlib/$host" "$stage/lib/rustlib/$host"
  ln -s "$library" "$stage/lib/rustlib/src/rust/library"
  printf '#!/bin/sh\nexec "%s" --sysroot "%s" "$@"\n' "$(command -v "$rustc")" "$stage" >"$work/rustc"
  chmod +x "$work/rustc"
  printf '[package]\nname = "seed"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n' >"$seed/Cargo.toml"
  : >"$seed/src/lib.rs"
  if [ -d "$library/vendor" ]; then
    vendored=(--offline --config 'source.crates-io.replace-with="std-vendor"'
      --config "source.std-vendor.directory=\"$library/vendor\"")
  fi
  flags=(-L "$wasi" -C embed-bitcode=yes "--remap-path-prefix=$library=/rustc/$commit/library"
    "--remap-path-prefix=$stage/lib/rustlib/src/rust/library=/rustc/$commit/library")
  (
    cd "$seed"
    unset CARGO_BUILD_TARGET RUSTFLAGS RUSTC_WRAPPER
    IFS=$'\x1f'
    CARGO_ENCODED_RUSTFLAGS="${flags[*]}"
    unset IFS
    export CARGO_ENCODED_RUSTFLAGS RUSTC_BOOTSTRAP=1 RUSTC=$work/rustc CARGO_TARGET_DIR=$work/std CARGO_INCREMENTAL=0
    export CARGO_PROFILE_RELEASE_PANIC=abort CARGO_PROFILE_RELEASE_DEBUG=false
    cargo build --release --target "$triple" -Zbuild-std=std,panic_abort,proc_macro "${vendored[@]}"
  ) >"$work/std.log" 2>&1 || {
    tail -n 30 "$work/std.log" >&2
    die "building std for $triple failed" "$rustup_way" "$debian_way"
  }
}

assemble_sysroot() {
  local lib="$work/std/$triple/release/deps" to="$sysroot.new"
  rm -rf "$to"
  mkdir -p "$to/lib/rustlib/$triple/lib/self-contained"
  find "$lib" -name '*.rlib' ! -name 'libseed-*' -exec cp {} "$to/lib/rustlib/$triple/lib/" \;
  cp "$wasi/crt1-command.o" "$wasi/crt1-reactor.o" "$wasi/libc.a" "$to/lib/rustlib/$triple/lib/self-contained/"
  ln -s "$("$rustc" --print sysroot)/lib/rustlib/$host" "$to/lib/rustlib/$host"
  rm -rf "$sysroot"
  mv "$to" "$sysroot"
}
