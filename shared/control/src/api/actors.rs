use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use botticelli_actors::{ActorRow, ExecutionRow, get_actor, list_actor_executions, list_actors};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;

use super::database_problem;
use crate::problem::Problem;

/// How many of the newest executions the status looks at.
const RECENT: i64 = 5;

#[derive(Debug, Serialize)]
pub(super) struct ActorInfo {
    name: String,
    enabled: bool,
    is_paused: bool,
    consecutive_failures: i32,
    last_run: Option<DateTime<Utc>>,
    next_run: Option<DateTime<Utc>>,
    schedule_type: String,
}

impl From<ActorRow> for ActorInfo {
    fn from(row: ActorRow) -> Self {
        Self {
            name: row.name,
            enabled: row.enabled,
            is_paused: row.is_paused,
            consecutive_failures: row.consecutive_failures,
            last_run: row.last_run,
            next_run: row.next_run,
            schedule_type: row.schedule_type,
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct ActorStatus {
    actor: String,
    is_paused: bool,
    consecutive_failures: i32,
    last_run: Option<DateTime<Utc>>,
    next_run: Option<DateTime<Utc>>,
    recent_executions: usize,
    recent_success_rate: String,
}

pub(super) async fn list(State(pool): State<PgPool>) -> Result<Json<Vec<ActorInfo>>, Problem> {
    let rows = list_actors(&pool).await.map_err(|error| database_problem(&error))?;
    Ok(Json(rows.into_iter().map(ActorInfo::from).collect()))
}

pub(super) async fn show(
    State(pool): State<PgPool>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<ActorInfo>, Problem> {
    Ok(Json(known(&pool, &actor_name(name)?).await?.into()))
}

pub(super) async fn status(
    State(pool): State<PgPool>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<ActorStatus>, Problem> {
    let actor = known(&pool, &actor_name(name)?).await?;
    let recent = list_actor_executions(&pool, &actor.name, RECENT, 0)
        .await
        .map_err(|error| database_problem(&error))?;
    Ok(Json(ActorStatus {
        actor: actor.name,
        is_paused: actor.is_paused,
        consecutive_failures: actor.consecutive_failures,
        last_run: actor.last_run,
        next_run: actor.next_run,
        recent_executions: recent.len(),
        recent_success_rate: success_rate(&recent),
    }))
}

pub(super) fn actor_name(name: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    name.map(|Path(name)| name)
        .map_err(|_| Problem::bad_parameter("`id` in the path is not valid UTF-8".to_owned()))
}

/// The actor of that name, or a problem that says which names there are.
pub(super) async fn known(pool: &PgPool, name: &str) -> Result<ActorRow, Problem> {
    // PostgreSQL has no text with a zero byte in it and would call the question itself an error.
    if !name.contains('\0')
        && let Some(actor) = get_actor(pool, name).await.map_err(|error| database_problem(&error))?
    {
        return Ok(actor);
    }
    let others = list_actors(pool).await.map_err(|error| database_problem(&error))?;
    let others: Vec<_> = others.iter().map(|actor| format!("`{}`", actor.name)).collect();
    let way_out = if others.is_empty() {
        "no actor is known yet: start a scheduler with a configuration that has some".to_owned()
    } else {
        format!("the actors are {}", others.join(", "))
    };
    Err(Problem::not_found(format!("there is no actor `{name}`; {way_out}")))
}

/// The share of successes among the runs that were decided: one that still runs or was skipped is neither.
fn success_rate(recent: &[ExecutionRow]) -> String {
    let decided = recent.iter().filter_map(|run| run.success);
    let (successes, total) = decided.fold((0_u32, 0_u32), |(successes, total), success| {
        (successes + u32::from(success), total + 1)
    });
    let percent = if total == 0 {
        0.0
    } else {
        f64::from(successes) * 100.0 / f64::from(total)
    };
    format!("{percent:.1}%")
}
