#!/usr/bin/env bash
# The tests in tests/mesh: Istio's own code reads the manifests in istio/, and what graylane renders, and feeds a real Envoy.
#
#   setup/mesh.sh [ARGUMENT...]     all of them, or as the arguments for Go's test binary say: -test.run Lane -test.v
#
# Istio comes as a Go module, pinned in tests/mesh/go.mod. The test binary is built once into target/mesh, under a name
# that tells what it was built from, and used again until that changes.
. "$(dirname "$0")/shell.sh"
. "$root/setup/go.sh"

tests=tests/mesh
built=$target/mesh
need_go $tests Istio

# sources: every file that goes into the test binary
sources() { find $tests -name '*.go' -o -name go.mod -o -name go.sum | sort; }
hash=$({ go version; sources | xargs sha256sum; } | sha256sum | cut -c1-16)
binary=$built/mesh-$hash.test

# build: the packages first, which Go names as it builds them; nothing else would be seen for minutes
build() {
  local began=$SECONDS imports all
  say "builds the tests, and what they need of Istio (minutes where nothing is cached)"
  cd $tests
  go mod download istio.io/istio || die "Go could not fetch Istio's code; its words stand above" \
    "where Go cannot download, these tests cannot run"
  imports=$(go list -test -f '{{join .TestImports "\n"}}' . ./... | sort -u)
  all=$(go list -deps -test . | wc -l)
  # shellcheck disable=SC2086 # a list
  go build -v $imports 2>&1 | progress "the tests" "$all" || die "Go could not build; its words stand above"
  rm -f "$built"/mesh-*
  go test -c -ldflags="-s -w" -o "$binary.new" . || die "Go could not build the tests; its words stand above"
  mv "$binary.new" "$binary"
  cd "$root"
  say "built in $((SECONDS - began)) s"
}

mkdir -p "$built"
if [ ! -x "$binary" ]; then build; fi
(cd $tests && go vet ./...) || die "go vet has found something; its words stand above"
unformatted=$(gofmt -l $tests)
[ -z "$unformatted" ] || die "not formatted: $unformatted" "gofmt -w $tests"

build_graylane
export ENVOY TMPDIR
ENVOY=$(cat "$made/envoy")
TMPDIR=$built/tmp # what tests leave while they run
rm -rf "$TMPDIR"
mkdir -p "$TMPDIR"
export TARGET_OUT=$built LOCAL_OUT=$built # Istio looks for folders of its own tree, and says that they are not there

cd $tests
if [ $# -gt 0 ]; then run() { "$binary" -test.timeout 20m "$@"; }; else run() { "$binary" -test.timeout 20m -test.v | results; }; fi
run "$@" || die "a test failed" "its words stand above; what Istio said: ${built#"$root"/}/istio.log" \
  "one test alone: setup/mesh.sh -test.v -test.run NAME"
