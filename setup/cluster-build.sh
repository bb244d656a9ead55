#!/usr/bin/env bash
# Builds what tests/cluster runs, and says in target/setup where each thing stands:
#
#   controlplane       a Kubernetes control plane in one program (minutes, once)
#   kubectl, etcd-3.6  the same program under the names by which it is kubectl, and etcd
#   pilot-discovery    Istio's control plane (minutes, once)
#   istio-crds         a folder with the custom resource definitions of Istio and of the Gateway API
#   lane-eds           what brings EndpointSlices to Envoy
#   cluster-tests      the tests
#
#   setup/cluster-build.sh
#
# Kubernetes, etcd, kwok and Istio come as Go modules, pinned in tests/cluster/go.mod and tests/cluster/istiod/go.mod. Each
# program has a name that tells what it was built from, and is used again until that changes.
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/go.sh"

tests=tests/cluster
built=$target/cluster
mkdir -p "$built"

need_go $tests Kubernetes

# need PROGRAM PACKAGE: brings what gives the tests a network of their own
need() {
  if command -v "$1" >/dev/null; then return; fi
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    die "there is no $1, by which the tests get a network of their own" "apt-get install $2"
  fi
  say "installs $2"
  { apt-get update && apt-get install -y --no-install-recommends "$2"; } >"$built/apt.log" 2>&1 ||
    die "apt-get could not install $2: $(tail -n 1 "$built/apt.log")" "apt-get install $2"
}
need ip iproute2
need iptables iptables
need unshare util-linux

# build NAME FOLDER GO-COMMAND... -- SOURCE...: runs it in that folder where no program of these sources is there
build() {
  local name=$1 folder=$2 command=() hash began=$SECONDS
  shift 2
  while [ "$1" != -- ]; do command+=("$1") && shift; done
  shift
  hash=$({ go version; echo "${command[@]}"; sha256sum "$@"; } | sha256sum | cut -c1-16)
  if [ ! -x "$built/$name-$hash" ]; then
    say "builds $name (minutes where nothing is cached)"
    rm -f "$built/$name-"*
    go -C "$folder" "${command[@]:0:1}" -v -buildvcs=false -o "$built/$name-$hash.new" "${command[@]:1}" 2>&1 |
      progress "$name" || die "Go could not build $name; its words stand above" "where Go cannot download, these tests cannot run"
    mv "$built/$name-$hash.new" "$built/$name-$hash"
    say "$name built in $((SECONDS - began)) s, $(du -m "$built/$name-$hash" | cut -f1) MB"
  fi
  write "$made/$name" "$built/$name-$hash"
}

# Kubernetes' programs are told their version by the linker.
version=$(sed -n 's|^\tk8s.io/kubernetes \(v[0-9.]*\)$|\1|p' $tests/go.mod)
IFS=. read -r _ minor _ <<<"$version"
set_version=k8s.io/component-base/version
flags="-s -w -X $set_version.gitVersion=$version -X $set_version.gitMajor=1 -X $set_version.gitMinor=$minor"
modules=("$tests/go.mod" "$tests/go.sum")
CGO_ENABLED=0 build controlplane $tests build -trimpath "-ldflags=$flags" ./controlplane -- "${modules[@]}" $tests/controlplane/*.go
ln -sf "$(cat "$made/controlplane")" "$built/kubectl"
write "$made/kubectl" "$built/kubectl"
ln -sf "$(cat "$made/controlplane")" "$built/etcd"
write "$made/etcd-3.6" "$built/etcd"
CGO_ENABLED=0 build lane-eds $tests build -trimpath "-ldflags=-s -w" ./lane-eds -- "${modules[@]}" $tests/{eds,lane-eds}/*.go
mapfile -t sources < <(find $tests -path $tests/controlplane -prune -o -type f -print | sort)
CGO_ENABLED=0 build cluster-tests $tests test -trimpath -c "-ldflags=-s -w" . -- "${sources[@]}"
# As tests/mesh compiles Istio: what one of them has compiled, the other does not.
build pilot-discovery $tests/istiod build "-ldflags=-s -w" istio.io/istio/pilot/cmd/pilot-discovery -- $tests/istiod/go.{mod,sum}

# The definitions come with the modules that pilot-discovery is made of.
crds=$built/istio-crds
rm -rf "$crds"
mkdir "$crds"
module_folder() { go -C $tests/istiod list -m -f '{{.Dir}}' "$1"; }
install -m 644 "$(module_folder istio.io/istio)/manifests/charts/base/files/crd-all.gen.yaml" "$crds"
for file in "$(module_folder sigs.k8s.io/gateway-api)"/config/crd/standard/*.yaml; do
  # But not the admission policy among them.
  if grep -q '^kind: CustomResourceDefinition' "$file"; then install -m 644 "$file" "$crds"; fi
done
write "$made/istio-crds" "$crds"
