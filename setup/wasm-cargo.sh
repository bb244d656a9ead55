#!/usr/bin/env bash
# cargo for the wasm target, with the sysroot that wasm-target.sh found.
#
#   setup/wasm-cargo.sh build|clippy|doc ... [-- ...]
#
# GRAYLANE_WASM_FLAGS: further rustc flags, separated by the unit separator (0x1f) as cargo's own encoded flags are.
. "$(dirname "$0")/shell.sh"

found=$made/wasm-target
[ -f "$found" ] || die "the wasm target is not set up" "make setup"
sysroot=$(sed -n 2p "$found")
flags=${GRAYLANE_WASM_FLAGS:-}
if [ -n "$sysroot" ]; then flags="--sysroot"$'\x1f'"$sysroot${flags:+$'\x1f'$flags}"; fi
command=$1
shift
CARGO_ENCODED_RUSTFLAGS=$flags exec cargo "$command" --target wasm32-wasip1 "$@"
