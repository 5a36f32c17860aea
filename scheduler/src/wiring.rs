//! From settings to schedules.

use std::{sync::Arc, time::Duration};

use botticelli_control::Heartbeat;
use botticelli_settings::Settings;
use botticelli_telemetry::Metrics;
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{LoadSettings, Maintenance, Ticker, reload::follow_settings};

/// How long a round in progress may take when the process stops.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked at.
const STOP_CHECK: Duration = Duration::from_millis(20);

/// The loops of a scheduler.
pub struct Scheduler {
    ticker: JoinHandle<()>,
    maintenance: JoinHandle<()>,
    reload: JoinHandle<()>,
    stop: CancellationToken,
}

impl Scheduler {
    /// Starts the loops. `load` reads the settings again; `heartbeat` is ticked by the loop that turns schedules into jobs.
    pub fn start(
        settings: &Settings,
        load: LoadSettings,
        pool: PgPool,
        metrics: Arc<Metrics>,
        heartbeat: Heartbeat,
    ) -> Self {
        let stop = CancellationToken::new();
        let rescue_interval: Duration = settings.scheduler.rescue_interval;
        let ticker = Ticker {
            pool: pool.clone(),
            clock: None,
            metrics: Arc::clone(&metrics),
            heartbeat,
        };
        let maintenance = Maintenance {
            pool,
            metrics,
            rescue_interval,
            history_retention: settings.queue.history_retention,
            dead_retention: settings.queue.dead_retention,
        };
        let reload = follow_settings(maintenance.pool.clone(), load, settings.clone(), stop.clone());
        Self {
            reload: tokio::spawn(reload),
            ticker: tokio::spawn(ticker.run(stop.clone())),
            maintenance: tokio::spawn(maintenance.run(stop.clone())),
            stop,
        }
    }

    /// Waits until one of the loops ends, which it never does by itself: the process has lost a duty then.
    pub async fn failed(&mut self) {
        tokio::select! {
            _ = &mut self.ticker => tracing::error!("The loop that turns schedules into jobs has ended"),
            _ = &mut self.maintenance => tracing::error!("The loop that rescues jobs has ended"),
            _ = &mut self.reload => tracing::error!("The loop that follows the settings has ended"),
        }
    }

    /// Ends the loops after what they are doing now, or without it when that takes longer than five seconds: every round is
    /// one transaction after another, and none of them minds being cut off.
    pub async fn stop(self) {
        self.stop.cancel();
        let ended = async {
            while !(self.ticker.is_finished() && self.maintenance.is_finished() && self.reload.is_finished()) {
                tokio::time::sleep(STOP_CHECK).await;
            }
        };
        if tokio::time::timeout(STOP_PATIENCE, ended).await.is_err() {
            tracing::warn!("The scheduler's loops did not end in time and are cut off");
        }
        self.ticker.abort();
        self.maintenance.abort();
        self.reload.abort();
    }
}
