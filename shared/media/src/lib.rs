//! What narratives bring into prompts from outside: files, addresses and the media that stand in a document.
//!
//! A document and whoever fills in its templates are not trusted with the machine. So a [`Shelf`] reads below the
//! directories it was given and nowhere else, [`Fetcher`] connects to public addresses and to hosts that were allowed by
//! name, and every kind of media is what its bytes say: [`sniff()`] decides, and contradictions are refused. All of it
//! ends in a [`MediaFile`] with a cap on its size.

mod base64_text;
mod fetch;
mod media_file;
mod shelf;
mod sniff;

pub use base64_text::{Base64Error, from_base64};
pub use fetch::{FetchError, FetchLimits, Fetcher, InvalidFetcher};
pub use media_file::{MediaFile, MediaKind};
pub use shelf::{Shelf, ShelfError};
pub use sniff::{Mime, SniffError, sniff};
