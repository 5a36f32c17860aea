use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use sqlx::PgPool;

use crate::health::{HealthState, api_health_routes};
use crate::problem::{Problem, with_problems};

mod actors;
mod executions;
mod paging;
mod schedules;

/// What a request without credentials may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnonymousRole {
    /// Nothing.
    #[default]
    None,
    /// Read everything that the API shows.
    ReadOnly,
}

/// What the API works on.
#[derive(Clone, Debug)]
pub struct ApiState {
    /// The database that the fleet works on.
    pub pool: PgPool,
    /// `[api] anonymous_role`.
    pub anonymous_role: AnonymousRole,
}

/// Serves the read side of the API under `/api/v1`, and the process's health beside it.
///
/// Health needs no role; everything else needs one that may read. Lists are bare arrays.
pub fn api_router(state: ApiState, health: Arc<HealthState>) -> Router {
    let readable = Router::new()
        .route("/api/v1/actors", get(actors::list))
        .route("/api/v1/actors/{id}", get(actors::show))
        .route("/api/v1/actors/{id}/status", get(actors::status))
        .route("/api/v1/executions", get(executions::list))
        .route("/api/v1/executions/{id}", get(executions::show))
        .route("/api/v1/executions/actor/{id}", get(executions::list_of_actor))
        .route("/api/v1/schedules", get(schedules::list))
        .route("/api/v1/schedules/{name}", get(schedules::show))
        .route("/api/v1/schedules/{name}/next", get(schedules::next))
        .route("/api/v1/schedules/{name}/ticks", get(schedules::ticks))
        .route_layer(from_fn_with_state(state.anonymous_role, require_read))
        .with_state(state.pool);
    with_problems(readable.merge(api_health_routes(health)))
}

async fn require_read(State(anonymous): State<AnonymousRole>, request: Request, next: Next) -> Response {
    match anonymous {
        AnonymousRole::ReadOnly => next.run(request).await,
        AnonymousRole::None => Problem::credentials_needed().into_response(),
    }
}

/// A driver's error names hosts, tables and statements: it goes to the log, and the client learns only that it may retry.
fn database_problem(error: &(dyn Error + 'static)) -> Problem {
    tracing::error!(error, "a request to the API cannot be answered");
    Problem::unavailable("the database does not answer at the moment; try again")
}
