//! Turns schedules into jobs, and looks after what the fleet leaves behind.
//!
//! Any number of schedulers may run: whoever locks a schedule's row decides its ticks, in the transaction that enqueues their
//! jobs.

mod backfill;
mod look;
mod maintenance;
mod plan;
mod reload;
mod round;
mod row;
mod store;
mod sync;
mod ticker;
mod wiring;

pub use backfill::{Backfill, MOST_BACKFILLED, backfill};
pub use look::{ScheduleStanding, find_timing, list_schedules, pause_schedule, resume_schedule};
pub use maintenance::{Maintenance, MaintenanceError};
pub use plan::{CatchUp, Decision, Outcome, Overlap, Plan, Standing, Timing};
pub use reload::LoadSettings;
pub use round::TickError;
pub use sync::sync_schedules;
pub use ticker::Ticker;
pub use wiring::Scheduler;
