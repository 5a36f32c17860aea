//! Secrets: how they are shown, and how they are read from files.

use std::fs;
use std::path::Path;

use secrecy::SecretString;
use serde::Serializer;

use crate::settings_error::SettingsError;

/// What is shown in place of a secret.
const MASK: &str = "********";

/// Serializes the fact that a secret is set, never the secret.
#[expect(clippy::ref_option, reason = "serde calls this with a reference to the field")]
pub(crate) fn masked<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(_) => serializer.serialize_some(MASK),
        None => serializer.serialize_none(),
    }
}

/// Reads the secret in the file that `key` names, without the white space around it.
pub(crate) fn read_file(key: &str, path: &Path) -> Result<SecretString, SettingsError> {
    let text = fs::read_to_string(path).map_err(|source| SettingsError::SecretFile {
        key: key.to_owned(),
        path: path.display().to_string(),
        source,
    })?;
    match text.trim() {
        "" => Err(SettingsError::SecretFileEmpty {
            key: key.to_owned(),
            path: path.display().to_string(),
        }),
        secret => Ok(SecretString::from(secret)),
    }
}
