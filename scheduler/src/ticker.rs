//! The loop that turns schedules into jobs.

use std::{error::Error, sync::Arc, time::Duration};

use botticelli_actors::{ActorsError, set_next_run};
use botticelli_control::Heartbeat;
use botticelli_schedule::Clock;
use botticelli_telemetry::{context::current_traceparent, names};
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    plan::{ScheduledActor, due_ticks, next_run},
    tick_log::{TickError, Won, recorded, win},
};

/// The longest this sleeps at once: a wall clock that is set forward is noticed after that.
const LONGEST_NAP: Duration = Duration::from_secs(1);
/// The recorded ticks are read this often even if nothing is due, so that a clock set back is noticed.
const LONGEST_TRUST: Duration = Duration::from_mins(1);

/// Turns the schedules of `actors` into jobs until it is told to stop.
pub struct Ticker {
    /// Where ticks and jobs are kept.
    pub pool: PgPool,
    /// Whose schedules.
    pub actors: Vec<ScheduledActor>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Ticked with every round.
    pub heartbeat: Heartbeat,
}

impl Ticker {
    /// Runs until `stop` is cancelled. A database that is away is waited for.
    pub async fn run(self, stop: CancellationToken) {
        let mut failing = false;
        let mut look_again = DateTime::<Utc>::MIN_UTC;
        loop {
            self.heartbeat.tick();
            let now = self.clock.now();
            if now >= look_again {
                match self.round(now).await {
                    Ok(()) => {
                        if std::mem::take(&mut failing) {
                            tracing::info!("Schedules run again");
                        }
                        let next = self.actors.iter().filter_map(|actor| next_run(actor, now)).min();
                        look_again = next.map_or(now + LONGEST_TRUST, |next| next.min(now + LONGEST_TRUST));
                    }
                    Err(error) => {
                        if !std::mem::replace(&mut failing, true) {
                            tracing::error!(error = &error as &dyn Error, "Schedules wait for the database: {error}");
                        }
                        look_again = now + LONGEST_NAP;
                    }
                }
            }
            let nap = (look_again - self.clock.now())
                .to_std()
                .unwrap_or_default()
                .min(LONGEST_NAP);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(nap) => {}
            }
        }
    }

    /// Decides every tick that is due at `now`, and notes when each actor runs next.
    ///
    /// # Errors
    ///
    /// The first error; the ticks that were decided stay decided, the others stay due.
    pub async fn round(&self, now: DateTime<Utc>) -> Result<(), TickError> {
        let recorded = recorded(&self.pool, &self.actors).await?;
        let mut first_failure = None;
        for tick in due_ticks(&self.actors, &recorded, now) {
            let span =
                tracing::info_span!(parent: None, names::span::TICK, actor.name = %tick.actor, tick.at = %tick.at);
            let decided = async {
                let traceparent = current_traceparent();
                match win(&self.pool, &tick, traceparent.as_deref()).await? {
                    Won::Enqueued(job) => tracing::info!(job.id = %job, "Enqueued job {job} for the tick of {} at {}", tick.actor, tick.at),
                    Won::Skipped(reason) => tracing::debug!("Skipped the tick of {} at {}: {reason}", tick.actor, tick.at),
                    Won::Lost => {}
                }
                Ok::<_, TickError>(())
            }
            .instrument(span)
            .await;
            // One actor's trouble, such as a queue that somebody removed, must not stop the schedules of the others.
            if let Err(error) = decided {
                first_failure.get_or_insert(error);
            }
        }
        self.note_next_runs(now).await?;
        first_failure.map_or(Ok(()), Err)
    }

    async fn note_next_runs(&self, now: DateTime<Utc>) -> Result<(), TickError> {
        let mut connection = self.pool.acquire().await?;
        for actor in &self.actors {
            set_next_run(&mut connection, &actor.name, next_run(actor, now))
                .await
                .map_err(|error: ActorsError| TickError::from(error))?;
        }
        Ok(())
    }
}
