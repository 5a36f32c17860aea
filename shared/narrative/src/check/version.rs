//! Versions: hashes of what decides what models are asked.

use sha2::{Digest, Sha256};

/// A hash over named values; the order counts.
pub(super) struct Fingerprint(Sha256);

impl Fingerprint {
    /// The hash of `description`: 16 hexadecimal digits.
    pub(super) fn of<'d>(description: impl IntoIterator<Item = (&'d str, String)>) -> String {
        let mut print = Self(Sha256::new());
        for (name, value) in description {
            print.add(name, value);
        }
        print.finish()
    }

    /// Adds a value. Lengths stand in front, so that no two lists of values look alike.
    fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        for part in [name.as_bytes(), value.as_ref()] {
            self.0.update(part.len().to_le_bytes());
            self.0.update(part);
        }
    }

    /// The first 16 hexadecimal digits.
    fn finish(self) -> String {
        let digest = self.0.finalize();
        let first = digest
            .iter()
            .take(8)
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        format!("{first:016x}")
    }
}
