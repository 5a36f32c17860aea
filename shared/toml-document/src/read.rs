//! Reading a document.

use serde::de::DeserializeOwned;

use crate::TomlError;

/// Reads `text`, which came from `path`, as a `T`.
///
/// The strictness is `T`'s: derive it with `#[serde(deny_unknown_fields)]` on every table. `path` is only used in errors.
///
/// # Errors
///
/// [`TomlError`] with the first mistake's place: broken syntax, an unknown or missing key, or a value of the wrong kind.
pub fn read<T: DeserializeOwned>(path: &str, text: &str) -> Result<T, TomlError> {
    toml::from_str(text).map_err(|error| TomlError::explain(path, text, &error).error)
}
