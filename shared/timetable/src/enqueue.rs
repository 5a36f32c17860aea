//! Turning ticks into jobs.

use std::collections::BTreeMap;

use botticelli_database::{has_sessions, sql};
use botticelli_queue::Source;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::{DecidedSchedule, Decision, Outcome, ScheduleRow, TimetableError};

/// Notes of schedules whose job the queue would not take why that is: their ticks are skipped then.
///
/// # Errors
///
/// [`TimetableError::Database`] when the statement fails.
pub async fn refuse(connection: &mut PgConnection, decided: &mut [DecidedSchedule]) -> Result<(), TimetableError> {
    let names: Vec<&str> = decided
        .iter()
        .filter(|schedule| schedule.row.is_changed || schedule.row.problem.is_some() || schedule.runs())
        .map(|schedule| schedule.row.name.as_str())
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    let refusals: Vec<(String, String)> = sqlx::query_as(sql(include_str!("sql/refusals.sql")))
        .bind(names)
        .fetch_all(connection)
        .await?;
    let mut refusals: BTreeMap<_, _> = refusals.into_iter().collect();
    for schedule in decided {
        if let Some(reason) = refusals.remove(&schedule.row.name) {
            let reason = format!("its job was refused: {reason}");
            for tick in schedule.running_ticks() {
                tick.outcome = Outcome::Skipped(reason.clone());
            }
            if let Ok(plan) = &mut schedule.plan {
                plan.cancels_last = false;
            }
            schedule.refusal = Some(reason);
        }
    }
    Ok(())
}

/// Enqueues a job for each tick that runs, and notes it there. `trace` gives the W3C trace context of each.
///
/// # Errors
///
/// [`TimetableError::Database`] when the statement fails; nothing is enqueued then.
pub async fn enqueue_ticks(
    connection: &mut PgConnection,
    decided: &mut [DecidedSchedule],
    trace: impl Fn(&ScheduleRow, &Decision) -> Option<String>,
) -> Result<(), TimetableError> {
    let mut jobs = Jobs::default();
    for schedule in &*decided {
        for tick in schedule.decisions() {
            if let Outcome::Enqueued { run_at } = tick.outcome {
                jobs.push(&schedule.row.name, run_at, trace(&schedule.row, tick));
            }
        }
    }
    let ids = jobs.enqueue(connection, Source::Schedule).await?;
    let ticks = decided.iter_mut().flat_map(DecidedSchedule::running_ticks);
    for (tick, id) in ticks.zip(ids) {
        tick.job = Some(id);
    }
    Ok(())
}

/// Jobs of schedules.
#[derive(Default)]
pub(crate) struct Jobs<'a> {
    names: Vec<&'a str>,
    run_ats: Vec<DateTime<Utc>>,
    traceparents: Vec<Option<String>>,
}

impl<'a> Jobs<'a> {
    pub(crate) fn push(&mut self, name: &'a str, run_at: DateTime<Utc>, traceparent: Option<String>) {
        self.names.push(name);
        self.run_ats.push(run_at);
        self.traceparents.push(traceparent);
    }

    /// Gives their ids in their order.
    pub(crate) async fn enqueue(
        self,
        connection: &mut PgConnection,
        source: Source,
    ) -> Result<Vec<i64>, TimetableError> {
        if self.names.is_empty() {
            return Ok(Vec::new());
        }
        sqlx::query_scalar(sql(include_str!("sql/enqueue_ticks.sql")))
            .bind(self.names)
            .bind(self.run_ats)
            .bind(self.traceparents)
            .bind(source.as_str())
            .persistent(has_sessions())
            .fetch_one(connection)
            .await
            .map_err(TimetableError::refused)
    }
}
