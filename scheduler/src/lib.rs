//! Turns schedules into jobs, and looks after what the fleet leaves behind.
//!
//! Any number of schedulers may run: whoever locks a schedule's row decides its ticks, in the transaction that enqueues their
//! jobs.

mod interruptions;
mod maintenance;
mod pulled_rows;
mod reload;
mod round;
mod sync;
mod ticker;
mod wiring;

pub use maintenance::{Maintenance, MaintenanceError};
pub use reload::LoadSettings;
pub use round::TickError;
pub use sync::sync_actors;
pub use ticker::Ticker;
pub use wiring::Scheduler;
