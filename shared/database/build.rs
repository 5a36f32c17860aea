//! Compiles the crate again when a migration is added: the macro that embeds them sees only those it knows.

use std::io::{Write, stdout};

fn main() -> std::io::Result<()> {
    writeln!(stdout(), "cargo:rerun-if-changed=../../migrations")
}
