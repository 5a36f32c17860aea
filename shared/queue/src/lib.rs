//! Work: what waits, what runs, who holds it, and what became of it.
//!
//! A job is a row of `botticelli.jobs`. It is [enqueued](enqueue()), [claimed](claim()) by a worker that holds a process-wide
//! [lease](register_worker()), and settled exactly once: [completed](complete()), [retried](retry()), [snoozed](snooze()),
//! [discarded](discard()) or [handed back](hand_back()). Every write by a worker is fenced by the job's id, attempt and
//! worker, so a worker whose lease has lapsed changes nothing. Only the database's clock decides what is due and whose
//! lease has ended. NOTIFY makes all of this fast ([`Wakeups`]); a poll makes it true.

mod backend;
mod backoff;
mod claim;
mod ended;
mod enqueue;
mod job;
mod lease;
mod queues;
mod rescue;
mod settle;
mod wakeup;

pub use backend::{Finished, JobBackend, SettleLayer, SettleService};
pub use backoff::Backoff;
pub use claim::{claim, next_due};
pub use ended::{ended_attempts, ended_jobs};
pub use enqueue::{NewJob, enqueue, enqueue_unless_waiting};
pub use job::{ClaimedJob, JobId, Lease, QueueError, Source, WorkerId};
pub use lease::{forget_dead_workers, register_worker, release_worker, renew_lease};
pub use queues::{QueueDepth, depth, has_unfinished, register_queue};
pub use rescue::{RescuedJob, rescue};
pub use settle::{Retried, complete, discard, hand_back, hold, put_back_strays, retry, snooze};
pub use wakeup::Wakeups;
