//! What readers of strict TOML are promised.

mod places;
mod refusals;
mod suggestions;
