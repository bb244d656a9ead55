#!/usr/bin/env bash
# Puts target/graylane.wasm and target/graylane-telemetry.wasm into target/image, an OCI image layout with two images of each; see
# setup/image/src/main.rs.
#
#   setup/image.sh
#
# Where this is a git clone without changes, the images say which commit they are of and when that was made.
# SOURCE_DATE_EPOCH, seconds since 1970, is taken as that time where it is set. GRAYLANE_IMAGE names a graylane-image that
# is built already.
. "$(dirname "$0")/shell.sh"

modules=("$target/graylane.wasm" "$target/graylane-telemetry.wasm")
for module in "${modules[@]}"; do
  [ -f "$module" ] || die "there is no target/$(basename "$module")" "make image"
done
tool=${GRAYLANE_IMAGE:-$CARGO_TARGET_DIR/debug/graylane-image}
quiet=--quiet
[ -x "$tool" ] || quiet='' # the first time takes long enough to be shown
[ -n "${GRAYLANE_IMAGE:-}" ] || cargo build ${quiet:+"$quiet"} -p graylane-image

facts=()
epoch=${SOURCE_DATE_EPOCH:-}
if [ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$root" ]; then
  if [ -z "$(git status --porcelain)" ]; then
    facts+=(--revision "$(git rev-parse HEAD)")
    epoch=${epoch:-$(git log -1 --format=%ct)}
  else
    say "the tree has changes: the images name no commit"
  fi
fi
if [ -n "$epoch" ]; then
  [[ $epoch =~ ^[0-9]+$ ]] || die "SOURCE_DATE_EPOCH=$epoch is no number of seconds" "unset SOURCE_DATE_EPOCH"
  facts+=(--created "$(date -u -d "@$epoch" +%FT%TZ)")
fi

images=$("$tool" "${modules[@]}" "$target/image" "${facts[@]}")
say "target/image, an OCI image layout:"
while read -r name digest; do printf '    %-24s %s\n' "$name" "$digest" >&2; done <<<"$images"
say "push them (make push REGISTRY=host/path), then name one by its digest: url: oci://host/path/graylane@sha256:..."
