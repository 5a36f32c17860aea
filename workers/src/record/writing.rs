//! The transaction in which runs end.

use std::{collections::BTreeSet, sync::Arc};

use botticelli_actors::{Ending, clear_checkpoints, finish_executions, record_success};
use botticelli_content::give_back;
use botticelli_posts::release;
use botticelli_queue::{ClaimedJob, Lease, complete, complete_all, hold_all, save_results};
use serde_json::Value;
use sqlx::PgConnection;

use super::Recorded;
use crate::record_error::RecordError;

/// A transaction in which runs of several jobs end, and what of it is written at its end for all of them at once.
pub(super) struct Writing<'c> {
    /// What to write by.
    pub connection: &'c mut PgConnection,
    /// The jobs that have been completed together.
    completed: Vec<Lease>,
    executions: Vec<Execution>,
    results: Vec<(Lease, Value)>,
    /// The jobs that hold nothing any more.
    over: Vec<i64>,
    /// The actors that have been called to go on.
    pub called: BTreeSet<String>,
    /// The actor that was told of a success, if nothing has happened to any since.
    succeeded: Option<Arc<str>>,
}

/// An execution to be closed.
struct Execution {
    job: Lease,
    recorded: Recorded,
    metadata: Value,
}

impl<'c> Writing<'c> {
    pub(super) fn new(connection: &'c mut PgConnection) -> Self {
        Self {
            connection,
            completed: Vec::new(),
            executions: Vec::new(),
            results: Vec::new(),
            over: Vec::new(),
            called: BTreeSet::new(),
            succeeded: None,
        }
    }

    /// Completes jobs by one statement. Gives those whose lease is gone.
    pub(super) async fn complete_together(&mut self, mut leases: Vec<Lease>) -> Result<Vec<Lease>, RecordError> {
        // A claim is completed for all that are asked for or for none.
        let lost = hold_all(self.connection, &leases).await?;
        leases.retain(|lease| !lost.contains(lease));
        let not_completed = complete_all(self.connection, &leases).await?;
        leases.retain(|lease| !not_completed.contains(lease));
        self.completed = leases;
        Ok(lost)
    }

    /// Completes a job, unless it is.
    pub(super) async fn complete(&mut self, job: &ClaimedJob) -> Result<(), RecordError> {
        if !self.completed.contains(&job.lease) {
            complete(self.connection, job.lease).await?;
        }
        Ok(())
    }

    /// Closes an execution.
    pub(super) fn close(&mut self, job: &ClaimedJob, recorded: &Recorded, metadata: &Value) {
        self.executions.push(Execution {
            job: job.lease,
            recorded: recorded.clone(),
            metadata: metadata.clone(),
        });
    }

    /// Keeps what came of a job for those that wait for it. What is too large stays with the execution alone.
    pub(super) fn keep_result(&mut self, job: &ClaimedJob, result: &Value) {
        self.results.push((job.lease, result.clone()));
    }

    /// Lets go of what was kept under the id of a job that is over.
    pub(super) fn let_go(&mut self, job: &ClaimedJob) {
        self.over.push(job.lease.job.0);
    }

    /// The same of one that will not do its work, and gives back the rows that it took of tables, for others to work on.
    pub(super) async fn give_up(&mut self, job: &ClaimedJob) -> Result<(), RecordError> {
        self.let_go(job);
        let rows = give_back(self.connection, job.lease.job.0).await?;
        if rows > 0 {
            tracing::info!(job.id = %job.lease.job, "Job {} gave back {rows} rows that it had pulled", job.lease.job);
        }
        Ok(())
    }

    /// Tells the breaker of a success.
    pub(super) async fn tell_success(&mut self, actor: &Arc<str>) -> Result<(), RecordError> {
        if self.succeeded.as_ref() != Some(actor) {
            record_success(self.connection, actor).await?;
            self.succeeded = Some(Arc::clone(actor));
        }
        Ok(())
    }

    /// To be called when a breaker is told of a failure: the next success counts again.
    pub(super) fn forget_success(&mut self) {
        self.succeeded = None;
    }

    /// Writes what was put off.
    pub(super) async fn finish(self) -> Result<(), RecordError> {
        let endings: Vec<Ending<'_>> = self.executions.iter().map(Execution::ending).collect();
        let results: Vec<(Lease, &Value)> = self.results.iter().map(|(lease, result)| (*lease, result)).collect();
        finish_executions(self.connection, &endings).await?;
        for (lease, reason) in save_results(self.connection, &results).await? {
            tracing::warn!(job.id = %lease.job, "Did not keep a result, which {reason}");
        }
        clear_checkpoints(self.connection, &self.over).await?;
        release(self.connection, &self.over).await?;
        Ok(())
    }
}

impl Execution {
    fn ending(&self) -> Ending<'_> {
        let recorded = &self.recorded;
        let failed = recorded.outcome == botticelli_actors::Outcome::Failure;
        Ending {
            job_id: self.job.job.0,
            attempt: self.job.attempt,
            outcome: recorded.outcome,
            error_message: recorded.message.as_deref().filter(|_| failed),
            reason: recorded.message.as_deref().filter(|_| !failed),
            skills_succeeded: i32::try_from(recorded.succeeded).unwrap_or(i32::MAX),
            skills_failed: i32::try_from(recorded.failed).unwrap_or(i32::MAX),
            metadata: &self.metadata,
        }
    }
}
