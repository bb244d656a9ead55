#!/usr/bin/env bash
# Runs a bootstrap of envoy/ under func-e, with a small service behind each of its clusters.
#
#   setup/func-e.sh run      envoy/lane-header.yaml as it stands, until Ctrl-C
#   setup/func-e.sh test     the same on free ports; checks where requests land, and that nothing stays behind
#
# func-e is built by Go into target/bin and keeps its files in target/func-e; it runs the Envoy that set-up found.
# The test is left out where there is no Go, or with GRAYLANE_NO_FUNC_E=1; setup/uncovered.sh says so then.
. "$(dirname "$0")/shell.sh"

version=v1.6.0
what=${1:?run or test}
func_e=$target/bin/func-e

if [ "$what" = test ] && { [ -n "${GRAYLANE_NO_FUNC_E:-}" ] || ! command -v go >/dev/null; }; then exit 0; fi
if ! command -v go >/dev/null; then
  die "func-e is built from source, and there is no Go here" "install Go 1.26.2 or newer, or use make run, which needs no func-e"
fi
if [ "$(cat "$made/func-e" 2>/dev/null)" != "$version" ] || [ ! -x "$func_e" ]; then
  say "builds func-e $version into target/bin (once)"
  GOBIN=$target/bin go install "github.com/tetratelabs/func-e/cmd/func-e@$version" ||
    die "Go could not build func-e $version; its words stand above" \
      "where Go cannot download: make run needs no func-e, GRAYLANE_NO_FUNC_E=1 make test leaves its test out"
  write "$made/func-e" "$version"
fi
export FUNC_E_HOME=$target/func-e
ENVOY_PATH=$(cat "$made/envoy")
export ENVOY_PATH
exec python3 setup/func-e.py "$what" "$func_e"
