//! The records of a job's acts.

use std::sync::atomic::{AtomicU32, Ordering};

use botticelli_actors::{load_checkpoint, save_checkpoint};
use botticelli_content::{Scope, StateEntry, save_state};
use botticelli_narrative::{ActRecord, Checkpoints, PortError, PortFuture, Receipt};
use botticelli_queue::{Lease, LogLevel, Progress, add_to_log, report_progress};
use sqlx::PgPool;

use super::{Account, held};

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

    fn save<'a>(&'a self, step: &'a str, record: &'a ActRecord, receipts: &'a [Receipt]) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let state: Vec<StateEntry<'_>> = entries(record).collect();
            let progress = Progress {
                done: self.acts.map(|_| self.count()),
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
            transaction.commit().await.map_err(PortError::new)?;
            self.account.heed(receipts).await;
            Ok(())
        })
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
