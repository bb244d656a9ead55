#!/usr/bin/env bash
# The tests in tests/cluster: a real Kubernetes and a real istiod read the manifests in kubernetes/ and istio/, and real
# Envoys carry traffic by them.
#
#   setup/cluster.sh [ARGUMENT...]     all of them, or as the arguments for Go's test binary say: -test.run Lane -test.v
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/go.sh"

setup/cluster-build.sh
build_graylane
tests=tests/cluster
export CGO_ENABLED=0 # as it was built
# Not controlplane: go vet would read all of Kubernetes for it.
mapfile -t packages < <(cd $tests && go list ./... | grep -v /controlplane)
(cd $tests && go vet -trimpath "${packages[@]}" && go test -trimpath ./eds) || die "go has found something; its words stand above"
unformatted=$(gofmt -l $tests)
[ -z "$unformatted" ] || die "not formatted: $unformatted" "gofmt -w $tests"

export TMPDIR=$target/cluster/tmp # what tests leave while they run
rm -rf "$TMPDIR"
mkdir -p "$TMPDIR"
binary=$(cat "$made/cluster-tests")
cd $tests
if [ $# -gt 0 ]; then run() { "$binary" -test.timeout 30m "$@"; }; else run() { "$binary" -test.timeout 30m -test.v | results; }; fi
run "$@" || die "a test failed" "its words stand above" "one test alone: setup/cluster.sh -test.v -test.run NAME"
