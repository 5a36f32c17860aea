use std::fmt;
use std::io;
use std::net::SocketAddr;

/// One of the three things a process serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// The Prometheus endpoint.
    Metrics,
    /// The health endpoints.
    Health,
    /// The control API.
    Api,
}

impl Surface {
    /// The key of its port in the section `[server]`.
    pub fn config_key(self) -> &'static str {
        match self {
            Self::Metrics => "metrics_port",
            Self::Health => "health_port",
            Self::Api => "api_port",
        }
    }

    /// The command line flag of its port.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Metrics => "--metrics-port",
            Self::Health => "--health-port",
            Self::Api => "--api-port",
        }
    }
}

impl fmt::Display for Surface {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Metrics => "metrics",
            Self::Health => "health",
            Self::Api => "the API",
        })
    }
}

/// Why a process cannot serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Another program has the port.
    #[error(
        "port `{}` for {surface} is taken; give it another one with `[server] {}` or `{}` (0 takes any free port)",
        address.port(), surface.config_key(), surface.flag()
    )]
    Taken {
        /// What was to be served there.
        surface: Surface,
        /// Where.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The system does not allow the port, or the address is not one of this machine.
    #[error(
        "`{address}` for {surface} cannot be opened; check `[server] bind`, and `[server] {}` or `{}`",
        surface.config_key(), surface.flag()
    )]
    Refused {
        /// What was to be served there.
        surface: Surface,
        /// Where.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Two surfaces have one port.
    #[error(
        "`[server] {}` and `[server] {}` are both `{port}`; give each a port of its own, for example with `{}`",
        first.config_key(), second.config_key(), second.flag()
    )]
    SamePort {
        /// The one that comes first.
        first: Surface,
        /// The one that wants the same port.
        second: Surface,
        /// The port.
        port: u16,
    },
    /// A listener failed while it was serving.
    #[error("{surface} can no longer be served")]
    Broken {
        /// What was being served.
        surface: Surface,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl ServeError {
    pub(super) fn from_bind(surface: Surface, address: SocketAddr, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::AddrInUse {
            Self::Taken {
                surface,
                address,
                source,
            }
        } else {
            Self::Refused {
                surface,
                address,
                source,
            }
        }
    }
}
