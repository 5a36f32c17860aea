//! What one schedule, one lock or one wrong row does to the others: nothing.

use botticelli_timetable::{Backfill, backfill};
use chrono::{DateTime, Utc};

use crate::bench::{Bench, at};

/// A bench with a second schedule, `control`, that must run whatever happens to `generation`.
async fn with_control(schedule: &str, rest: &[&str]) -> Bench {
    let bench = Bench::new().await;
    bench.register("control").await;
    bench.schedule(schedule, rest).await;
    bench
        .database
        .execute("insert into botticelli.schedules (name, queue, schedule, overlap) values ('control', 'control', '0 * * * *', 'allow')")
        .await;
    bench.round("08:30").await;
    bench
}

async fn runs_of_control(bench: &Bench) -> String {
    let runs = "select count(*) from botticelli.jobs where queue = 'control'";
    bench.database.row(runs).await
}

#[tokio::test]
async fn a_schedule_that_the_database_cannot_do_with_is_set_aside() {
    let bench = with_control("0 * * * *", &[]).await;
    bench
        .database
        .execute(
            "create function public.refuse_generation() returns trigger language plpgsql as $$
               begin raise exception 'no room for %', new.actor; end $$;
             create trigger refuse_generation before insert on botticelli.schedule_ticks
               for each row when (new.actor = 'generation') execute function public.refuse_generation()",
        )
        .await;
    bench.round("09:00").await;
    assert_eq!(runs_of_control(&bench).await, "1");
    let standing = "select problem, to_char(next_look at time zone 'utc', 'HH24:MI:SS') from botticelli.schedules where name = 'generation'";
    let standing = bench.database.row(standing).await;
    assert!(
        standing.contains("no room for generation") && standing.ends_with("|09:01:00"),
        "{standing}"
    );
    bench
        .database
        .execute("drop function public.refuse_generation cascade")
        .await;
    bench.round("09:02").await;
    assert_eq!(bench.ticks().await.len(), 2, "it runs once it can");
    let problem = "select problem from botticelli.schedules where name = 'generation'";
    assert_eq!(bench.database.row(problem).await, "");
}

#[tokio::test]
async fn arguments_that_only_the_database_can_read_are_handed_on_as_they_are() {
    let deep = "[".repeat(200) + &"]".repeat(200);
    let bench = with_control("0 * * * *", &[]).await;
    bench
        .database
        .execute(&format!(
            r#"insert into botticelli.queues (name, kind, max_attempts) values ('own', 'of_another_program', 3);
               insert into botticelli.schedules (name, queue, schedule, args) values
                 ('huge', 'own', '0 * * * *', '{{"x": 1e400}}'), ('deep', 'own', '0 * * * *', '{{"x": {deep}}}'),
                 ('exact', 'own', '0 * * * *', '{{"x": 12345678901234567890123.456}}')"#
        ))
        .await;
    bench.round("08:30").await;
    bench.round("09:00").await;
    assert_eq!(runs_of_control(&bench).await, "1");
    let args = "select count(*) from botticelli.waiting_jobs job
                  join botticelli.schedules s on s.last_job = job.id and s.args::text = job.args::text where job.queue = 'own'";
    assert_eq!(bench.database.row(args).await, "3");
}

#[tokio::test]
async fn times_outside_of_the_calendar_and_lists_that_are_none_are_refused() {
    let bench = Bench::new().await;
    for (column, value) in [
        ("starts_at", "'-infinity'"),
        ("ends_at", "'infinity'"),
        ("starts_at", "'20000-01-01'"),
        ("windows", "array[null]"),
        ("blackouts", "array[array['SAT'], array['SUN']]"),
        ("name", "E'two\\nlines'"),
    ] {
        let others = if column == "name" { "" } else { "'wrong', " };
        let names = if column == "name" { "" } else { "name, " };
        let statement = format!(
            "insert into botticelli.schedules ({names}queue, schedule, {column}) values ({others}'generation', '@daily', {value})"
        );
        let refused = sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(&bench.database.pool)
            .await;
        let refused = refused.unwrap_err().to_string();
        assert!(
            refused.contains("violates check constraint"),
            "{column} {value}: {refused}"
        );
    }
}

#[tokio::test]
async fn a_job_to_cancel_that_somebody_holds_keeps_its_own_schedule_waiting_and_no_other() {
    let bench = with_control("0 * * * *", &["overlap = 'cancel_other'"]).await;
    bench.round("09:00").await;
    let mut holding = bench.database.pool.begin().await.unwrap();
    sqlx::query("select from botticelli.waiting_jobs where queue = 'generation' for update")
        .execute(&mut *holding)
        .await
        .unwrap();
    bench.round("10:00").await;
    assert_eq!(runs_of_control(&bench).await, "2");
    let of_generation =
        "select tick_at at time zone 'utc', outcome from botticelli.schedule_ticks where actor = 'generation'";
    assert_eq!(
        bench.database.rows(of_generation).await.len(),
        1,
        "its tick is undecided"
    );
    holding.rollback().await.unwrap();
    bench.round("10:00").await;
    let jobs = "select string_agg(state, ' ' order by id) from (
                  select id, state from botticelli.jobs where queue = 'generation'
                  union all select id, state from botticelli.dead_jobs where queue = 'generation') as job";
    assert_eq!(bench.database.row(jobs).await, "cancelled scheduled");
}

#[tokio::test]
async fn a_job_is_not_cancelled_for_one_that_is_refused() {
    let bench = with_control("0 * * * *", &["overlap = 'cancel_other'"]).await;
    bench.round("09:00").await;
    bench.schedule("0 * * * *", &["queue = 'gone'"]).await;
    bench.round("09:30").await;
    let problem = "select split_part(problem, ';', 1) from botticelli.schedules where name = 'generation'";
    assert_eq!(
        bench.database.row(problem).await,
        "its job was refused: unknown queue \"gone\"",
        "it is told before the tick"
    );
    bench.round("10:00").await;
    let jobs = "select count(*) from botticelli.jobs where queue = 'generation'";
    assert_eq!(bench.database.row(jobs).await, "1");
    assert_eq!(runs_of_control(&bench).await, "2");
    bench.schedule("0 * * * *", &["queue = 'generation'"]).await;
    bench.round("10:30").await;
    assert_eq!(bench.database.row(problem).await, "");
}

#[tokio::test]
async fn whoever_holds_the_row_of_an_actor_holds_no_tick_up() {
    let bench = with_control("0 * * * *", &[]).await;
    let mut pausing = bench.database.pool.begin().await.unwrap();
    sqlx::query("select from botticelli.actor_server_state for update")
        .execute(&mut *pausing)
        .await
        .unwrap();
    bench.round("09:00").await;
    assert_eq!(bench.jobs().await, "2");
    pausing.rollback().await.unwrap();
    bench.maintenance().round(true).await.unwrap();
    let next_run = "select next_run from botticelli.actor_server_state where task_id = 'generation'";
    assert_eq!(
        bench.database.row(next_run).await,
        "2099-11-23 10:00:00+00",
        "it is noted later"
    );
}

/// Stretches of `generation`, and single ticks.
async fn stretches(bench: &Bench) -> Vec<String> {
    let rows = "select to_char(tick_at at time zone 'utc', 'HH24:MI'), to_char(through at time zone 'utc', 'HH24:MI'), ticks, outcome
                from botticelli.schedule_ticks order by tick_at";
    bench.database.rows(rows).await
}

/// A schedule that missed its ticks from 01:00 to 09:00 of a day that is past for the server too.
async fn after_an_outage() -> (Bench, impl Fn(&str) -> DateTime<Utc>) {
    let past = |time: &str| -> DateTime<Utc> { format!("2026-10-05T{time}:00Z").parse().unwrap() };
    let bench = Bench::new().await;
    bench
        .schedule(
            "0 * * * *",
            &[
                "catch_up = 'none'",
                "decided_until = '2026-10-05 00:30+00'",
                "created_at = '2026-10-01'",
                "next_look = '-infinity'",
            ],
        )
        .await;
    bench
        .database
        .execute("update botticelli.schedules set decided_until = '2026-10-05 00:30+00', next_look = '-infinity'")
        .await;
    (bench, past)
}

#[tokio::test]
async fn a_backfill_into_a_stretch_leaves_rows_for_those_around_it() {
    let (bench, past) = after_an_outage().await;
    bench.clock.set(past("09:30"));
    bench.ticker().round().await.unwrap();
    assert_eq!(stretches(&bench).await, ["01:00|09:00|9|missed"]);
    for (from, to, count) in [("01:00", "01:00", 1), ("04:00", "05:00", 2), ("04:00", "05:00", 0)] {
        let done = backfill(&bench.database.pool, "generation", past(from), past(to), true)
            .await
            .unwrap();
        assert!(matches!(done, Backfill::Ticks(ticks) if ticks.len() == count));
    }
    assert_eq!(
        stretches(&bench).await,
        [
            "01:00||1|enqueued",
            "02:00|03:00|2|missed",
            "04:00||1|enqueued",
            "05:00||1|enqueued",
            "06:00|09:00|4|missed",
        ]
    );
    assert_eq!(bench.jobs().await, "3");
}

#[tokio::test]
async fn a_backfill_before_the_scheduler_comes_back_takes_no_row_from_the_other_ticks() {
    let (bench, past) = after_an_outage().await;
    for tick in ["01:00", "04:00"] {
        backfill(&bench.database.pool, "generation", past(tick), past(tick), true)
            .await
            .unwrap();
    }
    bench.clock.set(past("09:30"));
    bench.ticker().round().await.unwrap();
    assert_eq!(
        stretches(&bench).await,
        [
            "01:00||1|enqueued",
            "02:00|03:00|2|missed",
            "04:00||1|enqueued",
            "05:00|09:00|5|missed"
        ]
    );
    let counts = "select enqueued, missed from botticelli.schedules";
    assert_eq!(bench.database.row(counts).await, "0|7");
}

#[tokio::test]
async fn ticks_that_are_not_on_record_any_more_are_not_backfilled() {
    let (bench, past) = after_an_outage().await;
    bench.clock.set(past("09:30"));
    bench.ticker().round().await.unwrap();
    bench
        .database
        .execute("update botticelli.schedule_ticks set recorded_at = now() - interval '25 hours'")
        .await;
    let day = std::time::Duration::from_hours(24);
    botticelli_timetable::prune_ticks(&bench.database.pool, day)
        .await
        .unwrap();
    let pool = &bench.database.pool;
    let refused = backfill(pool, "generation", past("05:00"), past("09:00"), true)
        .await
        .unwrap();
    assert_eq!(refused, Backfill::Forgotten(past("09:00")));
    // Of a time before the schedule was there nothing ran.
    let before = "2026-09-30T05:00:00Z".parse().unwrap();
    let done = backfill(pool, "generation", before, before, true).await.unwrap();
    assert_eq!(done, Backfill::Ticks(vec![before]));
}

#[tokio::test]
async fn letting_go_of_old_ticks_waits_for_nobody_and_jobs_that_were_triggered_are_no_ticks() {
    let (bench, past) = after_an_outage().await;
    bench.register("held").await;
    let pool = &bench.database.pool;
    bench
        .database
        .execute(
            "insert into botticelli.schedules (name, queue, schedule) values ('held', 'held', '@daily');
             insert into botticelli.schedule_ticks (actor, tick_at, outcome, job_id, recorded_at)
             select name, '2026-10-04', 'enqueued', 1, now() - interval '25 hours' from botticelli.schedules;
             select botticelli.trigger_schedule('generation')",
        )
        .await;
    let mut holding = pool.begin().await.unwrap();
    sqlx::query("select from botticelli.schedules where name = 'held' for update")
        .execute(&mut *holding)
        .await
        .unwrap();
    let day = std::time::Duration::from_hours(24);
    botticelli_timetable::prune_ticks(pool, day).await.unwrap();
    let left = "select actor, revision from botticelli.schedule_ticks order by actor";
    assert_eq!(bench.database.rows(left).await, ["generation|triggered", "held|"]);
    holding.rollback().await.unwrap();
    botticelli_timetable::prune_ticks(pool, day).await.unwrap();
    assert_eq!(bench.database.rows(left).await, ["generation|triggered"]);
    // One stretch, whatever was triggered in it.
    bench
        .database
        .execute("update botticelli.schedule_ticks set tick_at = '2026-10-05 03:20+00'")
        .await;
    bench.clock.set(past("09:30"));
    bench.ticker().round().await.unwrap();
    assert_eq!(stretches(&bench).await, ["01:00|09:00|9|missed", "03:20||1|enqueued"]);
}

#[tokio::test]
async fn a_schedule_that_is_changed_before_its_ticks_were_decided_leaves_a_row_of_them() {
    let (bench, _) = after_an_outage().await;
    bench
        .database
        .execute("update botticelli.schedules set next_tick = '2026-10-05 01:00+00'; update botticelli.schedules set timezone = 'Europe/Berlin'")
        .await;
    assert_eq!(
        bench.ticks().await,
        ["01:00||missed|the schedule was changed before this tick, and any after it, was decided"]
    );
    assert_eq!(bench.database.row("select missed from botticelli.schedules").await, "1");
    // Nobody has looked at it yet.
    assert_eq!(
        bench
            .database
            .row("select name, overdue from botticelli.schedule_status")
            .await,
        "generation|"
    );
}

#[tokio::test]
async fn a_tick_that_waits_leaves_a_row_whatever_becomes_of_its_schedule() {
    for change in [
        "update botticelli.schedules set enabled = false",
        "update botticelli.schedules set schedule = '30 * * * *'",
        "delete from botticelli.schedules",
    ] {
        let bench = Bench::new().await;
        bench.schedule("0 * * * *", &["overlap = 'buffer_one'"]).await;
        for time in ["08:30", "09:00", "10:00"] {
            bench.round(time).await;
        }
        assert_eq!(bench.ticks().await, ["09:00||enqueued|", "10:00||buffered|"]);
        bench.database.execute(change).await;
        let last = bench.ticks().await.pop().unwrap();
        assert!(last.starts_with("10:00||skipped|the schedule was "), "{change}: {last}");
    }
}

#[tokio::test]
async fn a_schedule_that_a_newer_program_may_read_is_looked_at_again() {
    let bench = with_control("0 * * * *", &[]).await;
    bench.schedule("every blue moon", &[]).await;
    bench.round("08:30").await;
    let next_look =
        "select to_char(next_look at time zone 'utc', 'HH24:MI') from botticelli.schedules where name = 'generation'";
    assert_eq!(bench.database.row(next_look).await, "08:31");
    bench.clock.set(at("08:40"));
    bench.ticker().round().await.unwrap();
    assert_eq!(bench.database.row(next_look).await, "08:41");
}
