//! From settings to schedules.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use botticelli_control::Heartbeat;
use botticelli_schedule::Clock;
use botticelli_settings::{ActorSettings, Settings};
use botticelli_telemetry::Metrics;
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{Maintenance, ScheduledActor, Ticker};

/// The loops of a scheduler.
pub struct Scheduler {
    ticker: JoinHandle<()>,
    maintenance: JoinHandle<()>,
    stop: CancellationToken,
}

impl Scheduler {
    /// Starts the loops. `heartbeat` is ticked by the one that turns schedules into jobs.
    pub fn start(
        settings: &Settings,
        pool: PgPool,
        metrics: Arc<Metrics>,
        clock: Arc<dyn Clock>,
        heartbeat: Heartbeat,
    ) -> Self {
        let stop = CancellationToken::new();
        let rescue_interval: Duration = settings.scheduler.rescue_interval;
        let ticker = Ticker {
            pool: pool.clone(),
            actors: scheduled_actors(settings),
            clock,
            heartbeat,
        };
        let maintenance = Maintenance {
            pool,
            metrics,
            rescue_interval,
        };
        Self {
            ticker: tokio::spawn(ticker.run(stop.clone())),
            maintenance: tokio::spawn(maintenance.run(stop.clone())),
            stop,
        }
    }

    /// Ends the loops after what they are doing now.
    pub async fn stop(self) {
        self.stop.cancel();
        self.ticker.await.ok();
        self.maintenance.await.ok();
    }
}

/// The enabled actors, with what `immediate` runs once for.
pub fn scheduled_actors(settings: &Settings) -> Vec<ScheduledActor> {
    let enabled = settings.actors.values().filter(|actor| actor.enabled);
    enabled
        .map(|actor| ScheduledActor {
            name: actor.name.clone(),
            schedule: actor.schedule.clone(),
            revision: revision(actor),
        })
        .collect()
}

/// A fingerprint of everything that is configured about an actor.
fn revision(actor: &ActorSettings) -> String {
    let text = serde_json::to_string(actor).unwrap_or_default();
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").ok();
        text
    })
}
