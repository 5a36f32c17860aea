use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use botticelli_schedule::Clock;
use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::problem::with_problems;

mod heartbeat;

pub use heartbeat::Heartbeat;

/// A check that takes longer has failed: whoever asks has given up by then.
const CHECK_LIMIT: Duration = Duration::from_secs(2);

/// What the health endpoints know about their process.
pub struct HealthState {
    clock: Arc<dyn Clock>,
    started: AtomicBool,
    heartbeat: Heartbeat,
    checks: Vec<Check>,
}

struct Check {
    name: &'static str,
    probe: Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>,
    failing: AtomicBool,
}

impl HealthState {
    /// A process that is starting, whose main loop has just been seen, and that needs nothing to be ready.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            heartbeat: Heartbeat::new(Arc::clone(&clock)),
            clock,
            started: AtomicBool::new(false),
            checks: Vec::new(),
        }
    }

    /// Adds something that this process needs in order to be ready, such as its database with an up-to-date schema.
    ///
    /// `probe` runs each time readiness is asked for, beside the other checks, for at most two seconds. Its error is
    /// logged when the check begins to fail and is never part of the answer.
    pub fn with_check<P, F, E>(mut self, name: &'static str, probe: P) -> Self
    where
        P: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Display,
    {
        self.checks.push(Check {
            name,
            probe: Box::new(move || {
                let outcome = probe();
                Box::pin(async move { outcome.await.map_err(|error| error.to_string()) })
            }),
            failing: AtomicBool::new(false),
        });
        self
    }

    /// The process has done everything it does once; startup and readiness may succeed from now on.
    pub fn set_started(&self) {
        self.started.store(true, Ordering::Relaxed);
    }

    /// What the main loop ticks to stay alive in the eyes of the outside. Clones tick the same heart.
    pub fn heartbeat(&self) -> Heartbeat {
        self.heartbeat.clone()
    }
}

impl Check {
    async fn passes(&self) -> bool {
        let outcome = tokio::time::timeout(CHECK_LIMIT, (self.probe)())
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} s", CHECK_LIMIT.as_secs())));
        let failed = outcome.is_err();
        // A probe is asked every few seconds: only a change is news.
        if self.failing.swap(failed, Ordering::Relaxed) != failed {
            match outcome {
                Ok(()) => tracing::info!(check = self.name, "the readiness check succeeds again"),
                Err(error) => tracing::warn!(check = self.name, error, "the readiness check fails"),
            }
        }
        !failed
    }
}

#[derive(Serialize)]
struct Report {
    status: &'static str,
    checks: Map<String, Value>,
    timestamp: String,
}

/// Serves `/health/live`, `/health/ready` and `/health/startup`: 200 when it is so, 503 when it is not.
///
/// `live` fails when the main loop has not ticked for a minute; `ready` when the process has not started or one of its
/// checks fails; `startup` until the process has started.
pub fn health_router(state: Arc<HealthState>) -> Router {
    let router = Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/health/startup", get(startup))
        .with_state(state);
    with_problems(router)
}

/// The same under the API's prefix, to be merged into its router.
pub(crate) fn api_health_routes(state: Arc<HealthState>) -> Router {
    Router::new()
        .route("/api/v1/health/live", get(live))
        .route("/api/v1/health/ready", get(ready))
        .with_state(state)
}

async fn live(State(state): State<Arc<HealthState>>) -> (StatusCode, Json<Report>) {
    let beats = state.heartbeat.is_fresh();
    report(&state, ["ok", "stalled"], [("heartbeat", beats)])
}

async fn ready(State(state): State<Arc<HealthState>>) -> (StatusCode, Json<Report>) {
    let started = ("started", state.started.load(Ordering::Relaxed));
    let checks = join_all(
        state
            .checks
            .iter()
            .map(|check| async { (check.name, check.passes().await) }),
    )
    .await;
    report(&state, ["ready", "not_ready"], [started].into_iter().chain(checks))
}

async fn startup(State(state): State<Arc<HealthState>>) -> (StatusCode, Json<Report>) {
    let started = state.started.load(Ordering::Relaxed);
    report(&state, ["started", "starting"], [("started", started)])
}

fn report(
    state: &HealthState,
    [good, bad]: [&'static str; 2],
    checks: impl IntoIterator<Item = (&'static str, bool)>,
) -> (StatusCode, Json<Report>) {
    let checks: Map<_, _> = checks
        .into_iter()
        .map(|(name, passed)| (name.to_owned(), Value::Bool(passed)))
        .collect();
    let healthy = checks.values().all(|passed| passed == &Value::Bool(true));
    let code = if healthy {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = Report {
        status: if healthy { good } else { bad },
        checks,
        timestamp: state.clock.now().to_rfc3339(),
    };
    (code, Json(body))
}
