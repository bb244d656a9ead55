#!/usr/bin/env bash
# Every check that needs no running proxy; stops at the first that fails.
#
#   setup/lint.sh
. "$(dirname "$0")/shell.sh"

for part in fmt clippy; do
  cargo $part --version >/dev/null 2>&1 || die "this Rust has no cargo $part" "rustup component add rustfmt clippy" \
    "apt-get install rustfmt rust-clippy (for a Rust from the distribution's packages)"
done

say "formatting"
cargo fmt --all --check

say "clippy, what runs here"
cargo clippy --quiet --workspace --all-targets --keep-going -- -D warnings
say "clippy, what runs in the proxy"
setup/wasm-cargo.sh clippy --quiet -p graylane-document -p graylane-filter -p graylane-host -p graylane-module -p graylane-noop -p graylane-telemetry -p graylane-watch --lib -- -D warnings

say "documentation"
# For who works on it, so with the private items and links to them.
export RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links"
# Apart, since the tool and the library share their name.
for kind in --lib --bins; do cargo doc --quiet --no-deps --workspace --features graylane-testbed/servers $kind --document-private-items; done
setup/wasm-cargo.sh doc --quiet --no-deps -p graylane-document -p graylane-filter -p graylane-host -p graylane-watch --lib --document-private-items

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
