//! Where settings came from.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where settings came from, before the environment was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// This file.
    File(PathBuf),
    /// The defaults compiled into the program, because no file was given and none was found.
    Embedded,
}

impl Origin {
    /// The folder of the file; `None` for the embedded defaults.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::File(path) => path.parent(),
            Self::Embedded => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Embedded => f.write_str("embedded defaults"),
        }
    }
}
