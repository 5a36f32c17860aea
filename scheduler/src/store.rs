//! Reading and writing schedules and their ticks.

use std::{collections::BTreeSet, time::Duration};

use botticelli_database::sql;
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection, PgPool};

use crate::{
    plan::{Decision, Outcome, Plan},
    row::ScheduleRow,
};

/// What time it is and when there is something to decide.
#[derive(Debug, Clone, Copy, FromRow)]
pub(crate) struct Outlook {
    pub(crate) now: DateTime<Utc>,
    /// How many seconds that is from now; `None` when there is nothing.
    pub(crate) due_in: Option<f64>,
}

/// Looks at the clock, the database's unless one is given, and at the schedules. The only statement of an idle scheduler.
pub(crate) async fn outlook(pool: &PgPool, now: Option<DateTime<Utc>>) -> Result<Outlook, sqlx::Error> {
    sqlx::query_as(sql(
        "select clock.now,
                (select case when next_look = '-infinity' then 0 else extract(epoch from next_look - clock.now) end::float8
                 from botticelli.schedules where next_look is not null order by next_look limit 1) as due_in
         from (select coalesce($1, clock_timestamp()) as now) as clock",
    ))
    .bind(now)
    .fetch_one(pool)
    .await
}

/// Locks up to `most` schedules that there is something to decide about, the longest due first; or that one alone. What another
/// has locked is its to decide.
pub(crate) async fn take_due(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    most: i64,
    only: Option<&str>,
) -> Result<Vec<ScheduleRow>, sqlx::Error> {
    sqlx::query_as(sql(include_str!("sql/take_due.sql")))
        .bind(now)
        .bind(most)
        .bind(only)
        .fetch_all(connection)
        .await
}

/// Those of the ticks of schedules that are decided already, which happens after a backfill.
pub(crate) async fn recorded_already(
    connection: &mut PgConnection,
    ticks: &[(&str, &Decision)],
) -> Result<BTreeSet<(String, DateTime<Utc>, String)>, sqlx::Error> {
    let (names, decisions): (Vec<&str>, Vec<&Decision>) = ticks.iter().copied().unzip();
    let at: Vec<DateTime<Utc>> = decisions.iter().map(|decision| decision.at).collect();
    let revisions: Vec<&str> = decisions.iter().map(|decision| decision.revision.as_str()).collect();
    let recorded: Vec<(String, DateTime<Utc>, String)> =
        sqlx::query_as(sql("select tick.actor, tick.tick_at, tick.revision
         from unnest($1::text[], $2::timestamptz[], $3::text[]) as asked (actor, tick_at, revision)
           join botticelli.schedule_ticks tick using (actor, tick_at, revision)
         where tick.outcome <> 'buffered'"))
        .bind(names)
        .bind(at)
        .bind(revisions)
        .fetch_all(connection)
        .await?;
    Ok(recorded.into_iter().collect())
}

/// Writes what has become of ticks. `jobs` has the job of each that runs.
pub(crate) async fn record_ticks(
    connection: &mut PgConnection,
    ticks: &[(&str, &Decision, Option<i64>)],
) -> Result<(), sqlx::Error> {
    let mut columns = (vec![], vec![], vec![], vec![], vec![], vec![], vec![], vec![]);
    for (name, decision, job) in ticks {
        let reason = match &decision.outcome {
            Outcome::Skipped(reason) | Outcome::Missed(reason) => Some(reason.as_str()),
            Outcome::Enqueued { .. } | Outcome::Buffered => None,
        };
        columns.0.push(*name);
        columns.1.push(decision.at);
        columns.2.push(decision.revision.as_str());
        columns.3.push(decision.outcome.as_str());
        columns.4.push(reason);
        columns.5.push(*job);
        columns.6.push((decision.ticks > 1).then_some(decision.through));
        columns.7.push(i32::try_from(decision.ticks).unwrap_or(i32::MAX));
    }
    sqlx::query(sql(include_str!("sql/record_ticks.sql")))
        .bind(columns.0)
        .bind(columns.1)
        .bind(columns.2)
        .bind(columns.3)
        .bind(columns.4)
        .bind(columns.5)
        .bind(columns.6)
        .bind(columns.7)
        .execute(connection)
        .await?;
    Ok(())
}

/// Lets go of what became of ticks longer ago than `age`, 10,000 in one transaction. Schedules know by themselves what is decided.
pub(crate) async fn prune_ticks(pool: &PgPool, age: Duration) -> Result<(), sqlx::Error> {
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

/// A schedule with what was decided about it, or why it cannot be read.
pub(crate) struct Decided<'a> {
    pub(crate) row: &'a ScheduleRow,
    pub(crate) plan: Result<&'a Plan, &'a str>,
    /// The job of its last tick that runs.
    pub(crate) job: Option<i64>,
}

/// Notes how schedules stand after that.
pub(crate) async fn record_standings(
    connection: &mut PgConnection,
    decided: &[Decided<'_>],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let mut columns = (vec![], vec![], vec![], vec![], vec![], vec![], vec![], vec![]);
    let (mut last_ticks, mut last_outcomes) = (vec![], vec![]);
    let (mut enqueued, mut skipped, mut missed) = (vec![], vec![], vec![]);
    for Decided { row, plan, job } in decided {
        let plan = plan.as_ref();
        let last = plan.ok().and_then(|plan| plan.decisions.last());
        let count = |is: fn(&Outcome) -> bool| -> i64 {
            plan.ok()
                .map(|plan| plan.decisions.iter().filter(|decision| is(&decision.outcome)))
                .map(|decisions| decisions.map(|decision| i64::from(decision.ticks)).sum())
                .unwrap_or_default()
        };
        let ran = plan.is_ok_and(|plan| plan.decisions.iter().any(|decision| !decision.revision.is_empty()));
        columns.0.push(row.name.as_str());
        columns.1.push(plan.ok().map(|plan| plan.decided_until));
        columns.2.push(plan.ok().and_then(|plan| plan.next_look));
        columns.3.push(plan.ok().and_then(|plan| plan.next_tick));
        columns.4.push(plan.ok().and_then(|plan| plan.buffered));
        columns.5.push(ran.then(|| row.revision()));
        columns.6.push(*job);
        columns.7.push(plan.err().copied());
        last_ticks.push(last.map(|decision| decision.through));
        last_outcomes.push(last.map(|decision| decision.outcome.as_str()));
        enqueued.push(count(|outcome| matches!(outcome, Outcome::Enqueued { .. })));
        skipped.push(count(|outcome| matches!(outcome, Outcome::Skipped(_))));
        missed.push(count(|outcome| matches!(outcome, Outcome::Missed(_))));
    }
    sqlx::query(sql(include_str!("sql/record_standings.sql")))
        .bind(columns.0)
        .bind(columns.1)
        .bind(columns.2)
        .bind(columns.3)
        .bind(columns.4)
        .bind(columns.5)
        .bind(columns.6)
        .bind(columns.7)
        .bind(last_ticks)
        .bind(last_outcomes)
        .bind(enqueued)
        .bind(skipped)
        .bind(missed)
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}
