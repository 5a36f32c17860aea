//! Duties of whichever scheduler gets to them; each is safe under any number of schedulers.

use std::{error::Error, sync::Arc, time::Duration};

use botticelli_actors::{
    ActorsError, checkpointed_jobs, clear_checkpoints, half_open_due_breakers, list_actors, mark_lost, open_executions,
    set_next_runs,
};
use botticelli_ledger::{LedgerError, fold_corrections, lose_expired_calls, prune_calls};
use botticelli_posts::{PostsError, jobs_in_hand, release};
use botticelli_queue::{
    Pruned, QueueError, RescuedJob, compact, ended_attempts, ended_jobs, forget_dead_workers, make_partitions, prune,
    rescue,
};
use botticelli_telemetry::{Metrics, PauseReason, ScheduleTimes};
use botticelli_timetable::{ActorSchedule, TimetableError, prune_ticks, return_to_present, summary};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{
    interruptions::prune_interruptions,
    pulled_rows::{give_back_all, give_back_lately},
};

/// Claims whose jobs are rescued in one transaction.
const RESCUE_BATCH: u16 = 10;
/// Rounds of rescue between the rarer duties.
const ROUNDS_BETWEEN_REPORTS: u32 = 5;
/// How long a dead worker's row is kept for people to look at.
const DEAD_WORKER_AGE: Duration = Duration::from_hours(1);

/// How long a schedule may be due before somebody should hear of it.
const OVERDUE: Duration = Duration::from_secs(5);
/// Clocks of servers that follow each other differ by less.
const FAR: Duration = Duration::from_hours(1);
/// How often what has been over for long is let go of.
const PRUNE_INTERVAL: Duration = Duration::from_hours(1);
/// How far back a round looks for jobs that were given up; at least, and at least over the last two reports.
const LATELY: Duration = Duration::from_mins(10);

/// Why a duty could not be done; it is tried again in the next round.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MaintenanceError {
    /// A transaction failed.
    #[error("the database did not answer")]
    Database(#[from] sqlx::Error),
    /// The queue's part failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The schedules' part failed.
    #[error(transparent)]
    Timetable(#[from] TimetableError),
    /// The actors' part failed.
    #[error(transparent)]
    Actors(#[from] ActorsError),
    /// The ledger's part failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The posts' part failed.
    #[error(transparent)]
    Posts(#[from] PostsError),
}

/// Rescues, closes and counts until it is told to stop.
pub struct Maintenance {
    /// Where everything is kept.
    pub pool: PgPool,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How often lost jobs are looked for.
    pub rescue_interval: Duration,
    /// How long completed jobs are kept.
    pub history_retention: Duration,
    /// How long jobs are kept that were given up.
    pub dead_retention: Duration,
}

impl Maintenance {
    /// Runs until `stop` is cancelled. A database that is away is waited for.
    pub async fn run(self, stop: CancellationToken) {
        // Apart, because a rescue must not wait while a month of history goes.
        tokio::join!(self.go_round(&stop), self.prune_now_and_then(&stop));
    }

    async fn prune_now_and_then(&self, stop: &CancellationToken) {
        let pruning = async {
            loop {
                match self.prune().await {
                    Ok(pruned) if pruned.is_nothing() => {}
                    Ok(pruned) => tracing::info!(
                        days = pruned.days_dropped,
                        claims = pruned.claims_deleted,
                        dead_jobs = pruned.dead_deleted,
                        keys = pruned.keys_deleted,
                        "Let go of what was over for long"
                    ),
                    Err(error) => tracing::warn!(error = &error as &dyn Error, "Could not prune the history: {error}"),
                }
                tokio::time::sleep(PRUNE_INTERVAL).await;
            }
        };
        // Each step is a transaction of its own, and none of them minds being cut off.
        stop.run_until_cancelled(pruning).await;
    }

    /// Lets go of what has been over for longer than it is to be kept.
    ///
    /// # Errors
    ///
    /// [`MaintenanceError`] when the database does not answer.
    pub async fn prune(&self) -> Result<Pruned, MaintenanceError> {
        for schedule in return_to_present(&self.pool, FAR).await? {
            tracing::warn!(actor.name = %schedule, "Schedule {schedule} was decided far beyond the present, by a server whose clock was wrong; it goes on from now");
        }
        // Before those jobs go whose rows they are.
        warn_of_pulled_rows(give_back_all(&self.pool).await);
        let pruned = prune(&self.pool, self.history_retention, self.dead_retention).await?;
        prune_ticks(&self.pool, self.history_retention).await?;
        prune_interruptions(&self.pool).await?;
        // Whole ones: a lost call may be put right for a day after its own.
        let days = self.dead_retention.as_secs().div_ceil(24 * 60 * 60).max(1);
        prune_calls(&self.pool, u16::try_from(days).unwrap_or(u16::MAX), None).await?;
        Ok(pruned)
    }

    async fn go_round(&self, stop: &CancellationToken) {
        let mut failing = false;
        if let Err(error) = self.warn_of_pauses().await {
            tracing::debug!(error = &error as &dyn Error, "Could not look for paused actors");
        }
        for round in 0_u32.. {
            match self.round(round % ROUNDS_BETWEEN_REPORTS == 0).await {
                Ok(()) => {
                    self.metrics.db_up(true);
                    if std::mem::take(&mut failing) {
                        tracing::info!("Maintenance goes on again");
                    }
                }
                Err(error) => {
                    self.metrics.db_up(false);
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(
                            error = &error as &dyn Error,
                            "Maintenance waits for the database: {error}"
                        );
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.rescue_interval) => {}
            }
        }
    }

    /// One round: rescue and compact, and with `reports` the rarer duties too.
    ///
    /// # Errors
    ///
    /// [`MaintenanceError`] of the first duty that failed.
    pub async fn round(&self, reports: bool) -> Result<(), MaintenanceError> {
        while self.rescue_batch().await? > 0 {}
        // Only a matter of speed: the duties that follow do not wait for it.
        if let Err(error) = compact(&self.pool).await {
            tracing::warn!(
                error = &error as &dyn Error,
                "Could not compact the queue's tables: {error}"
            );
        }
        if reports {
            for actor in half_open_due_breakers(&self.pool).await? {
                tracing::info!(actor.name = %actor, "Lets one run of {actor} probe whether its failures are over");
            }
            forget_dead_workers(&self.pool, DEAD_WORKER_AGE).await?;
            make_partitions(&self.pool).await?;
            self.free_what_ended_jobs_hold().await?;
            let since = LATELY.max(self.rescue_interval.saturating_mul(2 * ROUNDS_BETWEEN_REPORTS));
            warn_of_pulled_rows(give_back_lately(&self.pool, since).await);
            lose_expired_calls(&self.pool, None).await?;
            fold_corrections(&self.pool, None).await?;
            self.report().await?;
        }
        Ok(())
    }

    async fn rescue_batch(&self) -> Result<usize, MaintenanceError> {
        let mut transaction = botticelli_database::transaction(&self.pool).await?;
        let rescued = rescue(&mut transaction, RESCUE_BATCH).await?;
        for job in &rescued {
            mark_lost(&mut transaction, job.id.0, job.attempt).await?;
        }
        let over = rescued.iter().filter(|job| job.discarded || job.cancelled);
        let over: Vec<i64> = over.map(|job| job.id.0).collect();
        clear_checkpoints(&mut transaction, &over).await?;
        release(&mut transaction, &over).await?;
        transaction.commit().await?;
        for RescuedJob {
            id,
            queue,
            attempt,
            discarded,
            cancelled,
        } in &rescued
        {
            if *cancelled {
                tracing::info!(job.id = %id, job.attempt = attempt, "Job {id} of {queue} ended with its lost worker: it had been cancelled");
            } else if *discarded {
                tracing::error!(job.id = %id, job.attempt = attempt, "Discarded job {id} of {queue}: its worker was lost on the last try");
            } else {
                tracing::warn!(job.id = %id, job.attempt = attempt, "Rescued job {id} of {queue} from a lost worker");
            }
        }
        self.metrics
            .jobs_rescued(u64::try_from(rescued.len()).unwrap_or(0), "lost_worker");
        Ok(rescued.len())
    }

    /// Frees posts, deliveries, checkpoints and executions of jobs that are over. Each job does so at its own end; this is
    /// for jobs that ended while they waited, and for writes of a worker that was stopped for so long that they came after
    /// its job's end.
    async fn free_what_ended_jobs_hold(&self) -> Result<(), MaintenanceError> {
        let mut transaction = botticelli_database::transaction(&self.pool).await?;
        let in_hand = jobs_in_hand(&mut transaction).await?;
        let ended = ended_jobs(&mut transaction, &in_hand).await?;
        release(&mut transaction, &ended).await?;
        let with_checkpoints = checkpointed_jobs(&mut transaction).await?;
        let ended = ended_jobs(&mut transaction, &with_checkpoints).await?;
        clear_checkpoints(&mut transaction, &ended).await?;
        let open = open_executions(&mut transaction).await?;
        for (job, attempt) in ended_attempts(&mut transaction, &open).await? {
            mark_lost(&mut transaction, job, attempt).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Says at the start which actors will not run: nothing else in the log would.
    async fn warn_of_pauses(&self) -> Result<(), MaintenanceError> {
        for actor in list_actors(&self.pool)
            .await?
            .iter()
            .filter(|actor| actor.enabled && actor.is_paused)
        {
            let reason = actor.paused_reason.as_deref().unwrap_or_default();
            let name = &actor.name;
            let what = if reason == "everything" { "--all" } else { name };
            tracing::warn!(actor.name = %name, "Actor {name} is paused ({reason}) and does not run; `botticelli resume {what}` ends that");
        }
        Ok(())
    }

    /// Reports what the database knows of every actor: gauges that no single worker can know.
    async fn report(&self) -> Result<(), MaintenanceError> {
        let actors = list_actors(&self.pool).await?;
        for actor in &actors {
            let reason = actor.is_paused.then_some(match actor.paused_reason.as_deref() {
                Some("circuit_breaker") => PauseReason::CircuitBreaker,
                _ => PauseReason::Manual,
            });
            self.metrics.set_paused(&actor.name, reason);
            self.metrics
                .set_consecutive_failures(&actor.name, u64::try_from(actor.consecutive_failures).unwrap_or(0));
            if let Some(success) = actor.last_success {
                self.metrics.set_last_success(&actor.name, success.timestamp());
            }
        }
        let names: Vec<&str> = actors.iter().map(|actor| actor.name.as_str()).collect();
        let schedules = summary(&self.pool, &names, OVERDUE).await?;
        let times = |schedule: &ActorSchedule| ScheduleTimes {
            next_tick: schedule.next_tick.map(|tick| tick.timestamp()),
            last_tick: schedule.last_tick.map(|tick| tick.timestamp()),
        };
        let (names, next_runs): (Vec<&str>, Vec<_>) = schedules
            .of_actors
            .iter()
            .map(|schedule| (schedule.name.as_str(), schedule.next_tick))
            .unzip();
        set_next_runs(&self.pool, &names, &next_runs).await?;
        let timetable = schedules.of_actors.iter();
        self.metrics.set_timetable(
            timetable
                .map(|schedule| (schedule.name.clone(), times(schedule)))
                .collect(),
        );
        self.metrics
            .set_schedules_overdue(u64::try_from(schedules.overdue).unwrap_or(0));
        Ok(())
    }
}

/// Tables of narratives are made and changed by others too: what is wrong with them keeps no other duty from being done.
fn warn_of_pulled_rows(given_back: Result<u64, MaintenanceError>) {
    if let Err(error) = given_back {
        tracing::warn!(
            error = &error as &dyn Error,
            "Could not give back rows that ended jobs had pulled: {error}"
        );
    }
}
