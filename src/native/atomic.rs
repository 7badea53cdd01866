//! Files that are either whole or absent: written beside their place, then renamed into it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// Writes `bytes` to `path`, in one piece: a reader, or a process killed at any moment, leaves the old
/// file or the new one, never a part. Missing folders are made.
///
/// # Errors
/// The operating system's, its kind kept, as a sentence that names `path` and says what to do.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let attempt = || {
        let folder = folder_of(path);
        fs::create_dir_all(&folder)?;
        let mut file = beside(&folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|refused| refused.error)?;
        sync_folder(&folder);
        Ok(())
    };
    attempt().map_err(|error| explain("write", path, &error))
}

/// Makes `folder` where it is missing and makes sure that a file can be written there, so that a long
/// run finds out at its start.
///
/// # Errors
/// As [`write`](fn@write).
pub fn ready(folder: &Path) -> io::Result<()> {
    let attempt = || {
        fs::create_dir_all(folder)?;
        beside(folder)?.write_all(b"unnoise")
    };
    attempt().map_err(|error| explain("write into", folder, &error))
}

/// Reads a whole file.
///
/// # Errors
/// As [`write`](fn@write).
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path).map_err(|error| explain("read", path, &error))
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// A file of its own in the same folder, since a rename is atomic only within one file system.
fn beside(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".unnoise-").suffix(".part");
    #[cfg(unix)]
    {
        // Temporary files are private by default; this one becomes an ordinary file (the umask applies).
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Makes the rename itself survive a power cut, where the system can.
fn sync_folder(folder: &Path) {
    if cfg!(unix)
        && let Ok(folder) = File::open(folder)
    {
        let _ = folder.sync_all();
    }
}

/// `error`, told with the path it happened at and what to do about it.
fn explain(what: &str, path: &Path, error: &io::Error) -> io::Error {
    let advice = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "the disk is full; free some space or choose another folder, then run the same command again"
        }
        ErrorKind::PermissionDenied => {
            "permission denied; choose a folder that you own, or change its rights"
        }
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only; choose another folder",
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "a file stands where a folder is needed; choose another path"
        }
        ErrorKind::IsADirectory => "it is a folder, not a file; choose another path",
        ErrorKind::NotFound => "it does not exist",
        _ => {
            return io::Error::new(
                error.kind(),
                format!("cannot {what} {}: {error}", path.display()),
            );
        }
    };
    io::Error::new(
        error.kind(),
        format!("cannot {what} {}: {advice}", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_and_leaves_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/folder/file");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_names_the_path_and_keeps_the_old() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        write(&file, b"old").unwrap();
        let error = write(&file.join("below"), b"new").unwrap_err().to_string();
        assert!(
            error.contains("below") && error.contains("choose another path"),
            "{error}"
        );
        let error = write(folder.path(), b"new").unwrap_err().to_string();
        assert!(error.contains("cannot write"), "{error}");
        assert_eq!(fs::read(&file).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_an_ordinary_one() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        write(&ours, b"x").unwrap();
        fs::write(&plain, b"x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }
}
