//! The two images. Both are what Istio's `pkg/wasm/imagefetcher.go` takes, by the wasm image specification that it names.

use anyhow::Result;
use serde::Serialize;

use crate::archive;
use crate::facts::{Facts, Labels};
use crate::layout::{Layout, digest};

const TITLE: &str = "org.opencontainers.image.title";

/// The name of the module in the compat image: hosts look for this one.
const PLUGIN: &str = "plugin.wasm";
const RUNTIME: &str = "runtime-config.json";

/// The *artifact*: the module as it is, beside what it says to a host. Exactly two layers, or Istio refuses it.
pub(crate) fn artifact(layout: &mut Layout, module: &[u8], facts: &Facts) -> Result<()> {
    let config = layout.blob("application/vnd.module.wasm.config.v1+json", &facts.runtime()?)?;
    let content = layout.blob("application/vnd.module.wasm.content.layer.v1+wasm", module)?;
    let layers = [config.clone().with(TITLE, RUNTIME), content.with(TITLE, &facts.file())];
    layout.image(&facts.tag(), &config, &layers, facts.labels())
}

/// The configuration of an image, as far as this one has any.
#[derive(Serialize)]
struct Configuration<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<&'a str>,
    architecture: &'static str,
    os: &'static str,
    config: Execution,
    rootfs: RootFs,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Execution {
    labels: Labels,
}

#[derive(Serialize)]
struct RootFs {
    r#type: &'static str,
    diff_ids: [String; 1],
}

/// The *compat* image: one layer of a type that every registry and every container tool knows.
pub(crate) fn compat(layout: &mut Layout, module: &[u8], facts: &Facts) -> Result<()> {
    let archive = archive::tar(&[(PLUGIN, module), (RUNTIME, &facts.runtime()?)])?;
    let config = Configuration {
        created: facts.created.as_deref(),
        architecture: "wasm",
        os: "wasip1",
        config: Execution { labels: facts.labels() },
        rootfs: RootFs { r#type: "layers", diff_ids: [digest(&archive)] },
    };
    let config = layout.blob("application/vnd.oci.image.config.v1+json", &serde_json::to_vec(&config)?)?;
    let layer = layout.blob("application/vnd.oci.image.layer.v1.tar+gzip", &archive::gzip(&archive)?)?;
    let mut annotations = facts.labels();
    annotations.insert("module.wasm.image/variant", "compat".into());
    layout.image(&format!("{}-compat", facts.tag()), &config, &[layer], annotations)
}

#[cfg(test)]
mod tests;
