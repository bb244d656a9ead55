#!/usr/bin/env bash
# Finds binaryen's wasm-opt, or installs it into the clone, and writes its path to target/setup/wasm-opt.
#
#   setup/wasm-opt.sh        $WASM_OPT, else the npm package that setup/binaryen pins by version and hash
#
# Not whatever stands on PATH: another version makes other bytes.
. "$(dirname "$0")/shell.sh"

found() { # found PATH: written only where it changed, for who asks what is newer
  [ "$(cat "$made/wasm-opt" 2>/dev/null)" = "$1" ] || write "$made/wasm-opt" "$1"
}

if [ -n "${WASM_OPT:-}" ]; then
  "$WASM_OPT" --version >/dev/null 2>&1 || die "WASM_OPT=$WASM_OPT is no wasm-opt that runs" "unset WASM_OPT"
  found "$(realpath -s "$WASM_OPT")"
  exit 0
fi

version=$(sed -n 's/.*"binaryen": "\([0-9]*\)\..*/\1/p' setup/binaryen/package.json)
folder=$target/binaryen
tool=$folder/node_modules/.bin/wasm-opt
if ! "$tool" --version 2>/dev/null | grep -q "version $version\b"; then
  need node nodejs
  need npm npm
  say "installs binaryen $version into ${folder#"$root"/} (23 MB to fetch, once)"
  rm -rf "$folder"
  mkdir -p "$folder"
  cp setup/binaryen/*.json "$folder"
  npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error >&2 ||
    die "npm could not install binaryen; its words stand above" \
      "where there is no network: WASM_OPT=/path/to/wasm-opt make ..." "then again: make setup"
fi
found "$tool"
