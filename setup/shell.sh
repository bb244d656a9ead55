# shellcheck shell=bash disable=SC2034 # what is set here is for the scripts
# Sourced first by every script of this folder: strict mode, where things live, how to speak and how to fail.
set -euo pipefail
export LC_ALL=C

me=$(basename "$0" .sh)
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$root" || exit 1 # so that rust-toolchain.toml decides

# What set-up leaves and the finished modules always stand in the clone; what cargo builds may stand elsewhere.
target=$root/target
made=$target/setup
case ${CARGO_TARGET_DIR:=$target} in /*) ;; *) CARGO_TARGET_DIR=$root/$CARGO_TARGET_DIR ;; esac
export CARGO_TARGET_DIR
rustc=${RUSTC:-rustc} # as cargo chooses it

say() { printf '%s: %s\n' "$me" "$*" >&2; }
# die WHAT-IS-WRONG COMMAND-THAT-MENDS-IT...
die() {
  printf '%s: error: %s\n' "$me" "$1" >&2
  shift
  [ $# -eq 0 ] || printf '    mend it: %s\n' "$@" >&2
  exit 1
}
# write FILE TEXT: whole or not at all, so that a reader never sees half of it
write() {
  mkdir -p "$(dirname "$1")"
  printf '%s\n' "$2" >"$1.new.$$"
  mv "$1.new.$$" "$1"
}
# need PROGRAM PACKAGE: a program of the distribution, installed where this user may do so
need() {
  local log install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$2")
  if command -v "$1" >/dev/null; then return; fi
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then die "there is no $1 here" "apt-get install $2"; fi
  say "installs the package $2"
  log=$("${install[@]}" 2>&1) || log=$(apt-get update 2>&1 && "${install[@]}" 2>&1) ||
    die "apt-get could not install $2: $(tail -n 1 <<<"$log")" "apt-get update && apt-get install $2"
}
