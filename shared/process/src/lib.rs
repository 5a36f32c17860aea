//! What every long-running binary does alike: arguments, settings, telemetry, database, sidecar, and the way down.

mod arguments;
mod process;

pub use arguments::ProcessArguments;
pub use process::{Pools, Process};
