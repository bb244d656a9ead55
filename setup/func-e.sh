#!/usr/bin/env bash
# Runs a bootstrap of envoy/ under func-e, with a small service behind each of its clusters.
#
#   setup/func-e.sh run      envoy/lane-header.yaml as it stands, until Ctrl-C
#   setup/func-e.sh test     the same on free ports; checks where requests land, and that nothing stays behind
#   setup/func-e.sh missing  says why neither can be done here; nothing when they can
#
# func-e is built by Go into target/bin and keeps its files in target/func-e; it runs the Envoy that set-up found.
# The test is left out where Go is missing or too old, or with GRAYLANE_NO_FUNC_E=1; setup/uncovered.sh says so then.
. "$(dirname "$0")/shell.sh"

version=v1.6.0
needs_go=1.26.2 # says its go.mod
what=${1:?run, test or missing}
func_e=$target/bin/func-e

# Why it cannot run here; nothing when it can.
missing() {
  local have
  have=$(go env GOVERSION 2>/dev/null | sed 's/^go//') || :
  if [ -z "$have" ]; then
    echo "there is no Go here"
  elif [ "$(printf '%s\n' "$have" $needs_go | sort -V | head -n 1)" != $needs_go ]; then
    echo "Go here is $have, it needs $needs_go"
  elif [ -n "${GRAYLANE_NO_FUNC_E:-}" ]; then
    echo "GRAYLANE_NO_FUNC_E is set"
  fi
}

why_not=$(missing)
case $what in
  missing) [ -z "$why_not" ] || echo "$why_not"; exit 0 ;;
  test) [ -z "$why_not" ] || exit 0 ;;
  run) [ -z "$why_not" ] || die "func-e is built from source, and $why_not" \
    "install Go $needs_go or newer, or use make run, which needs no func-e" ;;
  *) die "unknown argument $what" "setup/func-e.sh run|test|missing" ;;
esac

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
