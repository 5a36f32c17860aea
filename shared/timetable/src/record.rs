//! Writing down what was decided.

use std::time::Duration;

use botticelli_database::sql;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use crate::{
    ScheduleRow, TimetableError,
    plan::{Decision, Outcome, Plan},
};

/// How soon a schedule that cannot run is looked at again: a newer program may read it, its queue may come.
const PROBLEM_CHECK: TimeDelta = TimeDelta::minutes(1);

/// A schedule with what was decided about it.
#[derive(Debug, Clone)]
pub struct DecidedSchedule {
    /// The schedule, locked.
    pub row: ScheduleRow,
    /// What becomes of its ticks; else why it cannot be read.
    pub plan: Result<Plan, String>,
    /// Why the queue would not take its job.
    pub refusal: Option<String>,
}

impl DecidedSchedule {
    /// What becomes of each tick, in their order.
    pub fn decisions(&self) -> &[Decision] {
        self.plan.as_ref().map_or(&[], |plan| &plan.decisions)
    }

    /// Whether any of them runs.
    pub fn runs(&self) -> bool {
        self.decisions().iter().any(|tick| tick.outcome.runs())
    }

    /// Those of them that run.
    pub(crate) fn running_ticks(&mut self) -> impl Iterator<Item = &mut Decision> {
        let decisions = self.plan.iter_mut().flat_map(|plan| &mut plan.decisions);
        decisions.filter(|tick| tick.outcome.runs())
    }

    /// What is wrong with it.
    pub fn problem(&self) -> Option<&str> {
        self.plan.as_ref().err().or(self.refusal.as_ref()).map(String::as_str)
    }
}

/// As it goes to `record_ticks.sql`.
#[derive(Serialize)]
struct TickRow<'a> {
    actor: &'a str,
    tick_at: DateTime<Utc>,
    revision: &'a str,
    outcome: &'static str,
    reason: Option<&'a str>,
    job_id: Option<i64>,
    through: Option<DateTime<Utc>>,
    ticks: u32,
}

/// As it goes to `settle_schedules.sql`.
#[derive(Serialize)]
struct SettledSchedule<'a> {
    name: &'a str,
    decided_until: Option<DateTime<Utc>>,
    next_look: Option<DateTime<Utc>>,
    next_tick: Option<DateTime<Utc>>,
    buffered_tick: Option<DateTime<Utc>>,
    ran_revision: Option<&'a str>,
    last_job: Option<i64>,
    last_tick: Option<DateTime<Utc>>,
    last_outcome: Option<&'static str>,
    enqueued: u32,
    skipped: u32,
    missed: u32,
    problem: Option<&'a str>,
}

/// Writes what has become of ticks, and how the schedules stand after that.
///
/// # Errors
///
/// [`TimetableError::Database`] when a statement fails, and when a tick is on record that should not be.
pub async fn record(
    connection: &mut PgConnection,
    decided: &[DecidedSchedule],
    now: DateTime<Utc>,
) -> Result<(), TimetableError> {
    let ticks: Vec<_> = decided
        .iter()
        .flat_map(|schedule| {
            schedule
                .decisions()
                .iter()
                .map(|tick| tick_row(&schedule.row.name, tick))
        })
        .collect();
    if !ticks.is_empty() {
        sqlx::query(sql(include_str!("sql/record_ticks.sql")))
            .bind(json!(ticks))
            .execute(&mut *connection)
            .await?;
    }
    let settled: Vec<_> = decided.iter().map(|schedule| settled(schedule, now)).collect();
    sqlx::query(sql(include_str!("sql/settle_schedules.sql")))
        .bind(json!(settled))
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

fn tick_row<'a>(actor: &'a str, tick: &'a Decision) -> TickRow<'a> {
    TickRow {
        actor,
        tick_at: tick.at,
        revision: &tick.revision,
        outcome: tick.outcome.as_str(),
        reason: match &tick.outcome {
            Outcome::Skipped(reason) | Outcome::Missed(reason) => Some(reason),
            Outcome::Enqueued { .. } | Outcome::Buffered => None,
        },
        job_id: tick.job,
        through: (tick.ticks > 1).then_some(tick.through),
        ticks: tick.ticks,
    }
}

fn settled(schedule: &DecidedSchedule, now: DateTime<Utc>) -> SettledSchedule<'_> {
    let plan = schedule.plan.as_ref().ok();
    let decisions = schedule.decisions();
    let last = decisions.last();
    let problem = schedule.problem();
    let check = problem.map(|_| now + PROBLEM_CHECK);
    let count = |outcome: &str| {
        let of_outcome = decisions.iter().filter(|tick| tick.outcome.as_str() == outcome);
        of_outcome.map(|tick| tick.ticks).sum()
    };
    SettledSchedule {
        name: &schedule.row.name,
        decided_until: plan.map(|plan| plan.decided_until),
        next_look: [plan.and_then(|plan| plan.next_look), check]
            .into_iter()
            .flatten()
            .min(),
        next_tick: plan.and_then(|plan| plan.next_tick),
        buffered_tick: plan.and_then(|plan| plan.buffered),
        ran_revision: plan.and_then(|plan| plan.ran_revision.as_deref()),
        last_job: decisions.iter().rev().find_map(|tick| tick.job),
        last_tick: last.map(|tick| if tick.is_immediate() { now } else { tick.through }),
        last_outcome: last.map(|tick| tick.outcome.as_str()),
        enqueued: count("enqueued"),
        skipped: count("skipped"),
        missed: count("missed"),
        problem,
    }
}

/// Lets schedules go on that were decided far beyond the present, because the server's clock had been wrong: from now on, but for
/// ticks that are on record. Gives their names. For a clock that is set back by less than `far`, schedules wait until it comes to
/// where they are.
///
/// # Errors
///
/// [`TimetableError::Database`] when the statement fails.
pub async fn return_to_present(pool: &PgPool, far: Duration) -> Result<Vec<String>, TimetableError> {
    Ok(sqlx::query_scalar(sql(include_str!("sql/return_to_present.sql")))
        .bind(far.as_secs_f64())
        .fetch_all(pool)
        .await?)
}

/// Keeps a schedule apart that nothing can be decided about, and why, until it is looked at again in a minute.
///
/// # Errors
///
/// [`TimetableError::Database`] when the statement fails.
pub async fn set_aside(pool: &PgPool, name: &str, problem: &str, now: DateTime<Utc>) -> Result<(), TimetableError> {
    sqlx::query(sql(
        "update botticelli.schedules set problem = $2, next_look = $3 where name = $1",
    ))
    .bind(name)
    .bind(problem)
    .bind(now + PROBLEM_CHECK)
    .execute(pool)
    .await?;
    Ok(())
}

/// Lets go of what became of ticks longer ago than `age`, 10,000 in one transaction. Schedules know by themselves what is decided,
/// and up to which tick nobody knows any more what became of it.
///
/// # Errors
///
/// [`TimetableError::Database`] when a statement fails.
pub async fn prune_ticks(pool: &PgPool, age: Duration) -> Result<(), TimetableError> {
    const MOST: i64 = 10_000;
    loop {
        let pruned: i64 = sqlx::query_scalar(sql(include_str!("sql/prune_ticks.sql")))
            .bind(age.as_secs_f64())
            .bind(MOST)
            .fetch_one(pool)
            .await?;
        if pruned < MOST {
            return Ok(());
        }
    }
}
