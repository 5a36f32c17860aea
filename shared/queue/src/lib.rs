//! Work: what waits, what runs, who holds it, and what became of it.
//!
//! A job is [enqueued](enqueue()), [claimed](claim()) by a worker that holds a process-wide [lease](register_worker()), and
//! settled exactly once: [completed](complete()), [retried](retry()), [snoozed](snooze()), [discarded](discard()),
//! [cancelled](cancel()) or [handed back](hand_back()). While it waits it is a row; jobs that are claimed together become one row, which goes to the
//! history as it is. Every write by a worker is fenced by the claim and the worker, so a worker whose lease has lapsed
//! changes nothing. Only the database's clock decides what is due and whose
//! lease has ended. NOTIFY makes all of this fast ([`Wakeups`]); a poll makes it true.

mod backend;
mod backoff;
mod bulk;
mod cancel;
mod claim;
mod compact;
mod consumer;
mod dead;
mod ended;
mod enqueue;
mod history;
mod job;
mod json_text;
mod kind;
mod lease;
mod limits;
mod look;
mod prune;
mod queues;
mod refusal;
mod report;
mod rescue;
mod settle;
mod stray_watch;
mod wakeup;
mod workflow;

pub use backend::{Finished, JobBackend, SettleLayer, SettleService};
pub use backoff::Backoff;
pub use bulk::enqueue_bulk;
pub use cancel::{Cancelled, cancel, cancel_within, cancelled_of};
pub use claim::{Claimed, Room, claim, promote};
pub use compact::compact;
pub use consumer::{Answer, Consumer, ConsumerOptions, HandlerError};
pub use dead::{
    DeadFilter, DeadGroup, DeadJob, DeadView, Redriven, count_dead, group_dead, list_dead, purge_dead, redrive,
    redrive_all,
};
pub use ended::{ended_attempts, ended_jobs, given_up_after, given_up_lately, keep_given_up, unfinished_jobs};
pub use enqueue::{
    Enqueued, JobOptions, NewJob, NewJobs, Unique, UniqueDuring, enqueue, enqueue_many, enqueue_unless_waiting,
};
pub use history::make_partitions;
pub use job::{ClaimId, ClaimedJob, JobId, Lease, QueueError, Source, WorkerId};
pub use kind::{Job, UnreadableJob};
pub use lease::{forget_dead_workers, register_worker, release_worker, renew_lease};
pub use limits::{QueueLimits, Rate, limit_queue};
pub use look::{JobDetails, QueueStanding, Try, UnfinishedJob, find_job, list_unfinished, standing, tries};
pub use prune::{Pruned, prune};
pub use queues::{has_unfinished, register_queue};
pub use report::{
    LogLevel, LogLine, Progress, Report, add_to_log, job_log, report_all, report_progress, save_result, save_results,
};
pub use rescue::{RescuedJob, rescue};
pub use settle::{
    PutBack, Retried, complete, complete_all, discard, hand_back, hold, hold_all, put_back_strays, retry,
    settle_cancelled, snooze,
};
pub use stray_watch::StrayWatch;
pub use wakeup::{Wakeup, Wakeups};
pub use workflow::{
    Need, OnFailure, WorkflowId, WorkflowJob, WorkflowStep, await_children, cancel_workflow, enqueue_workflow,
    needs_of, workflow,
};
