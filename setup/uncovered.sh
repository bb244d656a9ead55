#!/usr/bin/env bash
# One line at the end of the tests: what they could not or did not cover here.
. "$(dirname "$0")/shell.sh"

not=("the oldest Envoy (make test-oldest)" "std from source (make test-setup)" "reproducible builds (make reproducible)")
if [ -n "${GRAYLANE_NO_FUNC_E:-}" ]; then
  not+=("func-e (GRAYLANE_NO_FUNC_E is set)")
elif ! command -v go >/dev/null; then
  not+=("func-e (there is no Go here)")
fi
[ -d ../shared/vectors ] || not+=("the published hash values (no ../shared/vectors beside the clone)")
case $(uname -m) in x86_64) ;; *) not+=("this machine's processor in CI ($(uname -m))") ;; esac
printf 'Not covered by this run: %s\n' "$(printf '%s; ' "${not[@]}" | sed 's/; $//')"
