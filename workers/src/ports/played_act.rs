//! An act of a job that has been played, to be kept.

use std::sync::Arc;

use botticelli_actors::{Checkpoint, save_checkpoints};
use botticelli_content::{Scope, StateEntry, save_state};
use botticelli_ledger::{Settlement, settle_all};
use botticelli_queue::{Lease, LogLevel, Progress, Report, hold_all, report_all};
use serde_json::Value;
use sqlx::PgPool;

use crate::{
    record_error::RecordError,
    together::{Entry, each},
};

/// All that is kept of an act when it has been played: its record, what its calls used, what it keeps for other runs, and what people see
/// of it. A worker that lost the job can no longer keep any of it.
#[derive(Debug)]
pub(crate) struct PlayedAct {
    pub lease: Lease,
    pub step: String,
    pub record: Value,
    pub settlements: Vec<Settlement>,
    pub state: Vec<(String, Value)>,
    /// Acts of the job that are done, and of how many; `None` when its progress is not told in acts.
    pub done: Option<u32>,
    pub total: Option<u32>,
    /// What the job's log says.
    pub line: String,
}

impl Entry for Arc<PlayedAct> {
    type Tools = PgPool;
    type Answer = ();

    async fn write(pool: &PgPool, acts: &[&Self]) -> Result<Vec<Result<(), RecordError>>, RecordError> {
        let leases: Vec<Lease> = acts.iter().map(|act| act.lease).collect();
        let mut transaction = botticelli_database::transaction(pool).await?;
        let lost = hold_all(&mut transaction, &leases).await?;
        let held = || acts.iter().filter(|act| !lost.contains(&act.lease));
        let checkpoints = held().map(|act| Checkpoint {
            job_id: act.lease.job.0,
            step: &act.step,
            record: &act.record,
        });
        let kept = save_checkpoints(&mut transaction, &checkpoints.collect::<Vec<_>>()).await?;
        let settlements: Vec<&Settlement> = held().flat_map(|act| &act.settlements).collect();
        for call in settle_all(&mut transaction, &settlements).await? {
            // The answer is there; what it cost is not on record any more.
            tracing::warn!("Call {call} of a language model is not on record, and its use is not");
        }
        // What was kept before, by a commit whose answer was lost, has been told, and may have been overtaken since.
        let new = || {
            held().filter(|act| {
                kept.iter()
                    .any(|(job, step)| (*job, step) == (act.lease.job.0, &act.step))
            })
        };
        let by: Vec<String> = new().map(|act| format!("job {}", act.lease.job)).collect();
        let state = new().zip(&by).flat_map(|(act, by)| {
            act.state.iter().map(|(key, value)| StateEntry {
                scope: Scope::Global,
                key,
                value,
                by,
            })
        });
        let state: Vec<StateEntry<'_>> = state.collect();
        if !state.is_empty() {
            save_state(&mut transaction, &state).await?;
        }
        let reports = new().map(|act| Report {
            lease: act.lease,
            progress: Progress {
                done: act.done,
                total: act.total,
                note: Some(&act.step),
            },
            level: LogLevel::Info,
            line: &act.line,
        });
        report_all(&mut transaction, &reports.collect::<Vec<_>>()).await?;
        transaction.commit().await?;
        Ok(each(&leases, &lost))
    }
}
