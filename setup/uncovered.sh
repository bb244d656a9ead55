#!/usr/bin/env bash
# One line at the end of the tests: what they could not or did not cover here.
. "$(dirname "$0")/shell.sh"

not=("the oldest Envoy (make test-oldest)" "std from source (make test-setup)" "reproducible builds (make reproducible)"
  "the manifests in istio/ (make test-mesh)" "those in kubernetes/, and a real cluster (make test-cluster)")
no_func_e=$(setup/func-e.sh missing)
[ -z "$no_func_e" ] || not+=("func-e ($no_func_e)")
while read -r server; do not+=("$server"); done < <(setup/servers.sh missing)
command -v openssl >/dev/null || not+=("keys and signatures of openssl (apt-get install openssl)")
[ -d ../shared/vectors ] || not+=("the published hash values (no ../shared/vectors beside the clone)")
printf 'Not covered by this run: %s\n' "$(printf '%s; ' "${not[@]}" | sed 's/; $//')"
