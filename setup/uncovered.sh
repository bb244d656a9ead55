#!/usr/bin/env bash
# One line at the end of the tests: what they could not or did not cover here.
. "$(dirname "$0")/shell.sh"

not=("the oldest Envoy (make test-oldest)" "std from source (make test-setup)" "reproducible builds (make reproducible)")
command -v go >/dev/null || not+=("func-e (there is no Go here)")
[ -d ../shared/vectors ] || not+=("the published hash values (no ../shared/vectors beside the clone)")
case $(uname -m) in x86_64) ;; *) not+=("this machine's processor in CI ($(uname -m))") ;; esac
printf 'Not covered by this run: %s\n' "$(printf '%s; ' "${not[@]}" | sed 's/; $//')"
