//! Schedules as rows, and what becomes of their ticks.
//!
//! `schedules` has a row for each; `schedule_ticks` one for each tick that was decided. A scheduler [takes](take_due) what is due,
//! [plans](Plan::of) it, enqueues the jobs and [records](record()) all of it, in one transaction. People look, pause, trigger and
//! backfill, from any process.

mod backfill;
mod due;
mod enqueue;
mod failure;
mod plan;
mod record;
mod row;
mod standing;
mod summary;
mod sync;
mod trigger;

pub use backfill::{Backfill, MOST_BACKFILLED, backfill};
pub use due::{Outlook, due_names, outlook, recorded_ticks, take_due};
pub use enqueue::{enqueue_ticks, refuse};
pub use failure::TimetableError;
pub use plan::{Decision, Outcome, Plan, Standing};
pub use record::{DecidedSchedule, prune_ticks, record, return_to_present, set_aside};
pub use row::{ScheduleRow, find_timing};
pub use standing::{
    ScheduleStanding, TickRecord, find_schedule, list_schedules, list_ticks, pause_schedule, resume_schedule,
};
pub use summary::{ActorSchedule, Summary, summary};
pub use sync::{ConfiguredSchedule, sync_schedules};
pub use trigger::trigger_schedule;
