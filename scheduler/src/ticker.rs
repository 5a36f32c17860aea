//! The loop that turns schedules into jobs.

use std::{error::Error, sync::Arc, time::Duration};

use botticelli_control::Heartbeat;
use botticelli_schedule::Clock;
use botticelli_telemetry::Metrics;
use botticelli_timetable::outlook;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::round::{TickError, round};

/// The longest this sleeps at once: what others have changed is noticed after that.
const LONGEST_NAP: Duration = Duration::from_secs(1);
/// What is due and locked is decided by another just now.
const SHORTEST_NAP: Duration = Duration::from_millis(20);

/// Turns schedules into jobs until it is told to stop.
pub struct Ticker {
    /// Where schedules and jobs are kept.
    pub pool: PgPool,
    /// What time it is; the database's clock, which all schedulers share, unless there is another.
    pub clock: Option<Arc<dyn Clock>>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Ticked with every round.
    pub heartbeat: Heartbeat,
}

impl Ticker {
    /// Runs until `stop` is cancelled. A database that is away is waited for.
    pub async fn run(self, stop: CancellationToken) {
        let mut failing = false;
        loop {
            let nap = match self.round().await {
                Ok(nap) => {
                    if std::mem::take(&mut failing) {
                        tracing::info!("Schedules run again");
                    }
                    nap
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(error = &error as &dyn Error, "Schedules wait for the database: {error}");
                    }
                    LONGEST_NAP
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(nap) => {}
            }
        }
    }

    /// Decides everything that is due, and gives how long nothing will be.
    ///
    /// # Errors
    ///
    /// [`TickError`]; what was not decided stays due.
    pub async fn round(&self) -> Result<Duration, TickError> {
        loop {
            // Also while there is much to catch up with.
            self.heartbeat.tick();
            let now = self.clock.as_ref().map(Clock::now);
            let outlook = outlook(&self.pool, now).await?;
            let Some(due_in) = outlook.due_in else {
                return Ok(LONGEST_NAP);
            };
            if due_in > 0.0 {
                let wait = Duration::try_from_secs_f64(due_in).unwrap_or(LONGEST_NAP);
                return Ok(wait.min(LONGEST_NAP));
            }
            if round(&self.pool, &self.metrics, outlook.now).await? == 0 {
                return Ok(SHORTEST_NAP);
            }
        }
    }
}
