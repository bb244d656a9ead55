//! The layer of the compat image: a compressed archive in which nothing depends on when, where and by whom it is made.

use std::io::Write;

use anyhow::Result;
use flate2::{Compression, GzBuilder};

/// The files, in the order given, as a tar archive: owned by root, of the year 1970.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(u64::try_from(bytes.len())?);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        archive.append_data(&mut header, name, *bytes)?;
    }
    Ok(archive.into_inner()?)
}

/// The bytes by gzip, with neither a time nor a system in the header.
pub(crate) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut packer = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    packer.write_all(bytes)?;
    Ok(packer.finish()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_is_packed_comes_out_again_in_order_and_says_nothing_of_its_maker() {
        let packed = gzip(&tar(&[("plugin.wasm", b"one"), ("a.json", b"{}")]).unwrap()).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed.as_slice()));
        let mut seen = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let header = entry.header();
            let maker = (header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap());
            assert_eq!((maker, header.mode().unwrap()), ((0, 0, 0), 0o644));
            assert_eq!((header.username().unwrap(), header.groupname().unwrap()), (Some(""), Some("")));
            seen.push((entry.path().unwrap().display().to_string(), text));
        }
        assert_eq!(seen, [("plugin.wasm".into(), "one".into()), ("a.json".into(), "{}".into())]);
        assert_eq!(packed[4..10], [0, 0, 0, 0, 2, 255], "no time, best compression, no system");
    }

    /// Digests are published. Whoever changes what they are made of, by a new version of the compressor for one, sees it
    /// here: write down the new digest, and tell users that the compat image changes without its module.
    #[test]
    fn a_known_content_has_known_bytes() {
        let content: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(n) >> 9).to_le_bytes()[0]).collect();
        let packed = gzip(&tar(&[("plugin.wasm", &content)]).unwrap()).unwrap();
        assert_eq!(
            crate::layout::digest(&packed),
            "sha256:9c514b53671fe00c69f41aecff8200de025fafc119fe2846020822beed4df101"
        );
    }
}
