//! An OCI image layout: a folder with blobs under their digests, and an index of the images among them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::facts::Labels;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Where a blob is told apart from all others: type, digest, size.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    media_type: &'static str,
    pub(crate) digest: String,
    size: usize,
    #[serde(skip_serializing_if = "Labels::is_empty")]
    annotations: Labels,
}

impl Descriptor {
    /// The same, with an annotation.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.annotations.insert(name, value.to_owned());
        self
    }
}

/// An image: its configuration and its layers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u32,
    media_type: &'static str,
    config: &'a Descriptor,
    layers: &'a [Descriptor],
    annotations: Labels,
}

/// What is in the layout.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u32,
    media_type: &'static str,
    manifests: &'a [Descriptor],
}

/// A layout that is being written, beside where it will be.
#[derive(Debug)]
pub(crate) struct Layout {
    folder: PathBuf,
    beside: PathBuf,
    names: Vec<String>,
    images: Vec<Descriptor>,
}

/// The digest of a blob, as OCI writes it.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

impl Layout {
    /// Starts one that will be in `folder`.
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        let mut beside = folder.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        remove(&beside)?;
        fs::create_dir_all(beside.join("blobs/sha256"))
            .with_context(|| format!("cannot make {}", beside.display()))?;
        Ok(Self { folder: folder.to_owned(), beside, names: Vec::new(), images: Vec::new() })
    }

    /// Adds a blob.
    pub(crate) fn blob(&self, media_type: &'static str, bytes: &[u8]) -> Result<Descriptor> {
        let digest = digest(bytes);
        self.write(&format!("blobs/{}", digest.replace(':', "/")), bytes)?;
        Ok(Descriptor { media_type, digest, size: bytes.len(), annotations: Labels::new() })
    }

    /// Adds an image under a name.
    pub(crate) fn image(
        &mut self,
        name: &str,
        config: &Descriptor,
        layers: &[Descriptor],
        annotations: Labels,
    ) -> Result<()> {
        let manifest = Manifest { schema_version: 2, media_type: MANIFEST, config, layers, annotations };
        let stored = self.blob(MANIFEST, &serde_json::to_vec(&manifest)?)?;
        self.names.push(name.to_owned());
        self.images.push(stored.with("org.opencontainers.image.ref.name", name));
        Ok(())
    }

    /// Puts the layout in place of one that is there, and returns the names and digests of its images.
    pub(crate) fn finish(self) -> Result<Vec<(String, String)>> {
        self.write("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        let index = Index { schema_version: 2, media_type: INDEX, manifests: &self.images };
        self.write("index.json", &serde_json::to_vec(&index)?)?;
        remove(&self.folder)?;
        fs::rename(&self.beside, &self.folder)
            .with_context(|| format!("cannot write {}", self.folder.display()))?;
        Ok(self.names.into_iter().zip(self.images.into_iter().map(|image| image.digest)).collect())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.beside.join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    }
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
