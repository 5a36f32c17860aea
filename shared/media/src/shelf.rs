//! Files below a few directories, and no others.

use std::fs::Metadata;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions, OpenOptionsExt};
use rustix::fs::OFlags;

use crate::{MediaFile, SniffError};

/// Where files are taken from: one or more directories, looked into in their order.
///
/// A name is a path below one of them. It leads nowhere else: not by `..`, not by being absolute, and not by a symbolic
/// link, which may only point, by a relative path, to what is below the same directory. The kernel holds to that while it opens the file
/// (`openat2` with `RESOLVE_BENEATH`, and where that is missing one directory after the other), so that nobody can change
/// a part of the path in between. Nothing is searched for: a name is found where it says or not at all.
///
/// Reading blocks, as long as a disk takes. Directories are opened anew each time, so they may be replaced.
#[derive(Debug, Clone)]
pub struct Shelf {
    directories: Vec<PathBuf>,
}

/// Why a file cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// A directory of the shelf cannot be opened.
    #[error("`{}` cannot be opened as a directory", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The name cannot be one of a file on the shelf.
    #[error("`{name}` is not the name of a file here: {reason}")]
    Name {
        /// What was asked for.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is no such file.
    #[error("there is no file `{name}`; it was looked for at {}", joined(looked_at))]
    Missing {
        /// What was asked for.
        name: String,
        /// Where it could have been, in the order of looking.
        looked_at: Vec<PathBuf>,
    },
    /// A symbolic link leads out of the directory.
    #[error("`{name}` leads out of `{}` by a symbolic link; copy the file or let the link point below it", directory.display())]
    LeadsOut {
        /// What was asked for.
        name: String,
        /// The directory that it must stay in.
        directory: PathBuf,
    },
    /// It is there and is not a file: a directory, a pipe or a device.
    #[error("`{}` is {what}, not a file", path.display())]
    NotAFile {
        /// Where it is.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// It is larger than allowed.
    #[error("`{}` is larger than {cap} bytes, which is the most allowed here", path.display())]
    TooLarge {
        /// Where it is.
        path: PathBuf,
        /// The most bytes allowed.
        cap: usize,
    },
    /// It is not a text in UTF-8.
    #[error("`{}` is not a text in UTF-8: byte {at} fits into none; convert it", path.display())]
    NotText {
        /// Where it is.
        path: PathBuf,
        /// How many bytes are good.
        at: usize,
    },
    /// Its content is not taken.
    #[error("`{}`: {source}", path.display())]
    Content {
        /// Where it is.
        path: PathBuf,
        /// Why.
        source: SniffError,
    },
    /// It is there and cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Read {
        /// Where it is.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Shelf {
    /// A shelf of one directory.
    ///
    /// # Errors
    ///
    /// [`ShelfError::Directory`] when there is none at `root`.
    pub fn open(root: &Path) -> Result<Self, ShelfError> {
        opened(root)?;
        Ok(Self {
            directories: vec![root.to_owned()],
        })
    }

    /// The same shelf with `directory` before all others: that of a narrative's own file, for what lies beside it.
    ///
    /// # Errors
    ///
    /// [`ShelfError::Directory`] when there is none.
    pub fn beside(&self, directory: &Path) -> Result<Self, ShelfError> {
        opened(directory)?;
        let others = self.directories.iter().filter(|known| *known != directory).cloned();
        Ok(Self {
            directories: std::iter::once(directory.to_owned()).chain(others).collect(),
        })
    }

    /// A text of at most `cap` bytes. A mark of byte order at its beginning is left out.
    ///
    /// # Errors
    ///
    /// [`ShelfError`]: for a name that leads elsewhere, a file that is missing, too large or no file, and
    /// [`ShelfError::NotText`].
    pub fn read_text(&self, name: &str, cap: usize) -> Result<String, ShelfError> {
        let (path, bytes) = self.read(name, cap)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            ShelfError::NotText { path, at }
        })?;
        Ok(match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        })
    }

    /// The bytes of a file of at most `cap` bytes.
    ///
    /// # Errors
    ///
    /// [`ShelfError`], as for [`Self::read_text`].
    pub fn read_bytes(&self, name: &str, cap: usize) -> Result<Vec<u8>, ShelfError> {
        self.read(name, cap).map(|(_, bytes)| bytes)
    }

    /// The media of a file of at most `cap` bytes.
    ///
    /// # Errors
    ///
    /// [`ShelfError`], as for [`Self::read_text`], and [`ShelfError::Content`] for content that is not taken.
    pub fn read_media(&self, name: &str, declared: Option<&str>, cap: usize) -> Result<MediaFile, ShelfError> {
        let (path, bytes) = self.read(name, cap)?;
        MediaFile::new(bytes, Some(name), declared).map_err(|source| ShelfError::Content { path, source })
    }

    fn read(&self, name: &str, cap: usize) -> Result<(PathBuf, Vec<u8>), ShelfError> {
        check_name(name)?;
        for directory in &self.directories {
            let path = directory.join(name);
            if let Some(file) = open_below(directory, name, &path)? {
                let bytes = read_file(file, &path, cap)?;
                return Ok((path, bytes));
            }
        }
        let looked_at = self.directories.iter().map(|directory| directory.join(name)).collect();
        Err(ShelfError::Missing {
            name: name.to_owned(),
            looked_at,
        })
    }
}

fn opened(path: &Path) -> Result<Dir, ShelfError> {
    Dir::open_ambient_dir(path, ambient_authority()).map_err(|source| ShelfError::Directory {
        path: path.to_owned(),
        source,
    })
}

fn check_name(name: &str) -> Result<(), ShelfError> {
    let refuse = |reason| {
        Err(ShelfError::Name {
            name: shown(name),
            reason,
        })
    };
    if name.trim().is_empty() {
        return refuse("it is empty");
    }
    if name.contains('\0') {
        return refuse("it holds a zero byte");
    }
    if name.ends_with('/') {
        return refuse("it is that of a directory");
    }
    for component in Path::new(name).components() {
        match component {
            Component::Normal(_) | Component::CurDir => {}
            Component::ParentDir => return refuse("`..` leads upwards, and files are read below the directory alone"),
            Component::RootDir | Component::Prefix(_) => {
                return refuse("it is absolute, and files are read below the directory alone");
            }
        }
    }
    Ok(())
}

/// Opens a file, `None` when there is none.
fn open_below(directory: &Path, name: &str, path: &Path) -> Result<Option<File>, ShelfError> {
    let mut options = OpenOptions::new();
    // Without waiting, a pipe that nobody writes to would hold the caller for ever.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    options
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    match opened(directory)?.open_with(name, &options) {
        Ok(file) => Ok(Some(file)),
        // Not a directory: a part of the name is a file, so that there is nothing below it.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        // What the kernel refuses has a number; what leads out was found by whoever asked it.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none() => {
            Err(ShelfError::LeadsOut {
                name: shown(name),
                directory: directory.to_owned(),
            })
        }
        // A socket, or a device that is not there.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
            Err(ShelfError::NotAFile {
                path: path.to_owned(),
                what: "a socket or a device",
            })
        }
        Err(source) => Err(ShelfError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Reads a file that is open, so that nobody can put another thing in its place.
fn read_file(file: File, path: &Path, cap: usize) -> Result<Vec<u8>, ShelfError> {
    let failed = |source| ShelfError::Read {
        path: path.to_owned(),
        source,
    };
    let file = file.into_std();
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(ShelfError::NotAFile {
            path: path.to_owned(),
            what: kind_of(&metadata),
        });
    }
    let too_large = || ShelfError::TooLarge {
        path: path.to_owned(),
        cap,
    };
    let most = u64::try_from(cap).unwrap_or(u64::MAX);
    if metadata.len() > most {
        return Err(too_large());
    }
    // It may have grown since, and files of the kernel say that they are empty.
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() > cap {
        return Err(too_large());
    }
    Ok(bytes)
}

fn kind_of(metadata: &Metadata) -> &'static str {
    if metadata.is_dir() {
        "a directory"
    } else {
        "a pipe or a device"
    }
}

/// A name for a message, without what a terminal would obey.
fn shown(name: &str) -> String {
    name.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(200)
        .collect()
}

fn joined(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| format!("`{}`", path.display()))
        .collect::<Vec<_>>()
        .join(" and ")
}
