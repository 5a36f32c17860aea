//! What a process says over HTTP: its health, its metrics, and the read side of the control API.
//!
//! Each of the three has a port of its own ([`Listeners`]), so that metrics and health can stay inside a network while
//! the API is published. Errors are problem documents (RFC 9457) everywhere, also for unknown paths.

mod api;
mod health;
mod metrics;
mod problem;
mod serve;
mod sidecar;

pub use api::{AnonymousRole, ApiState, api_router};
pub use health::{HealthState, Heartbeat, health_router};
pub use metrics::metrics_router;
pub use serve::{Addresses, Listeners, Ports, Routers, ServeError, Surface};
pub use sidecar::{Sidecar, SidecarOptions};
