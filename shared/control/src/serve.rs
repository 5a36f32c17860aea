use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::Router;
use futures_util::future::try_join_all;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

mod serve_error;

pub use serve_error::{ServeError, Surface};

/// Requests here take milliseconds; one that is not answered by then belongs to a client that does not read.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// The ports to listen on. `None` serves nothing; 0 takes any free port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// `[server] metrics_port`.
    pub metrics: Option<u16>,
    /// `[server] health_port`.
    pub health: Option<u16>,
    /// `[server] api_port`.
    pub api: Option<u16>,
}

impl Ports {
    fn by_surface(self) -> impl Iterator<Item = (Surface, u16)> {
        [
            (Surface::Metrics, self.metrics),
            (Surface::Health, self.health),
            (Surface::Api, self.api),
        ]
        .into_iter()
        .filter_map(|(surface, port)| Some((surface, port?)))
    }
}

/// What is served on each port.
#[derive(Clone, Debug, Default)]
pub struct Routers {
    /// See [`metrics_router`](crate::metrics_router).
    pub metrics: Router,
    /// See [`health_router`](crate::health_router).
    pub health: Router,
    /// See [`api_router`](crate::api_router).
    pub api: Router,
}

/// Where a process listens, with the ports that the system chose in place of 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Metrics, when served.
    pub metrics: Option<SocketAddr>,
    /// Health, when served.
    pub health: Option<SocketAddr>,
    /// The API, when served.
    pub api: Option<SocketAddr>,
}

/// Ports that are open and wait for [`serve`](Self::serve). Connections made before that wait in the system's queue.
#[derive(Debug)]
pub struct Listeners {
    open: Vec<(Surface, TcpListener)>,
    addresses: Addresses,
}

impl Listeners {
    /// Opens every port on one address, or none.
    ///
    /// # Errors
    ///
    /// [`ServeError::SamePort`] when two surfaces are given one port, [`ServeError::Taken`] when another program has it,
    /// [`ServeError::Refused`] when the system does not allow it.
    pub async fn bind(address: IpAddr, ports: Ports) -> Result<Self, ServeError> {
        let mut listeners = Self {
            open: Vec::new(),
            addresses: Addresses::default(),
        };
        let mut used: Vec<(Surface, u16)> = Vec::new();
        for (surface, port) in ports.by_surface() {
            if let Some((first, _)) = used.iter().find(|(_, used)| *used == port && port != 0) {
                return Err(ServeError::SamePort {
                    first: *first,
                    second: surface,
                    port,
                });
            }
            used.push((surface, port));
        }
        for (surface, port) in used {
            let listener = TcpListener::bind((address, port))
                .await
                .map_err(|source| ServeError::from_bind(surface, SocketAddr::new(address, port), source))?;
            let bound = listener
                .local_addr()
                .map_err(|source| ServeError::from_bind(surface, SocketAddr::new(address, port), source))?;
            *listeners.addresses.of(surface) = Some(bound);
            listeners.open.push((surface, listener));
        }
        Ok(listeners)
    }

    /// Where the ports are open.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Serves until `stop` is cancelled; then takes no new connection and gives requests in progress five seconds.
    ///
    /// Without any port it waits for `stop`, so that a caller need not tell the cases apart.
    ///
    /// # Errors
    ///
    /// [`ServeError::Broken`] when a listener fails for good.
    pub async fn serve(self, routers: Routers, stop: CancellationToken) -> Result<(), ServeError> {
        let servers = self.open.into_iter().map(|(surface, listener)| {
            let router = match surface {
                Surface::Metrics => routers.metrics.clone(),
                Surface::Health => routers.health.clone(),
                Surface::Api => routers.api.clone(),
            };
            let stopped = stop.clone().cancelled_owned();
            async move {
                axum::serve(listener, router)
                    .with_graceful_shutdown(stopped)
                    .await
                    .map_err(|source| ServeError::Broken { surface, source })
            }
        });
        let all = async {
            try_join_all(servers).await?;
            stop.cancelled().await;
            Ok(())
        };
        let out_of_time = async {
            stop.cancelled().await;
            tokio::time::sleep(DRAIN_LIMIT).await;
        };
        tokio::select! {
            ended = all => ended,
            () = out_of_time => {
                tracing::warn!("connections were still open five seconds after the stop and are cut");
                Ok(())
            }
        }
    }
}

impl fmt::Display for Addresses {
    /// One line for the log of a process that has started.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |address: Option<SocketAddr>, path: &str| {
            address.map_or_else(|| "off".to_owned(), |address| format!("http://{address}{path}"))
        };
        write!(
            f,
            "API {}, health {}, metrics {}",
            shown(self.api, "/api/v1/actors"),
            shown(self.health, "/health/ready"),
            shown(self.metrics, "/metrics")
        )
    }
}

impl Addresses {
    fn of(&mut self, surface: Surface) -> &mut Option<SocketAddr> {
        match surface {
            Surface::Metrics => &mut self.metrics,
            Surface::Health => &mut self.health,
            Surface::Api => &mut self.api,
        }
    }
}
