//! One round: schedules that are due are locked, decided and noted, with their jobs, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use botticelli_actors::{ActorsError, list_actors, set_next_run};
use botticelli_database::Refusal;
use botticelli_queue::{EachJob, JobId, QueueError, cancel, enqueue_each, unfinished_jobs};
use botticelli_telemetry::{Metrics, context::current_traceparent, names};
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::{
    plan::{Decision, Outcome, Plan},
    row::ScheduleRow,
    store::{Decided, record_standings, record_ticks, recorded_already, take_due},
};

/// Schedules in one transaction at most.
const MOST_SCHEDULES: i64 = 500;

/// Why schedules could not be decided.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TickError {
    /// Schedules or their ticks could not be read or written.
    #[error("the schedules could not be read or written")]
    Database(#[from] sqlx::Error),
    /// It may not be: why, and the way out.
    #[error("{0}")]
    Refused(String),
    /// The queue's part failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The actors' part failed.
    #[error(transparent)]
    Actors(#[from] ActorsError),
}

impl TickError {
    /// Tells a refusal of the SQL contract from a failing database.
    pub(crate) fn refused(error: sqlx::Error) -> Self {
        match Refusal::of(&error) {
            Some(refusal) if refusal.code == "22023" => Self::Refused(refusal.text),
            _ => Self::Database(error),
        }
    }
}

/// Decides what is due at `now`, up to 500 schedules, and gives how many they were. Any number of schedulers may do so at the
/// same time: each takes what no other has.
///
/// # Errors
///
/// [`TickError`]; nothing is decided then, and all of it stays due.
pub(crate) async fn round(pool: &PgPool, metrics: &Metrics, now: DateTime<Utc>) -> Result<usize, TickError> {
    let paused: BTreeMap<String, String> = list_actors(pool)
        .await?
        .into_iter()
        .filter(|actor| actor.is_paused)
        .map(|actor| (actor.name, actor.paused_reason.unwrap_or_else(|| "manual".to_owned())))
        .collect();
    match attempt(pool, metrics, now, MOST_SCHEDULES, &paused).await {
        // Something that is asked for can never be enqueued. One by one, so that it is known which, and the others run.
        Err(TickError::Queue(QueueError::Invalid(_))) => {
            let mut decided = 0;
            while decided < usize::try_from(MOST_SCHEDULES).unwrap_or(0) {
                let one = attempt(pool, metrics, now, 1, &paused).await?;
                if one == 0 {
                    break;
                }
                decided += one;
            }
            Ok(decided)
        }
        decided => decided,
    }
}

async fn attempt(
    pool: &PgPool,
    metrics: &Metrics,
    now: DateTime<Utc>,
    most: i64,
    paused: &BTreeMap<String, String>,
) -> Result<usize, TickError> {
    let mut transaction = botticelli_database::transaction(pool).await?;
    let rows = take_due(&mut transaction, now, most, None).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let last_jobs: Vec<i64> = rows.iter().filter_map(|row| row.last_job).collect();
    let busy: BTreeSet<i64> = if last_jobs.is_empty() {
        BTreeSet::new()
    } else {
        unfinished_jobs(&mut transaction, &last_jobs)
            .await?
            .into_iter()
            .collect()
    };
    let mut plans: Vec<Result<Plan, String>> = rows.iter().map(|row| plan_of(row, &busy, paused, now)).collect();
    forget_recorded(&mut transaction, &rows, &mut plans).await?;
    for (row, plan) in rows.iter().zip(&plans) {
        if let (Ok(Plan { cancels_last: true, .. }), Some(job)) = (plan, row.last_job) {
            // It may have ended by now; then there is nothing to cancel.
            cancel(pool, JobId(job), Some("its schedule is due again"), &row.name)
                .await
                .ok();
        }
    }
    let mut jobs = match enqueue(&mut transaction, &rows, &plans).await {
        Ok(jobs) => jobs,
        Err(refused) => {
            // Awaited, or the next look would find the rows locked still.
            transaction.rollback().await?;
            return match (rows.as_slice(), refused) {
                ([row], QueueError::Invalid(reason)) => record_refusal(pool, now, &row.name, &reason).await,
                (_, refused) => Err(refused.into()),
            };
        }
    };
    let mut ticks = Vec::new();
    let mut decided = Vec::with_capacity(rows.len());
    for (row, plan) in rows.iter().zip(&plans) {
        let mut last_job = None;
        for decision in plan.iter().flat_map(|plan| &plan.decisions) {
            let runs = matches!(decision.outcome, Outcome::Enqueued { .. });
            let job = runs.then(|| jobs.next()).flatten();
            last_job = job.or(last_job);
            ticks.push((row.name.as_str(), decision, job));
        }
        decided.push(Decided {
            row,
            plan: plan.as_ref().map_err(String::as_str),
            job: last_job,
        });
    }
    record_ticks(&mut transaction, &ticks).await?;
    record_standings(&mut transaction, &decided, now).await?;
    for (row, plan) in rows.iter().zip(&plans).filter(|(row, _)| row.is_configured) {
        let next = plan.as_ref().ok().and_then(|plan| plan.next_tick);
        set_next_run(&mut transaction, &row.name, next).await?;
    }
    transaction.commit().await?;
    tell(&ticks, &rows, &plans);
    count(metrics, &rows, &plans, now);
    Ok(rows.len())
}

fn plan_of(
    row: &ScheduleRow,
    busy: &BTreeSet<i64>,
    paused: &BTreeMap<String, String>,
    now: DateTime<Utc>,
) -> Result<Plan, String> {
    if !row.enabled {
        return Ok(Plan::idle(now));
    }
    let is_busy = row.last_job.is_some_and(|job| busy.contains(&job));
    let standing = row.standing(is_busy, paused.get(&row.queue).map(String::as_str));
    Ok(row.timing()?.plan(&standing, now))
}

/// Takes those ticks out of the plans that are on record.
async fn forget_recorded(
    connection: &mut PgConnection,
    rows: &[ScheduleRow],
    plans: &mut [Result<Plan, String>],
) -> Result<(), TickError> {
    let ticks: Vec<(&str, &Decision)> = rows
        .iter()
        .zip(plans.iter())
        .flat_map(|(row, plan)| {
            plan.iter()
                .flat_map(|plan| &plan.decisions)
                .map(|tick| (row.name.as_str(), tick))
        })
        .collect();
    if ticks.is_empty() {
        return Ok(());
    }
    let recorded = recorded_already(connection, &ticks).await?;
    if recorded.is_empty() {
        return Ok(());
    }
    for (row, plan) in rows.iter().zip(plans) {
        if let Ok(plan) = plan {
            plan.decisions
                .retain(|tick| !recorded.contains(&(row.name.clone(), tick.at, tick.revision.clone())));
        }
    }
    Ok(())
}

/// Enqueues a job for each tick that runs, and gives their ids in the order of rows and decisions.
async fn enqueue(
    connection: &mut PgConnection,
    rows: &[ScheduleRow],
    plans: &[Result<Plan, String>],
) -> Result<std::vec::IntoIter<i64>, QueueError> {
    let mut jobs = Vec::new();
    for (row, plan) in rows.iter().zip(plans) {
        for decision in plan.iter().flat_map(|plan| &plan.decisions) {
            if let Outcome::Enqueued { run_at } = decision.outcome {
                let span = tracing::info_span!(parent: None, names::span::TICK, actor.name = %row.name, tick.at = %decision.at);
                jobs.push(EachJob {
                    queue: &row.queue,
                    args: &row.args,
                    run_at,
                    traceparent: span.in_scope(current_traceparent),
                });
            }
        }
    }
    if jobs.is_empty() {
        return Ok(Vec::new().into_iter());
    }
    Ok(enqueue_each(connection, &jobs, botticelli_queue::Source::Schedule)
        .await?
        .into_iter())
}

/// Notes of a schedule whose job the queue refuses why its ticks do not run. Another may have decided it meanwhile.
async fn record_refusal(pool: &PgPool, now: DateTime<Utc>, name: &str, reason: &str) -> Result<usize, TickError> {
    let mut transaction = botticelli_database::transaction(pool).await?;
    let rows = take_due(&mut transaction, now, 1, Some(name)).await?;
    let Some(row) = rows.first() else { return Ok(1) };
    let mut plan = plan_of(row, &BTreeSet::new(), &BTreeMap::new(), now);
    let mut ticks = Vec::new();
    if let Ok(plan) = &mut plan {
        for decision in &mut plan.decisions {
            if matches!(decision.outcome, Outcome::Enqueued { .. }) {
                decision.outcome = Outcome::Skipped(format!("its job was refused: {reason}"));
            }
        }
        plan.buffered = None;
        ticks.extend(
            plan.decisions
                .iter()
                .map(|decision| (row.name.as_str(), decision, None)),
        );
    }
    tracing::error!(actor.name = %row.name, "Schedule {} cannot enqueue its job: {reason}", row.name);
    record_ticks(&mut transaction, &ticks).await?;
    let decided = Decided {
        row,
        plan: plan.as_ref().map_err(String::as_str),
        job: None,
    };
    record_standings(&mut transaction, &[decided], now).await?;
    transaction.commit().await?;
    Ok(1)
}

/// Counts what was decided, by the actor whose jobs it is about: schedules may be many.
fn count(metrics: &Metrics, rows: &[ScheduleRow], plans: &[Result<Plan, String>], now: DateTime<Utc>) {
    for (row, plan) in rows.iter().zip(plans) {
        for decision in plan.iter().flat_map(|plan| &plan.decisions) {
            metrics.schedule_ticks(&row.queue, decision.outcome.as_str(), decision.ticks.into());
            let is_recurring = decision.revision.is_empty();
            if is_recurring && matches!(decision.outcome, Outcome::Enqueued { .. }) {
                metrics.schedule_lagged(&row.queue, (now - decision.at).to_std().unwrap_or_default());
            }
        }
    }
}

/// Logs what was decided.
fn tell(ticks: &[(&str, &Decision, Option<i64>)], rows: &[ScheduleRow], plans: &[Result<Plan, String>]) {
    for (name, decision, job) in ticks {
        let at = decision.at;
        match (&decision.outcome, job) {
            (Outcome::Enqueued { .. }, Some(job)) => {
                tracing::info!(actor.name = %name, job.id = job, "Enqueued job {job} for the tick of {name} at {at}");
            }
            (Outcome::Missed(reason), _) => {
                let ticks = decision.ticks;
                tracing::warn!(actor.name = %name, "{name} missed {ticks} ticks from {at} on: {reason}");
            }
            (Outcome::Skipped(reason), _) => {
                tracing::debug!(actor.name = %name, "Skipped the tick of {name} at {at}: {reason}");
            }
            (Outcome::Enqueued { .. } | Outcome::Buffered, _) => {}
        }
    }
    for (row, plan) in rows.iter().zip(plans) {
        if let Err(problem) = plan {
            tracing::error!(actor.name = %row.name, "Schedule {} cannot be read and does not run: {problem}", row.name);
        }
    }
}
