#!/usr/bin/env bash
# Builds target/noop.wasm, target/graylane.wasm, target/graylane-telemetry.wasm and target/graylane-watch.wasm: profile
# `module`, no path of this machine in them, packed.
#
#   setup/module.sh [noop] [graylane] [graylane-telemetry] [graylane-watch]      all when none is named
#
# GRAYLANE_PACK names a graylane-pack that is built already.
. "$(dirname "$0")/shell.sh"

[ $# -gt 0 ] || set -- noop graylane graylane-telemetry graylane-watch
lists=setup/pack
raw=$CARGO_TARGET_DIR/wasm32-wasip1/module

# The folders of dependencies are remapped below: on a machine that has built nothing yet, they come now.
cargo fetch --quiet --locked --target wasm32-wasip1

# Paths that rustc would write into the module (panic locations), and what stands there instead. Later ones win.
remap=()
forbid=()
remap_path() { # remap_path FROM TO
  remap+=("--remap-path-prefix=$1=$2")
  forbid+=(--forbid "$1/")
}
[ "${HOME:-/}" = / ] || forbid+=(--forbid "$HOME/")
remap_path "$root" /graylane
remap_path "$CARGO_TARGET_DIR" /target
cargo_home=${CARGO_HOME:-$HOME/.cargo}
remap_path "$cargo_home" /cargo
for sources in "$cargo_home"/registry/src/*/; do
  [ -d "$sources" ] || continue
  sources=${sources%/}
  remap_path "$sources" /deps
  forbid+=(--forbid "$(basename "$sources")") # a registry's folder is named after its host
done
remap_path "$cargo_home/git/checkouts" /deps
sysroot=$("$rustc" --print sysroot)
commit=$("$rustc" -vV | sed -n 's/^commit-hash: //p')
remap_path "$sysroot/lib/rustlib/src/rust" "/rustc/$commit"

# Less inlining and no unrolling: a tenth of the size, and hardly an instruction on the way of a request.
flags=("${remap[@]}" "-Cllvm-args=--inline-threshold=75" "-Cllvm-args=--unroll-threshold=0")
IFS=$'\x1f'
GRAYLANE_WASM_FLAGS="${flags[*]}"
unset IFS
export GRAYLANE_WASM_FLAGS

packages=() quiet=--quiet
for module in "$@"; do
  case $module in
    graylane) packages+=(-p graylane-module) ;;
    graylane-*) packages+=(-p "$module") ;;
    *) packages+=(-p "graylane-$module") ;;
  esac
  [ -f "$target/$module.wasm" ] || quiet='' # the first time takes long enough to be shown
done
setup/wasm-cargo.sh build ${quiet:+"$quiet"} --profile module --lib "${packages[@]}"
pack=${GRAYLANE_PACK:-$CARGO_TARGET_DIR/debug/graylane-pack}
setup/wasm-opt.sh
optimizer=$(cat "$made/wasm-opt")
[ -n "${GRAYLANE_PACK:-}" ] || cargo build ${quiet:+"$quiet"} -p graylane-pack

for module in "$@"; do
  case $module in
    graylane) linked=$raw/graylane_module.wasm ;;
    graylane-*) linked=$raw/${module/-/_}.wasm ;;
    *) linked=$raw/graylane_$module.wasm ;;
  esac
  exports=$lists/module.exports
  budget=400000
  case $module in
    # Whoever wants it small takes the other one.
    graylane-telemetry) exports=$lists/telemetry.exports budget=450000 ;;
    # The watch runs once a process, off the request path, and checks signatures.
    graylane-watch) exports=$lists/watch.exports budget=600000 ;;
  esac
  packed=$target/$module.wasm
  fresh=yes
  for input in "$linked" "$pack" "$made/wasm-opt" "$exports" "$lists/module.forbidden"; do
    [ "$packed" -nt "$input" ] || fresh=
  done
  [ -z "$fresh" ] || continue
  mkdir -p "$target"
  "$pack" "$linked" "$packed" --optimizer "$optimizer" --budget "$budget" --exports "$exports" --forbid-file "$lists/module.forbidden" "${forbid[@]}"
done
