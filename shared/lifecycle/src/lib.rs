//! Living and dying: how a process of the fleet is asked to stop, what exit code it leaves, and the private
//! Postgres cluster that `botticelli up` and the tests run on.
//!
//! Nothing here reads the environment or the clock of the wall; a binary passes in what it was given.

mod exit;
mod postgres;
mod shutdown;
mod signals;

pub use exit::{Ending, exit_code};
pub use postgres::{Cluster, ClusterError, ClusterOptions, default_data_dir, is_root};
pub use shutdown::Shutdown;
pub use signals::shut_down_on_signals;
