//! Versions: hashes of what decides what models are asked.

use sha2::{Digest, Sha256};

/// A hash over named values; the order counts.
pub(crate) struct Fingerprint(Sha256);

impl Fingerprint {
    pub(crate) fn new() -> Self {
        Self(Sha256::new())
    }

    /// Adds a value. Lengths stand in front, so that no two lists of values look alike.
    pub(crate) fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        for part in [name.as_bytes(), value.as_ref()] {
            self.0.update(part.len().to_le_bytes());
            self.0.update(part);
        }
    }

    /// Adds what can be written as a text.
    pub(crate) fn add_shown(&mut self, name: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.add(name, value.to_string());
        }
    }

    /// The first 16 hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        let digest = self.0.finalize();
        let first = digest
            .iter()
            .take(8)
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        format!("{first:016x}")
    }
}
