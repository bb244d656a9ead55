#!/usr/bin/env bash
# Builds the modules twice, from two copies of the tree in folders of different names and depths and under different
# cargo homes, and compares them byte by byte; and so the images that they are put into.
#
#   setup/reproducible.sh [noop] [graylane] [graylane-telemetry]      all when none is named
. "$(dirname "$0")/shell.sh"

[ $# -gt 0 ] || set -- noop graylane graylane-telemetry
cargo build --quiet -p graylane-pack -p graylane-image
export GRAYLANE_PACK=$CARGO_TARGET_DIR/debug/graylane-pack GRAYLANE_IMAGE=$CARGO_TARGET_DIR/debug/graylane-image
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
setup/wasm-opt.sh
WASM_OPT=$(cat "$made/wasm-opt")
export WASM_OPT
unset CARGO_TARGET_DIR # each copy builds into its own

# A cargo home of another name, with the same content: what it has fetched is fetched once.
real=${CARGO_HOME:-$HOME/.cargo}
mkdir -p "$work/home of another" "$work/one" "$work/some/where/else"
for entry in "$real"/* "$real"/.[!.]*; do
  [ -e "$entry" ] && ln -s "$entry" "$work/home of another/"
done

build_in() { # build_in FOLDER CARGO-HOME MODULE...
  local to=$1 home=$2
  shift 2
  git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    if [ -f "$file" ]; then printf '%s\0' "$file"; fi
  done | xargs -0 cp --parents -t "$to"
  mkdir -p "$to/target"
  if [ -d "$target/wasm-sysroot" ]; then cp -a "$target/wasm-sysroot" "$to/target/"; fi
  say "builds in $to, cargo home $home"
  (cd "$to" && export CARGO_HOME=$home && setup/wasm-target.sh && setup/module.sh "$@")
}
build_in "$work/one" "$real" "$@"
build_in "$work/some/where/else" "$work/home of another" "$@"

for module in "$@"; do
  one=$work/one/target/$module.wasm other=$work/some/where/else/target/$module.wasm
  cmp "$one" "$other" || die "$module.wasm differs between two builds of the same tree"
  say "$module.wasm is the same in both: $(sha256sum <"$one" | cut -d' ' -f1)"
done

case " $* " in *" graylane "*) ;; *) exit 0 ;; esac
# The images, by users who differ in their time zone, their umask and the age of their files.
export SOURCE_DATE_EPOCH=1700000000
(cd "$work/one" && umask 022 && TZ=UTC setup/image.sh 2>/dev/null)
touch -d 2001-01-01 "$work/some/where/else/target/graylane.wasm"
(cd "$work/some/where/else" && umask 077 && TZ=Asia/Kathmandu setup/image.sh 2>/dev/null)
diff -r "$work/one/target/image" "$work/some/where/else/target/image" ||
  die "target/image differs between two builds of the same tree"
say "target/image is the same in both: $(sha256sum <"$work/one/target/image/index.json" | cut -d' ' -f1) (index.json)"
