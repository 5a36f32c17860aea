//! The records of a job's acts.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use botticelli_actors::load_checkpoint;
use botticelli_narrative::{ActRecord, Checkpoints, PortError, PortFuture, Receipt, RefusedAnswer};
use botticelli_queue::Lease;
use sqlx::PgPool;

use super::{Account, PlayedAct};
use crate::together::EntryDesk;

/// The replies of a job's acts, kept until the job ends. A worker that lost the job can no longer add to them. With each
/// goes how far the job is.
pub(crate) struct JobCheckpoints<'a> {
    /// Where they are kept.
    pub pool: &'a PgPool,
    /// Who keeps them.
    pub desk: &'a EntryDesk<Arc<PlayedAct>>,
    /// The job.
    pub lease: Lease,
    /// Who keeps account of the acts' calls.
    pub account: &'a Account<'a>,
    /// Acts that the job plays; `None` when its progress is not told in acts.
    pub acts: Option<u32>,
    /// Acts that have been played.
    pub played: AtomicU32,
}

impl JobCheckpoints<'_> {
    /// That one more act is played, and how many are now.
    fn count(&self) -> u32 {
        self.played.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Checkpoints for JobCheckpoints<'_> {
    fn load<'a>(&'a self, step: &'a str) -> PortFuture<'a, Option<ActRecord>> {
        Box::pin(async move {
            // Whoever kept one had claimed the job.
            if self.lease.attempt == 1 {
                return Ok(None);
            }
            let record = load_checkpoint(self.pool, self.lease.job.0, step)
                .await
                .map_err(PortError::new)?;
            let record = record.map(serde_json::from_value).transpose().map_err(PortError::new)?;
            if record.is_some() {
                self.count();
            }
            Ok(record)
        })
    }

    fn refused<'a>(&'a self, step: &'a str) -> PortFuture<'a, Option<RefusedAnswer>> {
        Box::pin(async move {
            if self.lease.attempt == 1 {
                return Ok(None);
            }
            let note = load_checkpoint(self.pool, self.lease.job.0, &refused_step(step)).await;
            let note = note.map_err(PortError::new)?;
            note.map(serde_json::from_value).transpose().map_err(PortError::new)
        })
    }

    fn save<'a>(&'a self, step: &'a str, record: &'a ActRecord, receipts: &'a [Receipt]) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let act = PlayedAct {
                lease: self.lease,
                step: step.to_owned(),
                record: serde_json::to_value(record).map_err(PortError::new)?,
                settlements: self.account.settlements(receipts),
                state: record.state.clone().into_iter().collect(),
                done: self.acts.map(|_| self.count()),
                total: self.acts,
                line: line_about(step, record),
            };
            self.desk.write(Arc::new(act)).await.map_err(PortError::new)?;
            self.account.heed(receipts).await;
            Ok(())
        })
    }
}

/// Under which name it is kept that the answer of a step was refused.
pub(crate) fn refused_step(step: &str) -> String {
    format!("{step}/refused")
}

/// What the log says about an act. What was said in it is not logged.
fn line_about(step: &str, record: &ActRecord) -> String {
    match &record.model {
        Some(model) => format!(
            "act {step} was played by {model}: {} tokens in, {} out",
            record.usage.input_tokens, record.usage.output_tokens
        ),
        None => format!("act {step} was played"),
    }
}

/// No checkpoints: for a narrative that is run outside of a job, or that asks no model.
pub struct NoCheckpoints;

impl Checkpoints for NoCheckpoints {
    fn load<'a>(&'a self, _: &'a str) -> PortFuture<'a, Option<ActRecord>> {
        Box::pin(async { Ok(None) })
    }

    fn save<'a>(&'a self, _: &'a str, _: &'a ActRecord, _: &'a [Receipt]) -> PortFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}
