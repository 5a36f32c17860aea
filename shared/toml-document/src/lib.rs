//! Strict TOML: a document either has exactly the keys its reader knows, or is refused with the place of each wrong one and
//! the nearest right one.
//!
//! [`read()`] does this for every document type that derives `serde::Deserialize` with `deny_unknown_fields`, up to the first
//! mistake, and [`mistakes()`] and [`read_all()`] find all of them. Readers that check more than shapes use [`Location::of`] for their own
//! refusals, so that all of them read alike.

mod key_path;
mod location;
mod mistakes;
mod nearest;
mod read;
mod refusal;
mod suggestion;

pub use location::Location;
pub use mistakes::{Reading, mistakes, read_all};
pub use nearest::nearest;
pub use read::read;
pub use refusal::TomlError;
pub use suggestion::suggestion;
