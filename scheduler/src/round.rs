//! One round: schedules that are due are locked, decided and noted, with their jobs, in one transaction.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use botticelli_actors::{ActorsError, list_actors, set_next_runs};
use botticelli_queue::{JobId, QueueError, cancel_within, unfinished_jobs};
use botticelli_telemetry::{Metrics, context::current_traceparent, names};
use botticelli_timetable::{
    DecidedSchedule, Decision, Outcome, Plan, ScheduleRow, Standing, TimetableError, due_names, enqueue_ticks, record,
    recorded_ticks, refuse, set_aside, take_due,
};
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

/// Schedules in one transaction at most.
const MOST_SCHEDULES: i64 = 500;
/// Missed ticks that are counted in one transaction, which is idle meanwhile.
const MOST_COUNTED: u32 = 100_000;
/// How long whoever has a job in hand is waited for that is to be cancelled.
const CANCEL_PATIENCE: Duration = Duration::from_millis(100);
/// For how many such jobs, in one transaction.
const MOST_WAITED_FOR: u32 = 5;
/// For the others: the shortest that PostgreSQL knows.
const NO_PATIENCE: Duration = Duration::from_millis(1);

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

impl TickError {
    /// What the database or its driver says about data that it cannot do with, whoever asks again; `None` for an error that passes,
    /// or that all schedules have.
    fn of_data(&self) -> Option<String> {
        let source = match self {
            Self::Database(source)
            | Self::Timetable(TimetableError::Database(source))
            | Self::Queue(QueueError::Database { source, .. }) => source,
            Self::Timetable(TimetableError::Refused(text)) | Self::Queue(QueueError::Invalid(text)) => {
                return Some(text.clone());
            }
            _ => return None,
        };
        let is_of_data = match source {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::Encode(_) => true,
            // Wrong data (class 22), against a constraint (23), too much (54), refused by a function or a trigger (P0).
            sqlx::Error::Database(said) => said
                .code()
                .is_some_and(|code| ["22", "23", "54", "P0"].iter().any(|class| code.starts_with(class))),
            _ => false,
        };
        is_of_data.then(|| source.to_string())
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
    let round = Round {
        pool,
        metrics,
        now,
        paused,
    };
    match round.attempt(MOST_SCHEDULES, None).await {
        // One of them has something that the database cannot do with.
        Err(error) if error.of_data().is_some() => round.one_by_one().await,
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
    /// Decides each by itself, and sets aside those that cannot be decided, so that the others run.
    async fn one_by_one(&self) -> Result<usize, TickError> {
        let mut decided = 0;
        for name in due_names(self.pool, self.now, MOST_SCHEDULES).await? {
            decided += match self.attempt(1, Some(&name)).await {
                Ok(number) => number,
                Err(error) => {
                    let Some(problem) = error.of_data() else {
                        return Err(error);
                    };
                    tracing::error!(actor.name = %name, "Nothing can be decided about schedule {name}, which is set aside: {problem}");
                    if let Err(error) = set_aside(self.pool, &name, &problem, self.now).await {
                        tracing::error!(actor.name = %name, "Schedule {name} cannot even be set aside: {error}");
                        continue;
                    }
                    1
                }
            };
        }
        Ok(decided)
    }

    async fn attempt(&self, most: i64, only: Option<&str>) -> Result<usize, TickError> {
        let mut transaction = botticelli_database::transaction(self.pool).await?;
        match self.decide_due(&mut transaction, most, only).await {
            Ok(decided) => {
                transaction.commit().await?;
                for schedule in &decided {
                    tell(schedule);
                    self.count(schedule);
                }
                self.note_next_runs(&decided).await?;
                Ok(decided.len())
            }
            Err(error) => {
                // Awaited, or the next look would find the rows locked still.
                transaction.rollback().await?;
                Err(error)
            }
        }
    }

    async fn decide_due(
        &self,
        connection: &mut PgConnection,
        most: i64,
        only: Option<&str>,
    ) -> Result<Vec<DecidedSchedule>, TickError> {
        let rows = take_due(connection, self.now, most, only).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let last_jobs: Vec<i64> = rows.iter().filter_map(|row| row.last_job).collect();
        let busy: BTreeSet<i64> = if last_jobs.is_empty() {
            BTreeSet::new()
        } else {
            unfinished_jobs(connection, &last_jobs).await?.into_iter().collect()
        };
        let mut recorded = recorded_ticks(connection, &rows, self.now).await?;
        let schedules = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let mut decided = Vec::with_capacity(rows.len());
        for row in rows {
            let is_busy = row.last_job.is_some_and(|job| busy.contains(&job));
            let pause = self.paused.get(&row.queue).map(String::as_str);
            let standing = Standing {
                most_counted: (MOST_COUNTED / schedules).min(Standing::MOST_COUNTED),
                ..row.standing(is_busy, recorded.remove(&row.name).unwrap_or_default(), pause)
            };
            decided.push(self.decide(row, &standing));
            // Of many that are far behind each takes a while, and there are other things to do.
            tokio::task::yield_now().await;
        }
        refuse(connection, &mut decided).await?;
        let mut decided = cancel_last_jobs(connection, decided).await?;
        enqueue_ticks(connection, &mut decided, trace).await?;
        record(connection, &decided, self.now).await?;
        Ok(decided)
    }

    fn decide(&self, row: ScheduleRow, standing: &Standing) -> DecidedSchedule {
        let plan = if row.enabled {
            row.timing().map(|timing| Plan::of(&timing, standing, self.now))
        } else {
            Ok(Plan::idle(self.now))
        };
        DecidedSchedule {
            row,
            plan,
            refusal: None,
        }
    }

    /// Afterwards, because whoever holds an actor's row, as a pause does, must not hold up ticks.
    async fn note_next_runs(&self, decided: &[DecidedSchedule]) -> Result<(), TickError> {
        let configured = decided.iter().filter(|schedule| schedule.row.is_configured);
        let (names, next_runs): (Vec<&str>, Vec<_>) = configured
            .map(|schedule| {
                let next = schedule.plan.as_ref().ok().and_then(|plan| plan.next_tick);
                (schedule.row.name.as_str(), next)
            })
            .unzip();
        if !names.is_empty() {
            set_next_runs(self.pool, &names, &next_runs).await?;
        }
        Ok(())
    }

    /// Counts what was decided, by the actor whose jobs it is about: schedules may be many.
    fn count(&self, schedule: &DecidedSchedule) {
        let queue = &schedule.row.queue;
        for tick in schedule.decisions() {
            self.metrics
                .schedule_ticks(queue, tick.outcome.as_str(), tick.ticks.into());
            if tick.outcome.runs() && !tick.is_immediate() {
                let lag = (self.now - tick.at).to_std().unwrap_or_default();
                self.metrics.schedule_lagged(queue, lag);
            }
        }
    }
}

/// Cancels the last jobs of those whose ticks ask for that. One whose job is in others' hands for long stays due.
async fn cancel_last_jobs(
    connection: &mut PgConnection,
    decided: Vec<DecidedSchedule>,
) -> Result<Vec<DecidedSchedule>, TickError> {
    let mut waited_for = 0;
    let mut cancelled = Vec::with_capacity(decided.len());
    for schedule in decided {
        if let (Ok(Plan { cancels_last: true, .. }), Some(job)) = (&schedule.plan, schedule.row.last_job) {
            let patience = if waited_for < MOST_WAITED_FOR {
                CANCEL_PATIENCE
            } else {
                NO_PATIENCE
            };
            let reason = "its schedule is due again";
            match cancel_within(connection, JobId(job), reason, &schedule.row.name, patience).await {
                // Or it has ended by now, so that there is nothing to cancel.
                Ok(Some(_)) | Err(QueueError::Invalid(_)) => {}
                Ok(None) => {
                    waited_for += 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
        }
        cancelled.push(schedule);
    }
    Ok(cancelled)
}

/// Where the trace of a tick begins.
fn trace(row: &ScheduleRow, tick: &Decision) -> Option<String> {
    let span = tracing::info_span!(parent: None, names::span::TICK, actor.name = %row.name, tick.at = %tick.at);
    span.in_scope(current_traceparent)
}

/// Logs what was decided.
fn tell(schedule: &DecidedSchedule) {
    let name = &schedule.row.name;
    if let Some(problem) = schedule
        .problem()
        .filter(|problem| schedule.row.problem.as_deref() != Some(*problem))
    {
        tracing::error!(actor.name = %name, "Schedule {name} cannot run: {problem}");
    }
    for tick in schedule.decisions() {
        let at = tick.at;
        match (&tick.outcome, tick.job) {
            (Outcome::Enqueued { .. }, Some(job)) if tick.is_immediate() => {
                tracing::info!(actor.name = %name, job.id = job, "Enqueued job {job} for the new configuration of {name}");
            }
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
