//! What jobs pulled that end without a worker is there for others again.

use std::{sync::Arc, time::Duration};

use botticelli_queue::{Room, WorkerId, claim, register_worker, release_worker};

use crate::bench::Bench;

const ONE: Room = Room {
    jobs: 1,
    takes_suspect: true,
};

const HOLDERS: &str = "select n, pulled_by from botticelli_content.tips order by n";

/// A table of narratives with a row for each of these jobs, which it has taken.
async fn pulled_by(bench: &Bench, jobs: &[i64]) {
    bench
        .database
        .execute(&format!(
            "create schema botticelli_content;
             create table botticelli_content.tips (
               id bigint generated always as identity primary key, n bigint, pulled_at timestamptz, pulled_by bigint, pulled_for text
             );
             insert into botticelli_content.tips (n, pulled_at, pulled_by, pulled_for)
             select job, now(), job, 'x' from unnest(array{jobs:?}) as job"
        ))
        .await;
}

#[tokio::test]
async fn jobs_that_were_cancelled_or_expired_while_they_waited_give_back_and_those_that_wait_keep() {
    let bench = Bench::new().await;
    bench
        .database
        .execute(
            "select botticelli.enqueue('generation') from generate_series(1, 3);
             update botticelli.waiting_jobs set attempt = 1, interruptions = 1;
             select botticelli.cancel(1);
             insert into botticelli.dead_jobs (
               id, queue, kind, args, state, priority, run_at, attempt, interruptions, max_attempts, enqueued_at, source, errors,
               reason
             ) values (9, 'generation', 'generation', '{}', 'expired', 0, now(), 1, 1, 3, now(), 'sql', '[]', 'no')",
        )
        .await;
    // Nobody knows of job 77 any more; it was done, and its row with it.
    pulled_by(&bench, &[1, 2, 9, 77]).await;
    bench.maintenance().round(true).await.unwrap();
    assert_eq!(bench.database.rows(HOLDERS).await, ["1|", "2|2", "9|", "77|77"]);
}

#[tokio::test]
async fn a_job_whose_worker_was_lost_on_its_last_try_gives_back() {
    let bench = Bench::new().await;
    bench
        .database
        .execute("select botticelli.enqueue('generation', max_attempts => 1)")
        .await;
    let worker = WorkerId::random();
    let pool = &bench.database.pool;
    register_worker(pool, worker, "host:1", Duration::from_mins(1))
        .await
        .unwrap();
    assert_eq!(
        claim(pool, &Arc::from("generation"), ONE, worker)
            .await
            .unwrap()
            .jobs
            .len(),
        1
    );
    pulled_by(&bench, &[1]).await;
    bench.maintenance().round(true).await.unwrap();
    assert_eq!(bench.database.rows(HOLDERS).await, ["1|1"], "it runs");
    release_worker(pool, worker).await.unwrap();
    bench.maintenance().round(true).await.unwrap();
    assert_eq!(bench.database.rows(HOLDERS).await, ["1|"]);
}

#[tokio::test]
async fn what_nobody_gave_back_in_time_is_given_back_before_its_job_is_pruned() {
    let bench = Bench::new().await;
    bench
        .database
        .execute(
            "insert into botticelli.dead_jobs (
               id, queue, kind, args, state, priority, run_at, attempt, interruptions, max_attempts, enqueued_at, source, errors,
               reason, finished_at
             )
             select n, 'generation', 'generation', '{}', 'discarded', 0, now(), 1, 0, 1, now(), 'sql', '[]', 'no',
                    now() - interval '80 hours'
             from generate_series(1, 2) as n",
        )
        .await;
    pulled_by(&bench, &[1, 2]).await;
    bench.maintenance().round(true).await.unwrap();
    assert_eq!(bench.database.rows(HOLDERS).await, ["1|1", "2|2"], "that was long ago");
    bench.maintenance().prune().await.unwrap();
    assert_eq!(bench.database.rows(HOLDERS).await, ["1|", "2|"]);
    let left = "select count(*) from botticelli.dead_jobs";
    assert_eq!(bench.database.row(left).await, "0");
}

#[tokio::test]
async fn a_table_that_refuses_keeps_neither_another_nor_the_other_duties_from_being_done() {
    let bench = Bench::new().await;
    bench
        .database
        .execute(
            "select botticelli.enqueue('generation');
             update botticelli.waiting_jobs set attempt = 1, interruptions = 1;
             select botticelli.cancel(1)",
        )
        .await;
    pulled_by(&bench, &[1]).await;
    bench
        .database
        .execute(
            "create table botticelli_content.a_stubborn_one (like botticelli_content.tips including all);
             insert into botticelli_content.a_stubborn_one (n, pulled_at, pulled_by, pulled_for) values (1, now(), 1, 'x');
             alter table botticelli_content.a_stubborn_one add check (pulled_by is not null)",
        )
        .await;
    bench.maintenance().round(true).await.unwrap();
    assert_eq!(bench.database.rows(HOLDERS).await, ["1|"]);
    let stubborn = "select pulled_by from botticelli_content.a_stubborn_one";
    assert_eq!(bench.database.rows(stubborn).await, ["1"]);
}
