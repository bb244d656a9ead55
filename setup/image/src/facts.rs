//! What an image says of itself, in the words of the OCI image specification.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Serialize;

/// Annotations or labels, sorted.
pub(crate) type Labels = BTreeMap<&'static str, String>;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The module by whose name all are named: `graylane-telemetry` is its image `VERSION-telemetry`.
const BASE: &str = "graylane";

/// What is known of the module.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Its name, `graylane` or one that goes on after that.
    name: String,
    /// The version of the proxy-wasm ABI that the module is for.
    pub(crate) abi: String,
    /// The commit that it was built from.
    revision: Option<String>,
    /// When that was.
    pub(crate) created: Option<String>,
}

/// What the wasm image specification says to a host: `runtime-config.json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Runtime<'a> {
    r#type: &'static str,
    abi_versions: [&'a str; 1],
}

impl Facts {
    /// Reads what the module of this name says of itself. What is no proxy-wasm module, or another's, is refused.
    pub(crate) fn of(
        name: &str,
        module: &[u8],
        revision: Option<String>,
        created: Option<String>,
    ) -> Result<Self> {
        if !name.starts_with(BASE) {
            bail!("the name of the module does not begin with {BASE}");
        }
        if !module.starts_with(b"\0asm") {
            bail!("not a wasm module");
        }
        let abi = abi(module).context("not a proxy-wasm module: it exports no proxy_abi_version_…")?;
        Ok(Self { name: name.to_owned(), abi, revision, created })
    }

    /// The name of the image: the version, and which module it is unless it is the one that all are named after.
    pub(crate) fn tag(&self) -> String {
        format!("{VERSION}{}", self.name.strip_prefix(BASE).unwrap_or_default())
    }

    /// The name of the module as a file.
    pub(crate) fn file(&self) -> String {
        format!("{}.wasm", self.name)
    }

    /// The labels that both images carry.
    pub(crate) fn labels(&self) -> Labels {
        let mut labels = Labels::from([
            ("org.opencontainers.image.title", self.name.clone()),
            (
                "org.opencontainers.image.description",
                "Gray release for Envoy and Istio, a proxy-wasm module".into(),
            ),
            ("org.opencontainers.image.version", VERSION.into()),
            ("org.opencontainers.image.licenses", env!("CARGO_PKG_LICENSE").into()),
        ]);
        let known = [
            ("org.opencontainers.image.revision", &self.revision),
            ("org.opencontainers.image.created", &self.created),
        ];
        labels.extend(known.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
        labels
    }

    /// `runtime-config.json`.
    pub(crate) fn runtime(&self) -> Result<Vec<u8>> {
        Ok(serde_json::to_vec(&Runtime { r#type: "envoy_proxy", abi_versions: [&self.abi] })?)
    }
}

/// The ABI's version, from the export by which a host recognises it.
fn abi(module: &[u8]) -> Option<String> {
    const EXPORT: &[u8] = b"proxy_abi_version_";
    let at = module.windows(EXPORT.len()).position(|window| window == EXPORT)? + EXPORT.len();
    let digits = module.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'_');
    let version: String = digits.map(|byte| if *byte == b'_' { '.' } else { char::from(*byte) }).collect();
    (!version.is_empty()).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &[u8] = b"\0asm\x01\0\0\0..proxy_abi_version_0_2_1\0..";

    #[test]
    fn the_abi_is_the_modules_own() {
        let facts = Facts::of("graylane", MODULE, None, None).unwrap();
        let runtime = String::from_utf8(facts.runtime().unwrap()).unwrap();
        assert_eq!(runtime, r#"{"type":"envoy_proxy","abiVersions":["0.2.1"]}"#);
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let bare = Facts::of("graylane", MODULE, None, None).unwrap().labels();
        assert_eq!(bare["org.opencontainers.image.licenses"], "Apache-2.0");
        assert_eq!(bare["org.opencontainers.image.version"], env!("CARGO_PKG_VERSION"));
        assert!(!bare.keys().any(|name| name.ends_with(".revision") || name.ends_with(".created")));
        let full = Facts::of("graylane", MODULE, Some("abc".into()), Some("now".into())).unwrap().labels();
        assert_eq!(full["org.opencontainers.image.revision"], "abc");
        assert_eq!(full["org.opencontainers.image.created"], "now");
    }

    #[test]
    fn an_image_is_named_after_the_version_and_the_module() {
        let tag = |name| Facts::of(name, MODULE, None, None).map(|facts| facts.tag());
        assert_eq!(tag("graylane").unwrap(), VERSION);
        assert_eq!(tag("graylane-telemetry").unwrap(), format!("{VERSION}-telemetry"));
        assert!(tag("noop").is_err());
    }

    #[test]
    fn what_no_proxy_could_load_is_refused() {
        for (bytes, said) in [
            (&b"<html>"[..], "not a wasm module"),
            (b"\0asm\x01\0\0\0", "not a proxy-wasm module"),
            (b"\0asm\x01\0\0\0proxy_abi_version_", "not a proxy-wasm module"),
        ] {
            let problem = Facts::of("graylane", bytes, None, None).unwrap_err().to_string();
            assert!(problem.contains(said), "{problem}");
        }
    }
}
