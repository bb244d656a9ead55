#!/usr/bin/env bash
# Tries what wasm-target.sh does where rustup cannot help, on any machine: a copy of the tree gets a rustc whose
# toolchain has no wasm target (links to the real one, less that folder) and may not ask rustup. std is built from
# source, and a module with it. The machine's own toolchain and apt state are compared before and after.
#
#   setup/wasm-target-test.sh
. "$(dirname "$0")/shell.sh"

triple=wasm32-wasip1
cargo build --quiet -p graylane-pack
export GRAYLANE_PACK=$CARGO_TARGET_DIR/debug/graylane-pack
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
setup/wasm-opt.sh
WASM_OPT=$(cat "$made/wasm-opt")
export WASM_OPT
unset CARGO_TARGET_DIR

own=$("$rustc" --print sysroot)
state() { # what must not change: the toolchain's targets and what apt knows
  ls "$own/lib/rustlib"
  find /var/lib/apt /var/lib/dpkg -type f -newermt "@$began" 2>/dev/null || :
}
began=$(date +%s)
before=$(state)

# The toolchain without its wasm target.
mkdir -p "$work/toolchain/lib/rustlib" "$work/tree"
ln -s "$own/bin" "$work/toolchain/bin"
for entry in "$own"/lib/*; do [ "$entry" = "$own/lib/rustlib" ] || ln -s "$entry" "$work/toolchain/lib/"; done
for entry in "$own"/lib/rustlib/*; do
  case $(basename "$entry") in "$triple" | src) ;; *) ln -s "$entry" "$work/toolchain/lib/rustlib/" ;; esac
done
cat >"$work/rustc" <<W
#!/bin/sh
case " \$* " in *" --sysroot "*) exec "$own/bin/rustc" "\$@" ;; esac
exec "$own/bin/rustc" --sysroot "$work/toolchain" "\$@"
W
chmod +x "$work/rustc"
if [ -d "$("$work/rustc" --print target-libdir --target $triple)" ]; then die "the target is not hidden"; fi

git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
  if [ -f "$file" ]; then printf '%s\0' "$file"; fi
done | xargs -0 cp --parents -t "$work/tree"
cd "$work/tree"
export RUSTC=$work/rustc GRAYLANE_NO_RUSTUP=1
setup/wasm-target.sh
setup/module.sh noop
[ "$(sed -n 2p target/setup/wasm-target)" = "$PWD/target/wasm-sysroot" ] || die "no private sysroot was made"
second=$(setup/wasm-target.sh 2>&1)
[ -z "$second" ] || die "the second run did something: $second"

[ "$(state)" = "$before" ] || die "something outside the tree was changed: $(diff <(echo "$before") <(state))"
say "std was built from source and noop.wasm with it ($(wc -c <target/noop.wasm) bytes); nothing else was changed"
