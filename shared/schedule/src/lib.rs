//! WHEN: the clock, and the schedules that say at which instants an actor is due.
//!
//! A [`Schedule`] is pure arithmetic on [`chrono::DateTime`]: it never looks at a clock, so the same question always has
//! the same answer on every replica. [`Clock`] is the one place where time enters the program.
//!
//! ```
//! use botticelli_schedule::{Schedule, TickOffset};
//!
//! let schedule: Schedule = "0 9 * * 1-5".parse()?;
//! let friday = "2026-11-20T12:00:00Z".parse()?;
//! let tick = schedule.next_tick(friday, TickOffset::NONE);
//! assert_eq!(tick, Some("2026-11-23T09:00:00Z".parse()?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod clock;
mod cron_expression;
mod cron_field;
mod describe;
mod duration;
mod exclusion;
mod interval;
mod longest_gap;
mod offset;
mod policy;
mod rule;
mod schedule;
mod schedule_error;
mod special_day;
mod timing;
mod window;
mod zone;

pub use clock::{Clock, ManualClock, Stopwatch, SystemClock};
pub use duration::{DurationError, format_duration, parse_duration};
pub use offset::TickOffset;
pub use policy::{CatchUp, Overlap};
pub use schedule::{Schedule, ScheduleKind};
pub use schedule_error::ScheduleError;
pub use timing::Timing;
pub use window::{TimeWindow, TimeWindowError};
pub use zone::{Zone, ZoneError};
