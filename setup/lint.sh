#!/usr/bin/env bash
# Every check that needs no running proxy; stops at the first that fails.
#
#   setup/lint.sh
. "$(dirname "$0")/shell.sh"

say "formatting"
cargo fmt --all --check

say "clippy, what runs here"
cargo clippy --quiet --workspace --all-targets -- -D warnings
say "clippy, what runs in the proxy"
GRAYLANE_WASM_FLAGS='' setup/wasm-cargo.sh clippy --quiet -p graylane -p graylane-noop --lib -- -D warnings

say "documentation"
export RUSTDOCFLAGS="-D warnings"
cargo doc --quiet --no-deps -p graylane --lib
cargo doc --quiet --no-deps --workspace --document-private-items

say "links in the documents"
python3 setup/links.py

say "what must not be in the tree"
setup/tree.sh

if command -v shellcheck >/dev/null; then
  say "shell scripts"
  shellcheck setup/*.sh .ci/run
else
  say "not checked: shell scripts, there is no shellcheck (apt-get install shellcheck)"
fi
