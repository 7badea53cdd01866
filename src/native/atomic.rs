//! Files that are either whole or absent: written beside their place, then renamed into it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// A file in the making. Once it is [kept](Draft::keep), it replaces the old one in one piece; dropped before
/// that, it was never there. What is no plain file is not replaced but written into: a device, a pipe, or a
/// link, which may lead to standard output.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    to: To,
}

#[derive(Debug)]
enum To {
    /// A file of its own in the same folder, since a rename is atomic only within one file system.
    Beside(NamedTempFile),
    Through(File),
}

impl Draft {
    /// Begins a file. Missing folders are made.
    ///
    /// # Errors
    /// The operating system's, its kind kept, as a sentence that names `path` and says what to do.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let begin = || match fs::symlink_metadata(path) {
            Ok(there) if there.is_dir() => Err(ErrorKind::IsADirectory.into()),
            Ok(there) if !there.is_file() => Ok(To::Through(File::create(path)?)),
            _ => {
                let folder = folder_of(path);
                fs::create_dir_all(&folder)?;
                Ok(To::Beside(beside(&folder)?))
            }
        };
        match begin() {
            Ok(to) => Ok(Self {
                path: path.into(),
                to,
            }),
            Err(error) => Err(explain("write", path, &error)),
        }
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// As [`Draft::begin`]; the old file is then untouched.
    pub fn keep(self) -> io::Result<()> {
        let Self { path, to } = self;
        let keep = || match to {
            To::Beside(file) => {
                file.as_file().sync_all()?;
                file.persist(&path).map_err(|refused| refused.error)?;
                sync_folder(&folder_of(&path));
                Ok(())
            }
            To::Through(mut file) => file.flush(),
        };
        keep().map_err(|error| explain("write", &path, &error))
    }

    fn file(&self) -> &File {
        match &self.to {
            To::Beside(file) => file.as_file(),
            To::Through(file) => file,
        }
    }

    fn explained<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| explain("write", &self.path, &error))
    }
}

impl Write for &Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.explained(self.file().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.explained(self.file().flush())
    }
}

impl Seek for &Draft {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.explained(self.file().seek(to))
    }
}

/// Writes `bytes` to `path` as a [`Draft`]: a reader, or a process killed at any moment, leaves the old file or the
/// new one, never a part.
///
/// # Errors
/// As [`Draft::begin`].
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = Draft::begin(path)?;
    (&draft).write_all(bytes)?;
    draft.keep()
}

/// Adds `bytes` to the end of a file, for a log that others read while it grows.
///
/// # Errors
/// As [`Draft::begin`].
pub fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let append = || {
        let mut file = File::options().create(true).append(true).open(path)?;
        file.write_all(bytes)
    };
    append().map_err(|error| explain("write", path, &error))
}

/// Makes `folder` where it is missing and makes sure that a file can be written there, so that a long
/// run finds out at its start.
///
/// # Errors
/// As [`Draft::begin`].
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
/// As [`Draft::begin`].
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path).map_err(|error| explain("read", path, &error))
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

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
    fn what_is_no_plain_file_is_written_into() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let is_link = |name: &str| at(name).symlink_metadata().unwrap().is_symlink();
        for (link, target) in [("full", "/dev/null"), ("there", "a file"), ("not", "yet")] {
            std::os::unix::fs::symlink(target, at(link)).unwrap();
        }
        fs::write(at("a file"), b"an old and longer one").unwrap();
        for link in ["full", "there", "not"] {
            write(&at(link), b"new").unwrap();
            assert!(is_link(link), "{link}");
        }
        assert_eq!(fs::read(at("a file")).unwrap(), b"new");
        assert_eq!(fs::read(at("yet")).unwrap(), b"new");

        let pipe = at("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        write(&pipe, b"new").unwrap();
        assert_eq!(reader.join().unwrap(), b"new");
        assert!(!pipe.is_file());
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
