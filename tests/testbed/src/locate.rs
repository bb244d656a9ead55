//! Where the parts are: the repository, the modules, the Envoy binaries.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

/// The top of the repository: that of the package which cargo runs, else that in which this crate was built. Two clones
/// may share what cargo builds, so the first counts.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let run = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let built = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let top = |from: &Path| {
            from.ancestors().find(|folder| folder.join("Cargo.lock").exists()).map(Path::to_owned)
        };
        run.as_deref().and_then(top).or_else(|| top(&built)).unwrap_or(built)
    })
}

/// The finished module: `GRAYLANE_WASM`, else `target/graylane.wasm`.
///
/// # Errors
/// When there is none; the error names the command that makes it.
pub fn module() -> Result<PathBuf> {
    built("GRAYLANE_WASM", "target/graylane.wasm")
}

/// The finished module that counts how requests end: `GRAYLANE_TELEMETRY_WASM`, else `target/graylane-telemetry.wasm`.
///
/// # Errors
/// When there is none; the error names the command that makes it.
pub fn telemetry_module() -> Result<PathBuf> {
    built("GRAYLANE_TELEMETRY_WASM", "target/graylane-telemetry.wasm")
}

/// The finished watch: `GRAYLANE_WATCH_WASM`, else `target/graylane-watch.wasm`.
///
/// # Errors
/// When there is none; the error names the command that makes it.
pub fn watch_module() -> Result<PathBuf> {
    built("GRAYLANE_WATCH_WASM", "target/graylane-watch.wasm")
}

/// The filter that does nothing: `GRAYLANE_NOOP_WASM`, else `target/noop.wasm`.
///
/// # Errors
/// When there is none; the error names the command that makes it.
pub fn noop_module() -> Result<PathBuf> {
    built("GRAYLANE_NOOP_WASM", "target/noop.wasm")
}

/// The Envoy to test with: `ENVOY`, else the one that set-up found.
///
/// # Errors
/// When there is none; the error names the command that brings it.
pub fn envoy_binary() -> Result<PathBuf> {
    recorded("Envoy", "ENVOY", "target/setup/envoy", "make setup")
}

/// The oldest Envoy that the project states: `ENVOY_OLDEST`, else the one that set-up was asked to bring.
///
/// # Errors
/// When there is none; the error names the command that brings it.
pub fn oldest_envoy_binary() -> Result<PathBuf> {
    recorded("Envoy", "ENVOY_OLDEST", "target/setup/envoy-oldest", "setup/envoy.sh oldest")
}

/// The etcd to test with: `ETCD`, else the one that set-up found.
///
/// # Errors
/// When there is none; the error names the command that brings it.
#[cfg(feature = "servers")]
pub fn etcd_binary() -> Result<PathBuf> {
    recorded("etcd", "ETCD", "target/setup/etcd", "setup/servers.sh")
}

/// The command line of an etcd: `ETCDCTL`, else the one beside that etcd, else the one that set-up found.
///
/// # Errors
/// When there is none; the error names the command that brings it.
#[cfg(feature = "servers")]
pub(crate) fn etcdctl(etcd: &Path) -> Result<PathBuf> {
    let beside = etcd.with_file_name("etcdctl");
    if std::env::var_os("ETCDCTL").is_none() && beside.is_file() {
        return Ok(beside);
    }
    recorded("etcdctl", "ETCDCTL", "target/setup/etcdctl", "setup/servers.sh")
}

/// What restores snapshots for an etcd: since 3.6 `etcdutl`, which stands beside it, before that `etcdctl`.
#[cfg(feature = "servers")]
pub(crate) fn etcd_restorer(etcd: &Path) -> Result<PathBuf> {
    let beside = etcd.with_file_name("etcdutl");
    if beside.is_file() { Ok(beside) } else { etcdctl(etcd) }
}

/// The Prometheus to test with: `PROMETHEUS`, else the one that set-up found.
///
/// # Errors
/// When there is none; the error names the command that brings it.
#[cfg(feature = "servers")]
pub(crate) fn prometheus_binary() -> Result<PathBuf> {
    recorded("Prometheus", "PROMETHEUS", "target/setup/prometheus", "setup/servers.sh")
}

/// What checks and tests rules for a Prometheus: `PROMTOOL`, else what set-up found.
///
/// # Errors
/// When there is none; the error names the command that brings it.
#[cfg(feature = "servers")]
pub fn promtool_binary() -> Result<PathBuf> {
    recorded("promtool", "PROMTOOL", "target/setup/promtool", "setup/servers.sh")
}

/// The Java that runs ZooKeeper: `JAVA`, else the one that set-up found.
///
/// # Errors
/// When there is none; the error names the command that brings it.
#[cfg(feature = "servers")]
pub(crate) fn java() -> Result<PathBuf> {
    recorded("Java", "JAVA", "target/setup/java", "setup/servers.sh")
}

/// Where Java finds ZooKeeper: `ZOOKEEPER_CLASSPATH`, else what set-up found.
///
/// # Errors
/// When it is nowhere; the error names the command that brings it.
#[cfg(feature = "servers")]
pub(crate) fn zookeeper_class_path() -> Result<String> {
    let record = "target/setup/zookeeper";
    match std::env::var("ZOOKEEPER_CLASSPATH").or_else(|_| std::fs::read_to_string(root().join(record))) {
        Ok(path) => Ok(path.trim().to_owned()),
        Err(_) => {
            bail!("no ZooKeeper: set ZOOKEEPER_CLASSPATH, or run `setup/servers.sh`, which writes {record}")
        }
    }
}

fn built(variable: &str, default: &str) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return existing(Path::new(&path), &format!("{variable} names it"));
    }
    existing(&root().join(default), "`make module` makes it")
}

/// A path that the environment gives, else the one that a file of one line holds.
fn recorded(what: &str, variable: &str, record: &str, command: &str) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return existing(Path::new(&path), &format!("{variable} names it"));
    }
    let Ok(line) = std::fs::read_to_string(root().join(record)) else {
        bail!("no {what}: set {variable} to its path, or run `{command}`, which writes {record}");
    };
    existing(Path::new(line.trim()), &format!("{record} names it; `{command}` mends that"))
}

fn existing(path: &Path, hint: &str) -> Result<PathBuf> {
    std::path::absolute(path)
        .ok()
        .filter(|path| path.is_file())
        .with_context(|| format!("{} is missing ({hint})", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_holds_the_workspace() {
        assert!(root().join("Cargo.toml").is_file());
        assert!(root().join("tests/testbed/Cargo.toml").is_file());
    }

    #[test]
    fn a_missing_envoy_names_the_way_out() {
        let error =
            recorded("Envoy", "ENVOY_OF_NO_ONE", "target/setup/none", "make setup").unwrap_err().to_string();
        assert!(error.contains("ENVOY_OF_NO_ONE") && error.contains("make setup"), "{error}");
    }

    #[test]
    fn a_missing_module_names_the_way_out() {
        let error = built("GRAYLANE_OF_NO_ONE", "target/none.wasm").unwrap_err().to_string();
        assert!(error.contains("target/none.wasm is missing (`make module` makes it)"), "{error}");
    }
}
