#!/usr/bin/env bash
# Finds a docker-registry (CNCF distribution), or fetches the distribution's package and unpacks it into the clone, and
# writes its path to target/setup/docker-registry. Nothing is installed: the package would start a service.
#
#   setup/registry.sh        $DOCKER_REGISTRY, else docker-registry on PATH, else the package
. "$(dirname "$0")/shell.sh"

result=$made/docker-registry
unpacked=$target/docker-registry

use() { # use BINARY
  local version
  version=$("$1" --version 2>&1) || die "$1 does not run: $version" "apt-get install docker-registry"
  [ "$(cat "$result" 2>/dev/null)" = "$1" ] || say "registry: $1 (${version##* })"
  write "$result" "$1"
  exit 0
}

[ -z "${DOCKER_REGISTRY:-}" ] || use "$DOCKER_REGISTRY"
if found=$(command -v docker-registry); then use "$found"; fi
[ ! -x "$unpacked/usr/bin/docker-registry" ] || use "$unpacked/usr/bin/docker-registry"
for tool in apt-get dpkg; do
  command -v $tool >/dev/null || die "there is no docker-registry here, and no $tool to fetch it" \
    "put docker-registry (CNCF distribution) on the path, or DOCKER_REGISTRY=/path/to/it make ..."
done

say "fetches the package docker-registry (about 5 MB, once)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fetch() { (cd "$work" && apt-get -o APT::Sandbox::User=root download docker-registry) >"$work/log" 2>&1; }
fetch || { apt-get update >/dev/null 2>&1 && fetch; } ||
  die "apt could not fetch docker-registry: $(tail -n 1 "$work/log")" "apt-get update" "then again: setup/registry.sh"
rm -rf "$unpacked"
dpkg -x "$work"/docker-registry_*.deb "$unpacked"
use "$unpacked/usr/bin/docker-registry"
