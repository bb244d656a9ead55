# shellcheck shell=bash disable=SC2154 # me, made and the like are those of shell.sh
# Sourced after shell.sh by scripts that build and run tests written in Go.

export GOTOOLCHAIN=local # what is here, or a message; no download of another Go

# need_go FOLDER WHY: fails where there is no Go that the module in that folder can be built with
need_go() {
  local needs have way_out
  needs=$(sed -n 's/^go //p' "$1/go.mod")
  have=$(go env GOVERSION 2>/dev/null | sed 's/^go//') || :
  way_out=("install Go $needs or newer" "make test needs no Go")
  [ -n "$have" ] || die "these tests are written in Go, as $2 is, and there is no Go here" "${way_out[@]}"
  [ "$(printf '%s\n' "$have" "$needs" | sort -V | head -n 1)" = "$needs" ] ||
    die "these tests need Go $needs or newer, and Go here is $have" "${way_out[@]}"
}

# progress NAME [ALL]: counts the packages that `go build -v` names, of ALL where that is known, and passes on everything else
progress() {
  awk -v name="$1" -v all="${2:+ of $2, less those that are cached}" -v me="$me" '
    /^[a-z][^ ]*$/ { if (++done % 100 == 0) { printf "%s: %s: %d packages%s\n", me, name, done, all; fflush() } next }
    { print; fflush() }' >&2
}

# results: of each test that passed a line, with the figures that it tells; everything that a failed one has said, and at the end once
# more what its own lines say, which may stand far above
results() {
  awk '
    /^=== RUN +[^\/]*$/ { said = own = ""; next }
    /^=== / { next }
    /^--- PASS/ { print; said = ""; fflush(); next }
    /^--- FAIL/ { printf "%s", said; failed = failed $0 "\n" own; said = "" }
    /^(---|PASS|FAIL|panic|[0-9]+ requests, )/ { print; shown = 1; fflush(); next }
    / --- PASS/ { next }
    / (requests while|is in force after|Envoy has lost) / { print; fflush() }
    { said = said $0 "\n" }
    /^ +[a-z_]+_test\.go:[0-9]+: / { own = own $0 "\n" }
    END { if (!shown) printf "%s", said; printf "%s", failed }'
}

# build_graylane: what the tests render with, as $GRAYLANE, unless that names one; the first build shows its progress, later ones keep
# quiet
build_graylane() {
  local quiet=
  if [ -n "${GRAYLANE:-}" ]; then
    [ -x "$GRAYLANE" ] || die "GRAYLANE=$GRAYLANE is no program" "unset GRAYLANE, or let it name one"
    return
  fi
  export GRAYLANE=$CARGO_TARGET_DIR/debug/graylane
  [ ! -x "$GRAYLANE" ] || quiet=--quiet
  # shellcheck disable=SC2086 # an option or nothing
  cargo build $quiet -p graylane-cli || die "cargo could not build graylane; its words stand above"
}
