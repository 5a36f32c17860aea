use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use botticelli_actors::{ExecutionRow, get_execution, list_actor_executions, list_executions};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;

use super::actors::{actor_name, known};
use super::database_problem;
use super::paging::Paging;
use crate::problem::Problem;

#[derive(Debug, Serialize)]
pub(super) struct ExecutionInfo {
    id: i64,
    task_id: String,
    actor_name: String,
    started_at: DateTime<Utc>,
    completed_at: Option<DateTime<Utc>>,
    success: Option<bool>,
    skills_succeeded: Option<i32>,
    skills_failed: Option<i32>,
    error_message: Option<String>,
}

impl From<ExecutionRow> for ExecutionInfo {
    fn from(row: ExecutionRow) -> Self {
        Self {
            id: row.id,
            task_id: row.task_id,
            actor_name: row.actor_name,
            started_at: row.started_at,
            completed_at: row.completed_at,
            success: row.success,
            skills_succeeded: row.skills_succeeded,
            skills_failed: row.skills_failed,
            error_message: row.error_message,
        }
    }
}

pub(super) async fn list(State(pool): State<PgPool>, page: Paging) -> Result<Json<Vec<ExecutionInfo>>, Problem> {
    let rows = list_executions(&pool, page.limit, page.offset)
        .await
        .map_err(|error| database_problem(&error))?;
    Ok(Json(rows.into_iter().map(ExecutionInfo::from).collect()))
}

pub(super) async fn list_of_actor(
    State(pool): State<PgPool>,
    name: Result<Path<String>, PathRejection>,
    page: Paging,
) -> Result<Json<Vec<ExecutionInfo>>, Problem> {
    let actor = known(&pool, &actor_name(name)?).await?;
    let rows = list_actor_executions(&pool, &actor.name, page.limit, page.offset)
        .await
        .map_err(|error| database_problem(&error))?;
    Ok(Json(rows.into_iter().map(ExecutionInfo::from).collect()))
}

pub(super) async fn show(
    State(pool): State<PgPool>,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Json<ExecutionInfo>, Problem> {
    let Ok(Path(id)) = id else {
        return Err(Problem::bad_parameter(
            "`id` of an execution must be a whole number".to_owned(),
        ));
    };
    match get_execution(&pool, id).await {
        Ok(Some(row)) => Ok(Json(row.into())),
        Ok(None) => Err(Problem::not_found(format!(
            "there is no execution `{id}`; `GET /api/v1/executions` lists the newest"
        ))),
        Err(error) => Err(database_problem(&error)),
    }
}
