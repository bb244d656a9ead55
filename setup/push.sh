#!/usr/bin/env bash
# Pushes the images of target/image to a registry and reads them back.
#
#   REGISTRY=host[:port]/path [TAG=version] setup/push.sh
#
# They become REGISTRY/graylane:TAG, TAG-compat, TAG-telemetry and TAG-telemetry-compat. skopeo pushes: it knows the logins of docker, podman
# and their helpers. A registry on a loopback address may be without TLS, as for docker; for others see
# containers-registries.conf(5).
. "$(dirname "$0")/shell.sh"

layout=$target/image
usage="make push REGISTRY=host/path [TAG=name], as in REGISTRY=ghcr.io/your-team"
registry=${REGISTRY:-}
[ -n "$registry" ] || die "REGISTRY is not set" "$usage"
registry=${registry%/}
case $registry in
  *://*) die "REGISTRY=$registry: host and path alone, without ${registry%%://*}://" "$usage" ;;
  *@* | *[[:space:][:upper:]]*) die "REGISTRY=$registry: no image can have this name" "$usage" ;;
esac
host=${registry%%/*}
image=$registry/graylane
[ -f "$layout/index.json" ] || die "there is no target/image" "make image"
version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
tag=${TAG:-$version}
[[ $tag =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,120}$ ]] || die "TAG=$tag: no image can have this tag" "$usage"
need skopeo skopeo

to=() from=()
if [[ $host =~ ^(localhost|127\.[0-9.]+)(:[0-9]+)?$ ]]; then to=(--dest-tls-verify=false) from=(--tls-verify=false); fi
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# Why the registry did not do as told, from skopeo's words, and the way out.
explain() { # explain IMAGE
  say "skopeo says: $(tail -n 1 "$said" | sed 's/^.*level=fatal msg=//')"
  case $(<"$said") in
    *"server gave HTTP response to HTTPS client"*) die "$host speaks no TLS" \
      "in /etc/containers/registries.conf.d/: [[registry]] location = \"$host\" insecure = true" ;;
    *x509*) die "the certificate of $host is not trusted here" "put its CA into /etc/containers/certs.d/$host/ca.crt" ;;
    *"connection refused"* | *"no such host"* | *timeout* | *unreachable* | *"no route"*)
      die "$host cannot be reached" "is REGISTRY=$registry right, and is it up?" ;;
    *unauthorized* | *"authentication required"* | *denied* | *"status code 403"* | *orbidden*)
      die "$host does not let you push $1" "skopeo login $host, or docker login $host" "may this login push there?" ;;
    *) die "$1 could not be pushed" "the images are in target/image: any tool that reads an OCI layout can push them" ;;
  esac
}

# push NAME TAG: the image of that name in the layout; it must come back by its tag with the same digest
push() {
  local built back
  built=$(skopeo inspect --raw "oci:target/image:$1" | sha256sum) || die "target/image holds no $1" "make image"
  skopeo --insecure-policy copy --quiet --preserve-digests "${to[@]}" \
    "oci:target/image:$1" "docker://$image:$2" >"$said" 2>&1 || explain "$image:$2"
  back=$(skopeo inspect --raw "${from[@]}" "docker://$image:$2" 2>"$said" | sha256sum) || explain "$image:$2"
  [ "$back" = "$built" ] || die "$image:$2 comes back as sha256:${back%% *}, not as sha256:${built%% *}" \
    "does $host change what is pushed, or did somebody else push this tag?"
  say "oci://$image@sha256:${built%% *}    ($image:$2)"
}

# First those that every registry takes.
for kind in -telemetry-compat -telemetry -compat ""; do push "$version$kind" "$tag$kind"; done
say "the last one is for url: in a WasmPlugin, -telemetry where lanes are counted and guarded; docs/operations.md says when, and what -compat is for"
