//! A process from its settings up to its sidecar.

use std::sync::Arc;

use anyhow::Context;
use botticelli_control::{AnonymousRole, Ports, Sidecar, SidecarOptions};
use botticelli_database::{PoolSize, connect, serve_schema};
use botticelli_lifecycle::{Shutdown, shut_down_on_signals};
use botticelli_schedule::{Clock, SystemClock};
use botticelli_settings::Settings;
use botticelli_telemetry::{Flushed, LogFormat, Metrics, Telemetry, TelemetryOptions};
use secrecy::SecretString;
use sqlx::PgPool;

/// A running process: its settings, its eyes, and its way to stop.
pub struct Process {
    /// The settings it was started with.
    pub settings: Settings,
    /// How it is asked to stop.
    pub shutdown: Shutdown,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Host and process id, for people.
    pub name: String,
    telemetry: Telemetry,
}

/// The connections of a process.
#[derive(Debug, Clone)]
pub struct Pools {
    /// For the work.
    pub main: PgPool,
    /// For the worker's lease alone, so that work cannot starve it.
    pub lease: PgPool,
}

impl Process {
    /// Starts logging, tracing and counting, and takes the signals over. From here on the process serves the fleet in the
    /// configured schema.
    ///
    /// # Errors
    ///
    /// A log filter or a collector address that cannot be used, signals that cannot be taken over, or a schema other than
    /// the one that this process serves already.
    pub fn start(settings: Settings, role: &'static str, ansi: bool) -> anyhow::Result<Self> {
        serve_schema(settings.server.schema.parse()?)?;
        let options = TelemetryOptions {
            service_role: role,
            instance_id: uuid::Uuid::new_v4().to_string(),
            log_filter: settings.telemetry.log.clone(),
            log_format: match settings.telemetry.log_format {
                botticelli_settings::LogFormat::Pretty => LogFormat::Pretty,
                botticelli_settings::LogFormat::Json => LogFormat::Json,
            },
            otlp_endpoint: settings.telemetry.otlp_endpoint.clone(),
            ansi,
        };
        let telemetry = botticelli_telemetry::start(options)?;
        let shutdown = Shutdown::new();
        shut_down_on_signals(&shutdown).context("signals cannot be taken over")?;
        let name = format!("{}:{}", host_name(), std::process::id());
        tracing::info!("Settings come from {}", settings.origin());
        Ok(Self {
            settings,
            shutdown,
            clock: Arc::new(SystemClock),
            name,
            telemetry,
        })
    }

    /// What this process counts.
    pub fn metrics(&self) -> Arc<Metrics> {
        self.telemetry.metrics()
    }

    /// Connects to `url`, or to the configured database.
    ///
    /// # Errors
    ///
    /// When neither is there, or the server cannot be reached.
    pub async fn connect(&self, url: Option<&SecretString>) -> anyhow::Result<Pools> {
        let url = url
            .or(self.settings.server.database_url.as_ref())
            .context("there is no database to work on; set DATABASE_URL, or `[server] database_url` in the settings")?;
        Ok(Pools {
            main: connect(url, PoolSize(10), &format!("botticelli {}", self.name)).await?,
            lease: connect(url, PoolSize(2), &format!("botticelli lease {}", self.name)).await?,
        })
    }

    /// Opens the ports and serves health, metrics and the API until the process drains.
    ///
    /// # Errors
    ///
    /// A port that cannot be opened.
    pub async fn sidecar(&self, pool: PgPool) -> anyhow::Result<Sidecar> {
        let server = &self.settings.server;
        let options = SidecarOptions {
            bind: server.bind,
            ports: Ports {
                metrics: Some(server.metrics_port),
                health: Some(server.health_port),
                api: Some(server.api_port),
            },
            pool,
            anonymous_role: match self.settings.api.anonymous_role {
                botticelli_settings::AnonymousRole::None => AnonymousRole::None,
                botticelli_settings::AnonymousRole::Readonly => AnonymousRole::ReadOnly,
            },
            clock: Arc::clone(&self.clock),
        };
        let exposition = self.telemetry.exposition();
        // Served until the work in hand is done, so that a long drain can be watched.
        Ok(Sidecar::start(options, move || exposition.render(), self.shutdown.stop_token()).await?)
    }

    /// Sends what telemetry is left, for at most three seconds.
    pub async fn flush(self) {
        let flushed = tokio::task::spawn_blocking(move || self.telemetry.flush()).await;
        if matches!(flushed, Ok(Flushed::GaveUp)) {
            tracing::warn!("The collector did not take the last spans and metrics in time");
        }
    }
}

/// The host's name, as the kernel has it.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() {
        "unknown-host".to_owned()
    } else {
        name.to_owned()
    }
}
