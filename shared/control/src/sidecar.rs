//! The HTTP side of a process: health, metrics and the API beside its main job.

use std::{error::Error, net::IpAddr, sync::Arc};

use botticelli_database::check_schema;
use botticelli_schedule::Clock;
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    AnonymousRole, ApiState, HealthState, Heartbeat, Listeners, Ports, Routers, ServeError, api_router, health_router,
    metrics_router, serve::Addresses,
};

/// What a sidecar shows and where.
pub struct SidecarOptions {
    /// `[server] bind`.
    pub bind: IpAddr,
    /// `[server] metrics_port`, `health_port` and `api_port`.
    pub ports: Ports,
    /// The database that the process is ready with.
    pub pool: PgPool,
    /// `[api] anonymous_role`.
    pub anonymous_role: AnonymousRole,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// The running HTTP side of a process.
pub struct Sidecar {
    addresses: Addresses,
    health: Arc<HealthState>,
    serving: JoinHandle<Result<(), ServeError>>,
}

impl Sidecar {
    /// Opens the ports and serves until `stop` is cancelled. `render` writes the metrics.
    ///
    /// # Errors
    ///
    /// [`ServeError`] when a port cannot be opened; nothing is served then.
    pub async fn start<R, E>(options: SidecarOptions, render: R, stop: CancellationToken) -> Result<Self, ServeError>
    where
        R: Fn() -> Result<String, E> + Send + Sync + 'static,
        E: Error + 'static,
    {
        let SidecarOptions {
            bind,
            ports,
            pool,
            anonymous_role,
            clock,
        } = options;
        let listeners = Listeners::bind(bind, ports).await?;
        let addresses = listeners.addresses();
        let probed = pool.clone();
        let health = Arc::new(HealthState::new(clock).with_check("database", move || {
            let pool = probed.clone();
            async move { check_schema(&pool).await }
        }));
        let routers = Routers {
            metrics: metrics_router(render),
            health: health_router(Arc::clone(&health)),
            api: api_router(ApiState { pool, anonymous_role }, Arc::clone(&health)),
        };
        let serving = tokio::spawn(listeners.serve(routers, stop));
        Ok(Self {
            addresses,
            health,
            serving,
        })
    }

    /// Where the ports are open.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// What the main loop ticks so that the process counts as alive.
    pub fn heartbeat(&self) -> Heartbeat {
        self.health.heartbeat()
    }

    /// Says that the process has done everything it does once.
    pub fn set_started(&self) {
        self.health.set_started();
    }

    /// Waits until the last connection is served after the stop.
    ///
    /// # Errors
    ///
    /// [`ServeError::Broken`] when a listener had failed.
    pub async fn ended(self) -> Result<(), ServeError> {
        self.serving.await.unwrap_or(Ok(()))
    }
}
