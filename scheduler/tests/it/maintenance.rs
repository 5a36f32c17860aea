//! What a lost worker leaves behind is put in order, by whichever scheduler gets to it.

use std::{sync::Arc, time::Duration};

use botticelli_actors::{NewExecution, load_checkpoint, save_checkpoint, start_executions};
use botticelli_posts::take_for_review;
use botticelli_queue::{ClaimedJob, Room, WorkerId, claim, register_worker, release_worker};
use botticelli_scheduler::Maintenance;
use futures_util::future::join_all;
use serde_json::json;
use sqlx::PgPool;

use crate::bench::{Bench, at};

const ONE: Room = Room {
    jobs: 1,
    takes_suspect: true,
};

async fn begin_run(pool: &PgPool, job_id: i64, attempt: i32) {
    let run = NewExecution {
        actor: "generation",
        job_id,
        attempt,
        worker_name: "host:1",
        traceparent: None,
    };
    start_executions(&mut pool.acquire().await.unwrap(), &[run])
        .await
        .unwrap();
}

/// A job that a worker held when it died, in the middle of a review.
async fn lost_job(bench: &Bench) -> ClaimedJob {
    let pool = &bench.database.pool;
    let worker = WorkerId::random();
    register_worker(pool, worker, "host:1", Duration::from_mins(1))
        .await
        .unwrap();
    let job = claim(pool, &Arc::from("generation"), ONE, worker)
        .await
        .unwrap()
        .jobs
        .pop()
        .unwrap();
    let (id, attempt) = (job.lease.job.0, job.lease.attempt);
    begin_run(pool, id, attempt).await;
    let mut connection = pool.acquire().await.unwrap();
    save_checkpoint(&mut connection, id, "1/idea", &json!({ "reply": "hats" }))
        .await
        .unwrap();
    take_for_review(pool, id, 10, Duration::from_mins(20)).await.unwrap();
    release_worker(pool, worker).await.unwrap();
    job
}

const RUNS: &str = "select attempt, outcome, success, error_message from botticelli.actor_server_executions
                    order by attempt";

#[tokio::test]
async fn a_lost_workers_job_is_due_again_with_its_acts_and_its_run_is_closed() {
    let bench = Bench::new().await;
    bench.database.execute("select botticelli.enqueue('generation')").await;
    let job = lost_job(&bench).await;
    let schedulers = [(); 3].map(|()| bench.maintenance());
    for outcome in join_all(schedulers.iter().map(|scheduler| scheduler.round(true))).await {
        outcome.unwrap();
    }
    assert_eq!(
        bench
            .database
            .row("select state, attempt, jsonb_array_length(errors) from botticelli.jobs")
            .await,
        "available|1|1"
    );
    assert_eq!(
        bench.database.row(RUNS).await,
        "1|lost|f|worker host:1 was lost during this run"
    );
    let kept = load_checkpoint(&bench.database.pool, job.lease.job.0, "1/idea")
        .await
        .unwrap();
    assert_eq!(kept, Some(json!({ "reply": "hats" })));
}

#[tokio::test]
async fn a_job_that_takes_every_worker_down_is_given_up_and_lets_go_of_its_posts() {
    let bench = Bench::new().await;
    bench
        .database
        .execute(
            "insert into botticelli.potential_posts (text_content, source, job_id, output_no) values ('A', 'x', 0, 1);
             select botticelli.enqueue('generation', max_attempts => 2)",
        )
        .await;
    for state in ["available", "discarded"] {
        lost_job(&bench).await;
        let review = "select status from botticelli.potential_posts";
        assert_eq!(bench.database.row(review).await, "in_review");
        bench.maintenance().round(false).await.unwrap();
        let states = "select state from botticelli.jobs union all select state from botticelli.job_history";
        assert_eq!(bench.database.row(states).await, state);
    }
    assert_eq!(
        bench
            .database
            .row("select status, review_job_id from botticelli.potential_posts")
            .await,
        "pending|"
    );
    assert_eq!(
        bench
            .database
            .row("select count(*) from botticelli.act_checkpoints")
            .await,
        "0"
    );
    assert_eq!(bench.database.rows(RUNS).await.len(), 2);
}

#[tokio::test]
async fn a_job_whose_worker_lives_is_left_alone() {
    let bench = Bench::new().await;
    bench.database.execute("select botticelli.enqueue('generation')").await;
    let worker = WorkerId::random();
    register_worker(&bench.database.pool, worker, "host:1", Duration::from_mins(1))
        .await
        .unwrap();
    claim(&bench.database.pool, &Arc::from("generation"), ONE, worker)
        .await
        .unwrap();
    bench.maintenance().round(true).await.unwrap();
    assert_eq!(bench.database.row("select state from botticelli.jobs").await, "running");
}

#[tokio::test]
async fn a_breaker_lets_one_run_through_once_its_cool_down_is_over() {
    let bench = Bench::new().await;
    let open = "update botticelli.actor_server_state set is_paused = true, paused_reason = 'circuit_breaker',
                breaker_state = 'open', breaker_retry_at = now() + interval '1 hour'";
    bench.database.execute(open).await;
    let state = "select state.is_paused, breaker_state, queues.is_paused
                 from botticelli.actor_server_state as state join botticelli.queues on name = task_id";
    bench.maintenance().round(true).await.unwrap();
    assert_eq!(bench.database.row(state).await, "t|open|t");
    bench
        .database
        .execute("update botticelli.actor_server_state set breaker_retry_at = now()")
        .await;
    bench.maintenance().round(true).await.unwrap();
    assert_eq!(bench.database.row(state).await, "f|half_open|f");
}

#[tokio::test]
async fn a_worker_that_is_long_dead_is_forgotten() {
    let bench = Bench::new().await;
    let (dead, sleeping) = (WorkerId::random(), WorkerId::random());
    for worker in [dead, sleeping] {
        register_worker(&bench.database.pool, worker, "host:1", Duration::ZERO)
            .await
            .unwrap();
    }
    bench
        .database
        .execute(&format!(
            "update botticelli.workers set lease_until = now() - interval '2 hours' where id = '{dead}'"
        ))
        .await;
    bench.maintenance().round(true).await.unwrap();
    assert_eq!(
        bench.database.rows("select id from botticelli.workers").await,
        [sleeping.to_string()]
    );
}

#[tokio::test]
async fn what_a_worker_wrote_after_its_job_had_ended_is_put_in_order() {
    let bench = Bench::new().await;
    bench.database.execute("select botticelli.enqueue('generation')").await;
    let running = lost_job(&bench).await.lease.job.0;
    // A worker that was frozen wrote these for job 99, which somebody else had finished meanwhile.
    begin_run(&bench.database.pool, 99, 1).await;
    bench
        .database
        .execute(
            "insert into botticelli.potential_posts (text_content, source, job_id, output_no) values
               ('A.', 'x', 0, 1), ('B.', 'x', 0, 2)",
        )
        .await;
    for job in [99, running] {
        take_for_review(&bench.database.pool, job, 1, Duration::from_mins(20))
            .await
            .unwrap();
    }
    bench
        .database
        .execute(&format!(
            "update botticelli.actor_server_executions set started_at = now() - interval '2 minutes';
             insert into botticelli.workers (id, name, lease_until)
             select worker_id, 'host:1', now() + interval '1 minute' from botticelli.jobs where id = {running}"
        ))
        .await;
    bench.maintenance().round(true).await.unwrap();
    assert_eq!(
        bench
            .database
            .rows("select job_id, outcome from botticelli.actor_server_executions order by job_id")
            .await,
        [format!("{running}|running"), "99|lost".to_owned()]
    );
    assert_eq!(
        bench
            .database
            .rows("select status, review_job_id from botticelli.potential_posts order by id")
            .await,
        ["pending|".to_owned(), format!("in_review|{running}")]
    );
}

#[tokio::test]
async fn a_lost_workers_job_that_was_cancelled_ends_and_lets_go_of_what_it_held() {
    let bench = Bench::new().await;
    bench
        .database
        .execute(
            "insert into botticelli.potential_posts (text_content, source, job_id, output_no) values ('A', 'x', 0, 1);
             select botticelli.enqueue('generation')",
        )
        .await;
    let job = lost_job(&bench).await.lease.job.0;
    bench
        .database
        .execute(&format!("select botticelli.cancel({job})"))
        .await;
    bench.maintenance().round(false).await.unwrap();
    let ended = "select state from botticelli.job_history";
    assert_eq!(bench.database.row(ended).await, "cancelled");
    let review = "select status from botticelli.potential_posts";
    assert_eq!(bench.database.row(review).await, "pending");
    let checkpoints = "select count(*) from botticelli.act_checkpoints";
    assert_eq!(bench.database.row(checkpoints).await, "0");
}

#[tokio::test]
async fn the_acts_of_a_job_that_was_cancelled_while_it_waited_are_forgotten() {
    let bench = Bench::new().await;
    bench
        .database
        .execute(
            "select botticelli.enqueue('generation');
             select botticelli.enqueue('generation');
             insert into botticelli.act_checkpoints (job_id, step, record, recorded_at)
             select job, 'idea', '{}', now() - interval '2 minutes' from generate_series(1, 2) as job;
             select botticelli.cancel(1)",
        )
        .await;
    bench.maintenance().round(true).await.unwrap();
    let left = "select job_id from botticelli.act_checkpoints";
    assert_eq!(bench.database.row(left).await, "2");
}

#[tokio::test]
async fn what_was_over_for_longer_than_it_is_kept_goes_whoever_of_many_schedulers_gets_to_it() {
    let bench = Bench::new().await;
    // Days before the retention of 24 hours: the day of a claim goes as a whole, once its last minute is old enough.
    bench
        .database
        .execute(
            "insert into botticelli.claim_history (id, queue, claimed_at, closed_at, jobs, endings, first_job, last_job)
             select n, 'generation', now(), now() - interval '80 hours' * (n % 2), '{}', '{}', n, n
             from generate_series(1, 10) as n;
             insert into botticelli.dead_jobs (
               id, queue, kind, args, state, priority, run_at, attempt, interruptions, max_attempts, enqueued_at, source, errors,
               reason, finished_at
             )
             select n, 'generation', 'generation', '{}', 'discarded', 0, now(), 0, 0, 1, now(), 'sql', '[]', 'no',
                    now() - interval '80 hours' * (n % 2)
             from generate_series(1, 10) as n",
        )
        .await;
    let schedulers = [(); 3].map(|()| bench.maintenance());
    for pruned in join_all(schedulers.iter().map(Maintenance::prune)).await {
        pruned.unwrap();
    }
    let left = "select (select count(*) from botticelli.claim_history), (select count(*) from botticelli.dead_jobs)";
    assert_eq!(bench.database.row(left).await, "5|5");
}

#[tokio::test]
async fn executions_that_were_interrupted_go_with_their_job_or_after_a_week_and_others_stay() {
    let bench = Bench::new().await;
    bench
        .database
        .execute(
            "select botticelli.enqueue('generation');
             insert into botticelli.actor_server_executions (
               task_id, actor_name, job_id, attempt, worker_name, outcome, success, started_at, completed_at
             )
             select 'generation', 'generation', job, attempt, 'host:1', outcome, success, at, at
             from (
               values
                 (1, 1, 'interrupted', null::boolean, now() - interval '8 days'), (1, 2, 'interrupted', null, now() - interval '6 days'),
                 (1, 3, 'failure', false, now() - interval '8 days'), (99, 1, 'interrupted', null, now()), (99, 2, 'success', true, now())
             ) as run (job, attempt, outcome, success, at)",
        )
        .await;
    let schedulers = [(); 3].map(|()| bench.maintenance());
    for pruned in join_all(schedulers.iter().map(Maintenance::prune)).await {
        pruned.unwrap();
    }
    let left = "select job_id, attempt, outcome from botticelli.actor_server_executions order by job_id, attempt";
    assert_eq!(
        bench.database.rows(left).await,
        ["1|2|interrupted", "1|3|failure", "99|2|success"]
    );
}

#[tokio::test]
async fn calls_of_yesterday_and_budgets_of_runs_that_go_on_are_kept_however_short_dead_jobs_are() {
    let bench = Bench::new().await;
    bench
        .database
        .execute(
            "insert into botticelli.ended_calls
             select id, null, null, 'run', 'actor', 'narrative', 'act', 'step', 'provider', 'key', 'model', 'hash', '{}', 1, 1, 1, at, at,
                    'lost', at, 1, 1, 0, 0, 0, true, 1
             from (values (1, now() - interval '1 day'), (2, now() - interval '2 days')) as call (id, at);
             insert into botticelli.budget_usage (scope, key, step, period, starts_at, used_calls, opened_at, changed_at)
             values ('run', 'run', '', 'none', '-infinity', 3, now() - interval '6 days', now() - interval '6 days')",
        )
        .await;
    let maintenance = Maintenance {
        dead_retention: Duration::from_hours(1),
        ..bench.maintenance()
    };
    maintenance.prune().await.unwrap();
    assert_eq!(
        bench.database.rows("select id from botticelli.ended_calls").await,
        ["1"]
    );
    let used = "select used_calls from botticelli.budget_usage";
    assert_eq!(bench.database.rows(used).await, ["3"]);
}

#[tokio::test]
async fn gauges_tell_when_each_actor_was_and_is_due_and_how_many_schedules_nobody_decides() {
    let bench = Bench::new().await;
    bench.schedule("0 * * * *", &[]).await;
    bench.round("08:30").await;
    bench.round("09:00").await;
    bench
        .database
        .execute(
            "insert into botticelli.schedules (name, queue, schedule, next_look) values
               ('stuck', 'generation', '@daily', now() - interval '6 seconds'), ('due', 'generation', '@daily', now()),
               ('to come', 'generation', '@daily', now() + interval '1 hour'), ('new', 'generation', '@daily', default)",
        )
        .await;
    let (metrics, exposition) = botticelli_telemetry::local_metrics("scheduler", "test").unwrap();
    let maintenance = Maintenance {
        metrics,
        ..bench.maintenance()
    };
    maintenance.round(true).await.unwrap();
    let text = exposition.render().unwrap();
    for line in [
        format!(
            "botticelli_schedule_last_tick_timestamp{{actor=\"generation\"}} {}",
            at("09:00").timestamp()
        ),
        format!(
            "botticelli_schedule_next_tick_timestamp{{actor=\"generation\"}} {}",
            at("10:00").timestamp()
        ),
        "botticelli_schedules_overdue 1".to_owned(),
    ] {
        assert!(text.contains(&line), "{line} is missing:\n{text}");
    }
    bench.schedule("manual", &[]).await;
    bench.round("09:00").await;
    maintenance.round(true).await.unwrap();
    assert!(
        !exposition
            .render()
            .unwrap()
            .contains("botticelli_schedule_next_tick_timestamp{")
    );
}
