//! Has a module made smaller by binaryen's wasm-opt.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// What rustc uses of WebAssembly for its target wasm32-wasip1; V8 knows all of it.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// For size, and taking for granted that nothing is read or written below 1024: additions to addresses then become offsets. Of what
/// rustc links, the last of the stack lies there; whoever gets so far traps either way. At last functions that are called from many places
/// get the short numbers.
const PASSES: [&str; 3] = ["--low-memory-unused", "-Oz", "--reorder-functions"];

/// Runs the optimizer over `module`, by files that stand beside `output` for as long.
pub(crate) fn optimize(module: &[u8], program: &Path, output: &Path) -> Result<Vec<u8>> {
    let from = output.with_extension("trimmed");
    let to = output.with_extension("optimized");
    fs::write(&from, module).with_context(|| format!("cannot write {}", from.display()))?;
    let ended = Command::new(program).args(FEATURES).args(PASSES).arg(&from).arg("-o").arg(&to).output();
    let optimized = fs::read(&to);
    for file in [&from, &to] {
        // What cannot be removed lies about; the module is as good.
        let _ = fs::remove_file(file);
    }
    let ended = ended.with_context(|| format!("cannot run {}", program.display()))?;
    if !ended.status.success() {
        bail!("{} failed: {}", program.display(), String::from_utf8_lossy(&ended.stderr).trim());
    }
    optimized.with_context(|| format!("{} wrote nothing", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_optimizer_that_fails_is_no_module() {
        let folder = std::env::temp_dir();
        let output = folder.join(format!("graylane-pack-{}.wasm", std::process::id()));
        let problem = optimize(b"no module", Path::new("false"), &output).unwrap_err().to_string();
        assert!(problem.starts_with("false failed"), "{problem}");
        let problem = optimize(b"no module", Path::new("/no/such/program"), &output).unwrap_err().to_string();
        assert!(problem.contains("cannot run"), "{problem}");
    }
}
