#!/usr/bin/env bash
# Makes the Rust of this clone build for wasm32-wasip1.
#
#   setup/wasm-target.sh [--force]      --force: look again, whatever an earlier run found
#
# 1. It works already: nothing is done.
# 2. rustup adds the target to its toolchain. This changes something outside the clone;
#    GRAYLANE_NO_RUSTUP=1 forbids it.
# 3. std is built from the library source of exactly this rustc into target/wasm-sysroot: the source and wasi-libc
#    that are installed, else the distribution's packages, fetched from the mirror that apt here uses (signatures
#    checked; neither apt's state nor the toolchain is touched).
#
# target/setup/wasm-target then holds two lines: which rustc it is for, and the sysroot to use (empty: rustc's own).
# setup/wasm-cargo.sh reads it.
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/wasm-std.sh"

triple=wasm32-wasip1
sysroot=$target/wasm-sysroot
found=$made/wasm-target
pinned=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)

about=$("$rustc" -vV 2>&1) || die "rustc does not start: $(head -n 1 <<<"$about")" \
  "install Rust $pinned: rustup toolchain install $pinned, or your distribution's packages rustc and cargo"
about_line() { sed -n "s/^$1: //p" <<<"$about"; }
version=$(about_line release)
commit=$(about_line commit-hash)
host=$(about_line host)
rustc_id="$version $commit $(command -v "$rustc")"

# The quick way out: an earlier run found or made it, and it is still there.
if [ "${1:-}" != --force ] && [ -f "$found" ]; then
  { read -r seen_id && read -r seen_sysroot; } <"$found" || :
  if [ "$seen_id" = "$rustc_id" ]; then
    # shellcheck disable=SC2086 # no sysroot, no words
    libs=$("$rustc" ${seen_sysroot:+--sysroot "$seen_sysroot"} --print target-libdir --target $triple)
    if compgen -G "$libs/libstd-*.rlib" >/dev/null; then exit 0; fi
  fi
fi

newest_of() { printf '%s\n' "$@" | sort -V | tail -n 1; }
if [ "$(newest_of "$version" "$pinned")" != "$version" ]; then
  die "rustc is $version, graylane needs $pinned or newer" "rustup toolchain install $pinned"
fi
[ "$version" = "$pinned" ] || say "note: rustc is $version, releases are built with $pinned: the module works, its bytes differ"
command -v cc >/dev/null || die "no C compiler: Rust links its build scripts with cc" "apt-get install gcc libc6-dev"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What a filter needs of the target: a reactor cdylib, randomness, a clock, allocation, panics, fat LTO.
cat >"$work/probe.rs" <<'R'
use std::collections::HashMap;
#[unsafe(no_mangle)]
pub extern "C" fn probe(n: u32) -> usize {
    let mut seen = HashMap::new();
    for i in 0..n {
        seen.insert(i, format!("{:?}", std::time::SystemTime::now()));
    }
    assert!(n != 7, "seven");
    seen.len()
}
R
builds() {
  "$rustc" --edition 2024 --crate-type cdylib --target $triple -O -C lto=fat -C panic=abort "$@" \
    -o "$work/probe.wasm" "$work/probe.rs" >"$work/probe.log" 2>&1
}
works() { # works SYSROOT HOW
  write "$found" "$rustc_id
$1"
  say "$triple: $2 (rustc $version)"
  exit 0
}

builds && works "" "works already"
if grep -q 'linker .* not found' "$work/probe.log"; then
  die "$triple is there, but its linker is not: $(grep -m 1 'linker' "$work/probe.log")" "apt-get install lld"
fi

if [ -n "${GRAYLANE_NO_RUSTUP:-}" ]; then
  say "rustup is not asked: GRAYLANE_NO_RUSTUP is set"
elif command -v rustup >/dev/null; then
  say "adds $triple to the rustup toolchain of rustc $version (GRAYLANE_NO_RUSTUP=1 forbids this)"
  if rustup target add $triple >"$work/rustup.log" 2>&1 && builds; then works "" "added by rustup"; fi
  say "rustup could not: $(grep -m 1 -i '^error' "$work/rustup.log" || tail -n 1 "$work/rustup.log")"
fi

say "builds std for $triple into target/wasm-sysroot; this takes a minute or two, once"
build_std
builds --sysroot "$sysroot" || {
  tail -n 5 "$work/probe.log" >&2
  die "std was built into $sysroot, but a probe does not build with it" "rustup target add $triple"
}
works "$sysroot" "private sysroot target/wasm-sysroot"
