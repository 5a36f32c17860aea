use std::iter::successors;
use std::ops::RangeInclusive;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use botticelli_schedule::{Clock as _, SystemClock};
use botticelli_timetable::{ScheduleStanding, TickRecord, find_schedule, find_timing, list_schedules, list_ticks};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use super::database_problem;
use super::paging::{Paging, number};
use crate::problem::Problem;

const COUNTS: RangeInclusive<i64> = 1..=1000;
const DEFAULT_COUNT: i64 = 10;
/// Of very many schedules a problem names so many.
const MOST_NAMED: i64 = 20;

/// The ticks to come of a schedule.
#[derive(Debug, Default, Serialize)]
pub(super) struct NextTicks {
    /// What it means, in words.
    description: Option<String>,
    ticks: Vec<NextTick>,
    /// Why it cannot be read, if it cannot.
    problem: Option<String>,
}

/// A tick to come.
#[derive(Debug, Serialize)]
struct NextTick {
    tick_at: DateTime<Utc>,
    /// Why it will be skipped, if it will: it lies outside of the windows, or in a blackout.
    skipped: Option<String>,
}

/// As text, because a number's own error would not say which parameter it was.
#[derive(Deserialize)]
pub(super) struct Asked {
    n: Option<String>,
}

pub(super) async fn list(State(pool): State<PgPool>, page: Paging) -> Result<Json<Vec<ScheduleStanding>>, Problem> {
    let schedules = list_schedules(&pool, page.limit, page.offset).await;
    schedules.map(Json).map_err(|error| database_problem(&error))
}

pub(super) async fn show(
    State(pool): State<PgPool>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<ScheduleStanding>, Problem> {
    known(&pool, &schedule_name(name)?).await.map(Json)
}

pub(super) async fn next(
    State(pool): State<PgPool>,
    name: Result<Path<String>, PathRejection>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<NextTicks>, Problem> {
    let Query(asked) = asked.map_err(|_| Problem::bad_parameter("`n` may be given once".to_owned()))?;
    let count = number("n", asked.n.as_deref(), COUNTS, DEFAULT_COUNT)?;
    let name = schedule_name(name)?;
    let timing = match find_timing(&pool, &name).await {
        Ok(Some(timing)) => timing,
        Ok(None) => return Err(unknown(&pool, &name).await),
        Err(error) => return Err(database_problem(&error)),
    };
    Ok(Json(match timing {
        Err(problem) => NextTicks {
            problem: Some(problem),
            ..NextTicks::default()
        },
        Ok(timing) => NextTicks {
            description: Some(timing.schedule.describe()),
            ticks: successors(timing.next_tick(SystemClock.now()), |&tick| timing.next_tick(tick))
                .take(usize::try_from(count).unwrap_or(0))
                .map(|tick_at| NextTick {
                    tick_at,
                    skipped: timing.shut_out(tick_at),
                })
                .collect(),
            problem: None,
        },
    }))
}

pub(super) async fn ticks(
    State(pool): State<PgPool>,
    name: Result<Path<String>, PathRejection>,
    page: Paging,
) -> Result<Json<Vec<TickRecord>>, Problem> {
    let standing = known(&pool, &schedule_name(name)?).await?;
    let ticks = list_ticks(&pool, &standing.name, page.limit, page.offset).await;
    ticks.map(Json).map_err(|error| database_problem(&error))
}

fn schedule_name(name: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    // PostgreSQL has no text with a zero byte in it and would call the question itself an error.
    name.map(|Path(name)| name.replace('\0', "\u{fffd}"))
        .map_err(|_| Problem::bad_parameter("`name` in the path is not valid UTF-8".to_owned()))
}

async fn known(pool: &PgPool, name: &str) -> Result<ScheduleStanding, Problem> {
    match find_schedule(pool, name).await {
        Ok(Some(schedule)) => Ok(schedule),
        Ok(None) => Err(unknown(pool, name).await),
        Err(error) => Err(database_problem(&error)),
    }
}

/// A problem that says which names there are.
async fn unknown(pool: &PgPool, name: &str) -> Problem {
    let others = match list_schedules(pool, MOST_NAMED, 0).await {
        Ok(others) => others,
        Err(error) => return database_problem(&error),
    };
    let others: Vec<_> = others.iter().map(|schedule| format!("`{}`", schedule.name)).collect();
    let way_out = if others.is_empty() {
        "no schedule is known yet: start a scheduler with a configuration that has actors".to_owned()
    } else {
        format!("the schedules are {}", others.join(", "))
    };
    Problem::not_found(format!("there is no schedule `{name}`; {way_out}"))
}
