//! The records of a job's acts.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use botticelli_actors::{load_checkpoint, save_checkpoint};
use botticelli_content::{Scope, StateEntry, save_state};
use botticelli_narrative::{ActRecord, Checkpoints, PortError, PortFuture, Receipt};
use botticelli_queue::{Lease, LogLevel, Progress, QueueError, add_to_log, report_progress};
use sqlx::PgPool;

use super::{Account, held};
use crate::{outcome::chain, record_error::is_permanent};

/// The replies of a job's acts, kept until the job ends. A worker that lost the job can no longer add to them. With each
/// goes how far the job is.
pub(crate) struct JobCheckpoints<'a> {
    /// Where they are kept.
    pub pool: &'a PgPool,
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

    /// The record may be paid for, so a database that does not answer is asked again rather than given up on.
    fn save<'a>(&'a self, step: &'a str, record: &'a ActRecord, receipts: &'a [Receipt]) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let done = self.acts.map(|_| self.count());
            let mut wait = FIRST_WAIT;
            loop {
                match self.save_once(step, record, receipts, done).await {
                    Ok(()) => break,
                    Err(error) if wait > LONGEST_WAIT || !may_work_later(&error) => return Err(error),
                    Err(error) => {
                        tracing::warn!(job.id = %self.lease.job, error = chain(error.inner()), "Could not save act {step} yet");
                        tokio::time::sleep(wait).await;
                        wait *= 2;
                    }
                }
            }
            self.account.heed(receipts).await;
            Ok(())
        })
    }
}

/// How long an act waits at first that could not be saved, twice as long each time, and at most.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// Whether saving the same again may work: not when the job is another worker's, or the database will never take it.
fn may_work_later(error: &PortError) -> bool {
    let error = error.inner();
    let is_lost = matches!(error.downcast_ref(), Some(QueueError::LeaseLost(_)));
    !is_lost && !is_permanent(error)
}

impl JobCheckpoints<'_> {
    async fn save_once(
        &self,
        step: &str,
        record: &ActRecord,
        receipts: &[Receipt],
        done: Option<u32>,
    ) -> Result<(), PortError> {
        let state: Vec<StateEntry<'_>> = entries(record).collect();
        let progress = Progress {
            done,
            total: self.acts,
            note: Some(step),
        };
        let line = line_about(step, record);
        let saved = serde_json::to_value(record).map_err(PortError::new)?;
        let mut transaction = held(self.pool, self.lease).await?;
        save_checkpoint(&mut transaction, self.lease.job.0, step, &saved)
            .await
            .map_err(PortError::new)?;
        self.account
            .settle(&mut transaction, receipts)
            .await
            .map_err(PortError::new)?;
        if !state.is_empty() {
            let by = format!("job {}", self.lease.job);
            save_state(&mut transaction, &state, &by)
                .await
                .map_err(PortError::new)?;
        }
        report_progress(&mut *transaction, self.lease, progress)
            .await
            .map_err(PortError::new)?;
        add_to_log(&mut *transaction, self.lease, LogLevel::Info, &line)
            .await
            .map_err(PortError::new)?;
        transaction.commit().await.map_err(PortError::new)
    }
}

/// What an act keeps in the state, which all narratives share.
fn entries(record: &ActRecord) -> impl Iterator<Item = StateEntry<'_>> {
    record.state.iter().map(|(key, value)| StateEntry {
        scope: Scope::Global,
        key,
        value,
    })
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
