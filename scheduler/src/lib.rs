//! Turns schedules into jobs, and looks after what the fleet leaves behind.
//!
//! Any number of schedulers may run: a tick belongs to whoever inserts its row, in the transaction that enqueues its job.

mod maintenance;
mod plan;
mod tick_log;
mod ticker;
mod wiring;

pub use maintenance::{Maintenance, MaintenanceError};
pub use plan::{Recorded, ScheduledActor, Tick, due_ticks, next_run};
pub use tick_log::{TickError, Won, recorded, win};
pub use ticker::Ticker;
pub use wiring::{Scheduler, scheduled_actors};
