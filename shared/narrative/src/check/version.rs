//! Versions: hashes of what decides what models are asked.

use botticelli_llm::Fingerprint;

/// The hash of `description`: 16 hexadecimal digits.
pub(super) fn version_of<'d>(description: impl IntoIterator<Item = (&'d str, String)>) -> String {
    let mut print = Fingerprint::default();
    for (name, value) in description {
        print.add(name, value);
    }
    print.finish()
}
