//! Files that are written whole or not at all.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use fail::fail_point;

/// What becomes of a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It is replaced.
    Replaced,
    /// It stays, and nothing is written.
    Kept,
}

/// Puts a text in a file by one rename, so that nobody ever sees half of it. A link stays a link. The file has this mode;
/// without one it keeps its own, and a new one has what the umask allows.
///
/// # Errors
/// When it cannot be written. Then nothing of it is.
pub fn place(path: &Path, text: &str, existing: Existing, mode: Option<u32>) -> Result<()> {
    put(path, text, existing, mode).with_context(|| format!("cannot write {}", path.display()))
}

fn put(path: &Path, text: &str, existing: Existing, mode: Option<u32>) -> Result<()> {
    let is_replaced = existing == Existing::Replaced && path.symlink_metadata().is_ok();
    let path = if is_replaced { path.canonicalize()? } else { path.to_owned() };
    let own = if is_replaced { Some(std::fs::metadata(&path)?) } else { None };
    if own.as_ref().is_some_and(|own| !own.is_file()) {
        bail!("it is no regular file; standard output can be sent there");
    }
    let own = own.map(|own| own.permissions().mode() & 0o7777);
    let mode = mode.or(own);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // What has a mode is its owner's alone until all of it is there.
    let at_first = Permissions::from_mode(if mode.is_some() { 0o600 } else { 0o666 });
    let mut file = tempfile::Builder::new().permissions(at_first).tempfile_in(folder).map_err(|fault| {
        // It names a file that nobody knows.
        std::io::Error::from(fault.kind())
    })?;
    file.write_all(text.as_bytes())?;
    if let Some(mode) = mode {
        file.as_file().set_permissions(Permissions::from_mode(mode))?;
    }
    // Else a crash could leave the name without the text.
    file.as_file().sync_all()?;
    fail_point!("place-before-rename", |_| std::process::abort());
    let placed = match existing {
        Existing::Replaced => file.persist(&path),
        Existing::Kept => file.persist_noclobber(&path),
    };
    // The fault holds the file, which goes with it.
    placed.map_err(|fault| fault.error)?;
    fail_point!("place-after-rename", |_| std::process::abort());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_keeps_its_mode_unless_another_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        place(&path, "new", Existing::Kept, Some(0o640)).unwrap();
        assert_eq!(mode(&path), 0o640);
        // The umask takes nothing from it.
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        place(&path, "other", Existing::Replaced, None).unwrap();
        assert_eq!((mode(&path), fs::read_to_string(&path).unwrap()), (0o666, "other".to_owned()));
        place(&path, "third", Existing::Replaced, Some(0o600)).unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_new_file_has_the_mode_of_any_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let (path, plain) = (folder.path().join("file"), folder.path().join("plain"));
        fs::write(&plain, "").unwrap();
        place(&path, "new", Existing::Replaced, None).unwrap();
        assert_eq!(mode(&path), mode(&plain));
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        place(&link, "new", Existing::Replaced, Some(0o644)).unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    }

    #[test]
    fn what_is_no_regular_file_stays_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let _listens = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [folder.path(), &socket] {
            let fault = place(path, "new", Existing::Replaced, None).unwrap_err();
            assert!(format!("{fault:#}").contains("no regular file"), "{fault:#}");
        }
        assert!(!socket.metadata().unwrap().is_file());
    }

    #[test]
    fn a_file_that_is_to_stay_stays_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        let fault = place(&path, "new", Existing::Kept, None).unwrap_err();
        assert!(fault.to_string().starts_with("cannot write "), "{fault}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
