//! Writing down what was decided.

use std::{collections::BTreeSet, time::Duration};

use botticelli_database::sql;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use crate::{
    ScheduleRow, TimetableError,
    plan::{Decision, Outcome, Plan},
};

/// A schedule with what was decided about it.
#[derive(Debug, Clone)]
pub struct DecidedSchedule {
    /// The schedule, locked.
    pub row: ScheduleRow,
    /// What becomes of its ticks; else why it cannot be read.
    pub plan: Result<Plan, String>,
}

impl DecidedSchedule {
    /// What becomes of each tick, in their order.
    pub fn decisions(&self) -> &[Decision] {
        self.plan.as_ref().map_or(&[], |plan| &plan.decisions)
    }

    /// Those of them that run.
    pub fn runs(&mut self) -> impl Iterator<Item = (&ScheduleRow, &mut Decision)> {
        let row = &self.row;
        let decisions = self.plan.iter_mut().flat_map(|plan| &mut plan.decisions);
        decisions
            .filter(|decision| decision.outcome.runs())
            .map(move |decision| (row, decision))
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

/// Takes those ticks out of the plans that are on record, as those are that were backfilled.
///
/// # Errors
///
/// [`TimetableError::Database`] when the statement fails.
pub async fn forget_recorded(
    connection: &mut PgConnection,
    decided: &mut [DecidedSchedule],
) -> Result<(), TimetableError> {
    let ticks: Vec<_> = decided
        .iter()
        .flat_map(|schedule| {
            schedule
                .decisions()
                .iter()
                .map(|tick| (schedule.row.name.as_str(), tick))
        })
        .map(|(actor, tick)| json!({ "actor": actor, "tick_at": tick.at, "revision": tick.revision }))
        .collect();
    if ticks.is_empty() {
        return Ok(());
    }
    let recorded: Vec<(String, DateTime<Utc>, String)> =
        sqlx::query_as(sql("select tick.actor, tick.tick_at, tick.revision
         from jsonb_to_recordset($1) as asked (actor text, tick_at timestamptz, revision text)
           join botticelli.schedule_ticks tick using (actor, tick_at, revision)
         where tick.outcome <> 'buffered'"))
        .bind(json!(ticks))
        .fetch_all(connection)
        .await?;
    if recorded.is_empty() {
        return Ok(());
    }
    let recorded: BTreeSet<_> = recorded.into_iter().collect();
    for DecidedSchedule { row, plan } in decided {
        if let Ok(plan) = plan {
            plan.decisions
                .retain(|tick| !recorded.contains(&(row.name.clone(), tick.at, tick.revision.clone())));
        }
    }
    Ok(())
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
    let settled: Vec<_> = decided.iter().map(settled).collect();
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

fn settled(schedule: &DecidedSchedule) -> SettledSchedule<'_> {
    let plan = schedule.plan.as_ref().ok();
    let decisions = schedule.decisions();
    let last = decisions.last();
    let count = |outcome: &str| {
        let of_outcome = decisions.iter().filter(|tick| tick.outcome.as_str() == outcome);
        of_outcome.map(|tick| tick.ticks).sum()
    };
    SettledSchedule {
        name: &schedule.row.name,
        decided_until: plan.map(|plan| plan.decided_until),
        next_look: plan.and_then(|plan| plan.next_look),
        next_tick: plan.and_then(|plan| plan.next_tick),
        buffered_tick: plan.and_then(|plan| plan.buffered),
        ran_revision: decisions
            .iter()
            .map(|tick| tick.revision.as_str())
            .find(|revision| !revision.is_empty()),
        last_job: decisions.iter().rev().find_map(|tick| tick.job),
        last_tick: last.map(|tick| tick.through),
        last_outcome: last.map(|tick| tick.outcome.as_str()),
        enqueued: count("enqueued"),
        skipped: count("skipped"),
        missed: count("missed"),
        problem: schedule.plan.as_ref().err().map(String::as_str),
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
    Ok(sqlx::query_scalar(sql(
        "update botticelli.schedules set decided_until = now(), buffered_tick = null, next_look = '-infinity'
         where decided_until > now() + make_interval(secs => $1) returning name",
    ))
    .bind(far.as_secs_f64())
    .fetch_all(pool)
    .await?)
}

/// Lets go of what became of ticks longer ago than `age`, 10,000 in one transaction. Schedules know by themselves what is decided.
///
/// # Errors
///
/// [`TimetableError::Database`] when a statement fails.
pub async fn prune_ticks(pool: &PgPool, age: Duration) -> Result<(), TimetableError> {
    const MOST: u64 = 10_000;
    loop {
        let pruned = sqlx::query(sql("delete from botticelli.schedule_ticks where ctid = any (array(
               select ctid from botticelli.schedule_ticks where recorded_at < now() - make_interval(secs => $1)
               limit $2 for update skip locked
             ))"))
        .bind(age.as_secs_f64())
        .bind(i64::try_from(MOST).unwrap_or(i64::MAX))
        .execute(pool)
        .await?;
        if pruned.rows_affected() < MOST {
            return Ok(());
        }
    }
}
