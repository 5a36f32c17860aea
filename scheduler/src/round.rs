//! One round: schedules that are due are locked, decided and noted, with their jobs, in one transaction.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
};

use botticelli_actors::{ActorsError, list_actors, set_next_run};
use botticelli_queue::{EachJob, JobId, QueueError, Source, cancel, enqueue_each, unfinished_jobs};
use botticelli_telemetry::{Metrics, context::current_traceparent, names};
use botticelli_timetable::{
    DecidedSchedule, Outcome, Plan, ScheduleRow, TimetableError, forget_recorded, record, take_due,
};
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

/// Schedules in one transaction at most.
const MOST_SCHEDULES: i64 = 500;

/// Why schedules could not be decided.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TickError {
    /// A transaction failed.
    #[error("the database did not answer")]
    Database(#[from] sqlx::Error),
    /// Schedules or their ticks could not be read or written.
    #[error(transparent)]
    Timetable(#[from] TimetableError),
    /// The queue's part failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The actors' part failed.
    #[error(transparent)]
    Actors(#[from] ActorsError),
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
    let round = Round {
        pool,
        metrics,
        now,
        paused,
    };
    match round.attempt(MOST_SCHEDULES).await {
        // Something that is asked for can never be enqueued. One by one, so that it is known which, and the others run.
        Err(TickError::Queue(QueueError::Invalid(_))) => {
            let mut decided = 0;
            while decided < usize::try_from(MOST_SCHEDULES).unwrap_or(0) {
                let one = round.attempt(1).await?;
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

struct Round<'a> {
    pool: &'a PgPool,
    metrics: &'a Metrics,
    now: DateTime<Utc>,
    /// Paused actors, and why each is.
    paused: BTreeMap<String, String>,
}

impl Round<'_> {
    async fn attempt(&self, most: i64) -> Result<usize, TickError> {
        let mut transaction = botticelli_database::transaction(self.pool).await?;
        let rows = take_due(&mut transaction, self.now, most, None).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let last_jobs: Vec<i64> = rows.iter().filter_map(|row| row.last_job).collect();
        let busy: BTreeSet<i64> = if last_jobs.is_empty() {
            BTreeSet::new()
        } else {
            let unfinished = unfinished_jobs(&mut transaction, &last_jobs).await?;
            unfinished.into_iter().collect()
        };
        let mut decided: Vec<_> = rows.into_iter().map(|row| self.decide(row, &busy)).collect();
        forget_recorded(&mut transaction, &mut decided).await?;
        let mut decided = self.cancel_last_jobs(decided).await;
        if let Err(refused) = enqueue(&mut transaction, &mut decided).await {
            // Awaited, or the next look would find the rows locked still.
            transaction.rollback().await?;
            return match (decided.as_slice(), refused) {
                ([schedule], QueueError::Invalid(reason)) => self.record_refusal(&schedule.row.name, &reason).await,
                (_, refused) => Err(refused.into()),
            };
        }
        record(&mut transaction, &decided, self.now).await?;
        for schedule in decided.iter().filter(|schedule| schedule.row.is_configured) {
            let next = schedule.plan.as_ref().ok().and_then(|plan| plan.next_tick);
            set_next_run(&mut transaction, &schedule.row.name, next).await?;
        }
        transaction.commit().await?;
        for schedule in &decided {
            tell(schedule);
            self.count(schedule);
        }
        Ok(decided.len())
    }

    fn decide(&self, row: ScheduleRow, busy: &BTreeSet<i64>) -> DecidedSchedule {
        let plan = if row.enabled {
            let is_busy = row.last_job.is_some_and(|job| busy.contains(&job));
            let standing = row.standing(is_busy, self.paused.get(&row.queue).map(String::as_str));
            row.timing().map(|timing| Plan::of(&timing, &standing, self.now))
        } else {
            Ok(Plan::idle(self.now))
        };
        DecidedSchedule { row, plan }
    }

    /// Cancels the last jobs of those whose ticks ask for that. One whose job cannot be cancelled now stays due.
    async fn cancel_last_jobs(&self, decided: Vec<DecidedSchedule>) -> Vec<DecidedSchedule> {
        let mut cancelled = Vec::with_capacity(decided.len());
        for schedule in decided {
            let name = &schedule.row.name;
            if let (Ok(Plan { cancels_last: true, .. }), Some(job)) = (&schedule.plan, schedule.row.last_job) {
                match cancel(self.pool, JobId(job), Some("its schedule is due again"), name).await {
                    // It has ended by now, so that there is nothing to cancel.
                    Ok(_) | Err(QueueError::Invalid(_)) => {}
                    Err(error) => {
                        tracing::warn!(actor.name = %name, error = &error as &dyn Error, "Could not cancel the last job of {name}, whose next tick waits for that: {error}");
                        continue;
                    }
                }
            }
            cancelled.push(schedule);
        }
        cancelled
    }

    /// Notes of a schedule whose job the queue refuses why its ticks do not run. Another may have decided it meanwhile.
    async fn record_refusal(&self, name: &str, reason: &str) -> Result<usize, TickError> {
        let mut transaction = botticelli_database::transaction(self.pool).await?;
        let Some(row) = take_due(&mut transaction, self.now, 1, Some(name)).await?.pop() else {
            return Ok(1);
        };
        let mut schedule = self.decide(row, &BTreeSet::new());
        if let Ok(plan) = &mut schedule.plan {
            plan.buffered = None;
        }
        for (_, tick) in schedule.runs() {
            tick.outcome = Outcome::Skipped(format!("its job was refused: {reason}"));
        }
        tracing::error!(actor.name = %name, "Schedule {name} cannot enqueue its job: {reason}");
        record(&mut transaction, &[schedule], self.now).await?;
        transaction.commit().await?;
        Ok(1)
    }

    /// Counts what was decided, by the actor whose jobs it is about: schedules may be many.
    fn count(&self, schedule: &DecidedSchedule) {
        let queue = &schedule.row.queue;
        for tick in schedule.decisions() {
            self.metrics
                .schedule_ticks(queue, tick.outcome.as_str(), tick.ticks.into());
            if tick.outcome.runs() && tick.revision.is_empty() {
                let lag = (self.now - tick.at).to_std().unwrap_or_default();
                self.metrics.schedule_lagged(queue, lag);
            }
        }
    }
}

/// Enqueues a job for each tick that runs, and notes it in its decision.
async fn enqueue(connection: &mut PgConnection, decided: &mut [DecidedSchedule]) -> Result<(), QueueError> {
    let (mut jobs, mut places) = (Vec::new(), Vec::new());
    for (row, tick) in decided.iter_mut().flat_map(DecidedSchedule::runs) {
        let Outcome::Enqueued { run_at } = tick.outcome else {
            continue;
        };
        let span = tracing::info_span!(parent: None, names::span::TICK, actor.name = %row.name, tick.at = %tick.at);
        jobs.push(EachJob {
            queue: &row.queue,
            args: &row.args,
            run_at,
            traceparent: span.in_scope(current_traceparent),
        });
        places.push(&mut tick.job);
    }
    if jobs.is_empty() {
        return Ok(());
    }
    let ids = enqueue_each(connection, &jobs, Source::Schedule).await?;
    for (place, id) in places.into_iter().zip(ids) {
        *place = Some(id);
    }
    Ok(())
}

/// Logs what was decided.
fn tell(schedule: &DecidedSchedule) {
    let name = &schedule.row.name;
    if let Err(problem) = &schedule.plan {
        tracing::error!(actor.name = %name, "Schedule {name} cannot be read and does not run: {problem}");
    }
    for tick in schedule.decisions() {
        let at = tick.at;
        match (&tick.outcome, tick.job) {
            (Outcome::Enqueued { .. }, Some(job)) => {
                tracing::info!(actor.name = %name, job.id = job, "Enqueued job {job} for the tick of {name} at {at}");
            }
            (Outcome::Missed(reason), _) => {
                let ticks = tick.ticks;
                tracing::warn!(actor.name = %name, "{name} missed {ticks} ticks from {at} on: {reason}");
            }
            (Outcome::Skipped(reason), _) => {
                tracing::debug!(actor.name = %name, "Skipped the tick of {name} at {at}: {reason}");
            }
            (Outcome::Enqueued { .. } | Outcome::Buffered, _) => {}
        }
    }
}
