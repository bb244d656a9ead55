#!/usr/bin/env bash
# What must not stand in the tree: paths of the machine it was written on, and hosts that packages are fetched from.
# Where packages come from is each machine's own setting.
#
#   setup/tree.sh
. "$(dirname "$0")/shell.sh"

failed=''
# refuse WHAT PATTERN: a fault for every line of the tree that matches (Cargo.lock is cargo's own)
refuse() {
  local hits
  hits=$(git grep -nIE --untracked -e "$2" -- . ':!Cargo.lock' ':!LICENSE') || return 0
  say "$1:"
  cut -c1-160 <<<"$hits" >&2
  failed=yes
}
quoted() { printf '%s' "$1" | sed 's/[][\.*^$+?(){}|]/\\&/g'; }

for path in "${HOME:-/}" "$root"; do
  case $path in
    / | /home) ;;
    *) refuse "a path of this machine" "(^|[^A-Za-z0-9_.])$(quoted "$path")/" ;;
  esac
done

# A host whose name says what it is for, wherever it is; and those that this machine is set up with.
refuse "a package registry's host" \
  'https?://([a-z0-9-]+\.)*(index|registry|proxy|mirrors?|deb|pypi|crates)\.([a-z0-9-]+\.)*[a-z]{2,}'
settings() {
  cat "${CARGO_HOME:-$HOME/.cargo}"/config.toml /etc/apt/sources.list /etc/apt/sources.list.d/* || :
  if command -v pip; then pip config list; fi
  if command -v go; then go env GOPROXY; fi
  if command -v npm; then npm config get registry; fi
  env | grep -E '^(PIP|UV|CARGO|GO|NPM|RUSTUP)[A-Za-z_]*='
}
for host in $(settings 2>/dev/null | grep -oE 'https?://[A-Za-z0-9.-]+' | sed 's,.*//,,' | sort -u); do
  case $host in
    localhost | 127.* | github.com | *.github.io) ;;
    *) refuse "a host that this machine fetches packages from" "(^|[^A-Za-z0-9.-])$(quoted "$host")" ;;
  esac
done

[ -z "$failed" ] || die "the tree names what it must not"
