//! What the layout promises to whoever reads it. That Istio and a registry read it is shown by `tests/mesh`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::*;

const MODULE: &[u8] = b"\0asm\x01\0\0\0 a module for proxy_abi_version_0_2_1\0 and nothing else";

struct Written {
    folder: tempfile::TempDir,
    images: Vec<(String, String)>,
}

/// Writes a layout of the module, twice over the same place where asked.
fn write(revision: Option<&str>, times: usize) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let mut images = Vec::new();
    for _ in 0..times {
        let facts =
            Facts::of("graylane", MODULE, revision.map(String::from), Some("2026-11-26T08:00:00Z".into()))
                .unwrap();
        let mut layout = Layout::create(&folder.path().join("image")).unwrap();
        artifact(&mut layout, MODULE, &facts).unwrap();
        compat(&mut layout, MODULE, &facts).unwrap();
        images = layout.finish().unwrap();
    }
    Written { folder, images }
}

impl Written {
    fn path(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path().join(name)).unwrap()).unwrap()
    }

    /// The blob that a descriptor means, which must be as it says.
    fn blob(&self, descriptor: &Value) -> Vec<u8> {
        let digest_said = descriptor["digest"].as_str().unwrap();
        let bytes = fs::read(self.path().join("blobs").join(digest_said.replace(':', "/"))).unwrap();
        assert_eq!(digest(&bytes), digest_said);
        assert_eq!(json!(bytes.len()), descriptor["size"], "{digest_said}");
        bytes
    }

    fn manifest(&self, name: &str) -> Value {
        let index = self.json("index.json");
        let named = |entry: &&Value| entry["annotations"]["org.opencontainers.image.ref.name"] == name;
        let entry = index["manifests"].as_array().unwrap().iter().find(named).unwrap();
        assert_eq!(entry["mediaType"], "application/vnd.oci.image.manifest.v1+json");
        let manifest: Value = serde_json::from_slice(&self.blob(entry)).unwrap();
        assert_eq!((&manifest["schemaVersion"], &manifest["mediaType"]), (&json!(2), &entry["mediaType"]));
        manifest
    }
}

/// Every file below a folder with its content, sorted.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn the_artifact_holds_the_module_as_it_is_in_two_layers() {
    let written = write(None, 1);
    let manifest = written.manifest(env!("CARGO_PKG_VERSION"));
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.module.wasm.config.v1+json");
    let layers = manifest["layers"].as_array().unwrap();
    let types: Vec<_> = layers.iter().map(|layer| layer["mediaType"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        ["application/vnd.module.wasm.config.v1+json", "application/vnd.module.wasm.content.layer.v1+wasm"]
    );
    assert_eq!(written.blob(&layers[1]), MODULE);
    assert_eq!(written.blob(&layers[0]), written.blob(&manifest["config"]));
    assert_eq!(layers[1]["annotations"][TITLE], "graylane.wasm", "what a pull names the file");
}

#[test]
fn the_compat_image_holds_the_module_in_one_layer_that_its_configuration_knows() {
    let written = write(None, 1);
    let manifest = written.manifest(concat!(env!("CARGO_PKG_VERSION"), "-compat"));
    assert_eq!(manifest["annotations"]["module.wasm.image/variant"], "compat");
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 1);
    assert_eq!(layers[0]["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
    let mut archive = Vec::new();
    let layer = written.blob(&layers[0]);
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(layer.as_slice()), &mut archive).unwrap();

    assert_eq!(manifest["config"]["mediaType"], "application/vnd.oci.image.config.v1+json");
    let config: Value = serde_json::from_slice(&written.blob(&manifest["config"])).unwrap();
    assert_eq!(config["rootfs"], json!({"type": "layers", "diff_ids": [digest(&archive)]}));
    assert_eq!((&config["os"], &config["architecture"]), (&json!("wasip1"), &json!("wasm")));
    assert_eq!(config["created"], "2026-11-26T08:00:00Z");

    let mut entries = tar::Archive::new(archive.as_slice());
    let mut plugin = entries.entries().unwrap().next().unwrap().unwrap();
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut plugin, &mut bytes).unwrap();
    assert_eq!((plugin.path().unwrap().as_ref(), bytes.as_slice()), (Path::new("plugin.wasm"), MODULE));
}

#[test]
fn both_say_what_they_are() {
    let written = write(Some("abc"), 1);
    for (name, _) in &written.images {
        let said = &written.manifest(name)["annotations"];
        assert_eq!(said[TITLE], "graylane");
        assert_eq!(said["org.opencontainers.image.revision"], "abc");
        assert_eq!(said["org.opencontainers.image.licenses"], "Apache-2.0");
    }
    let compat = written.manifest(&written.images[1].0);
    let config: Value = serde_json::from_slice(&written.blob(&compat["config"])).unwrap();
    assert_eq!(config["config"]["Labels"]["org.opencontainers.image.revision"], "abc");
}

#[test]
fn the_layout_holds_both_and_not_a_blob_that_nothing_refers_to() {
    let written = write(None, 1);
    assert_eq!(written.json("oci-layout"), json!({"imageLayoutVersion": "1.0.0"}));
    let index = written.json("index.json");
    assert_eq!(index["mediaType"], "application/vnd.oci.image.index.v1+json");
    let listed: Vec<_> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["digest"].as_str().unwrap())
        .collect();
    let told: Vec<_> = written.images.iter().map(|(_, digest)| digest.as_str()).collect();
    assert_eq!(listed, told);
    // A manifest, a configuration and a layer of each.
    assert_eq!(files(&written.path().join("blobs")).len(), 6);
}

#[test]
fn the_same_module_and_facts_give_the_same_bytes() {
    let (one, other) = (write(Some("abc"), 1), write(Some("abc"), 2));
    let content = |written: &Written| {
        let path = written.path();
        files(&path)
            .into_iter()
            .map(|(file, bytes)| (file.strip_prefix(&path).unwrap().to_owned(), bytes))
            .collect()
    };
    let (one_files, other_files): (Vec<_>, Vec<_>) = (content(&one), content(&other));
    assert_eq!(one_files, other_files, "and what was there before is gone");
    assert_eq!(one.images, other.images);
}

#[test]
fn the_layers_depend_on_the_module_alone() {
    let layers = |revision| {
        let written = write(revision, 1);
        written.images.iter().map(|(name, _)| written.manifest(name)["layers"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        layers(Some("abc")),
        layers(None),
        "so a new commit with the same module brings a registry no new layer"
    );
}
