use std::time::Duration;

use botticelli_queue::{cancel, cancelled_of, complete, discard, prune, redrive};

use crate::Bench;

const DAY: Duration = Duration::from_hours(24);
const DAYS: &str = "select count(*) from pg_inherits where inhparent = 'botticelli.claim_history'::regclass";

impl Bench {
    /// A job that was completed as many days ago.
    async fn completed(&self, days_ago: u32) {
        let job = self.claim_one().await.lease;
        let mut connection = self.database.pool.acquire().await.unwrap();
        complete(&mut connection, job).await.unwrap();
        let age = format!(
            "update botticelli.claim_history set closed_at = closed_at - interval '{days_ago} days' where first_job = {}",
            job.job
        );
        self.database.execute(&age).await;
    }

    async fn history(&self) -> Vec<String> {
        self.database
            .rows("select id from botticelli.job_history order by id")
            .await
    }
}

#[tokio::test]
async fn days_of_history_go_as_a_whole_when_the_last_of_them_is_old_enough() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.make_partitions((now() at time zone 'UTC')::date - 5)")
        .await;
    for days_ago in [0, 1, 3, 5] {
        bench.completed(days_ago).await;
    }
    let before: u32 = bench.database.row(DAYS).await.parse().unwrap();
    let pruned = prune(&bench.database.pool, 2 * DAY, DAY).await.unwrap();
    // Of the day that was two days ago, a part is not old enough.
    assert_eq!(pruned.days_dropped, 3);
    assert_eq!(bench.database.row(DAYS).await, (before - 3).to_string());
    assert_eq!(bench.history().await, ["1", "2"]);
    assert!(prune(&bench.database.pool, 2 * DAY, DAY).await.unwrap().is_nothing());
}

#[tokio::test]
async fn what_is_in_no_partition_of_its_day_goes_too() {
    let bench = Bench::new().await;
    bench.completed(0).await;
    bench.completed(20).await;
    let pruned = prune(&bench.database.pool, 14 * DAY, DAY).await.unwrap();
    assert_eq!((pruned.days_dropped, pruned.claims_deleted), (0, 1));
    assert_eq!(bench.history().await, ["1"]);
}

#[tokio::test]
async fn a_history_that_somebody_reads_is_left_for_the_next_time() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.make_partitions((now() at time zone 'UTC')::date - 3)")
        .await;
    let mut reading = bench.database.pool.begin().await.unwrap();
    sqlx::query("select from botticelli.job_history")
        .execute(&mut *reading)
        .await
        .unwrap();
    assert!(prune(&bench.database.pool, DAY, DAY).await.unwrap().is_nothing());
    reading.rollback().await.unwrap();
    assert_eq!(prune(&bench.database.pool, DAY, DAY).await.unwrap().days_dropped, 2);
}

#[tokio::test]
async fn dead_jobs_keys_and_late_cancellations_go_and_what_is_in_force_stays() {
    let bench = Bench::new().await;
    let pool = &bench.database.pool;
    let mut connection = pool.acquire().await.unwrap();
    bench
        .execute("select botticelli.enqueue('posting', unique_by => '{}')")
        .await;
    let ended = bench.claim().await.pop().unwrap().lease;
    cancel(pool, ended.job, None, "a tester").await.unwrap();
    discard(&mut connection, ended, "no").await.unwrap();
    let running = bench.claim_one().await.lease;
    cancel(pool, running.job, None, "a tester").await.unwrap();
    let young = bench.claim_one().await.lease;
    discard(&mut connection, young, "no").await.unwrap();
    bench
        .execute(
            "update botticelli.dead_jobs set finished_at = now() - interval '2 days' where id = 1;
             select botticelli.enqueue('posting', '{\"limit\": 1}', unique_by => '{limit}', unique_for => '1 hour')",
        )
        .await;

    let pruned = prune(pool, DAY, DAY).await.unwrap();
    assert_eq!(
        (pruned.dead_deleted, pruned.keys_deleted, pruned.cancellations_deleted),
        (1, 1, 1)
    );
    assert_eq!(cancelled_of(pool, bench.worker).await.unwrap(), [running.job]);
    assert_eq!(
        bench.database.row("select count(*) from botticelli.job_keys").await,
        "1"
    );
    redrive(pool, young.job).await.unwrap();
}

#[tokio::test]
async fn of_many_that_prune_at_once_none_fails() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.make_partitions((now() at time zone 'UTC')::date - 9)")
        .await;
    let pruning = (0..4).map(|_| prune(&bench.database.pool, DAY, DAY));
    let dropped: i32 = futures_util::future::join_all(pruning)
        .await
        .into_iter()
        .map(|pruned| pruned.unwrap().days_dropped)
        .sum();
    assert_eq!(dropped, 8);
}

#[tokio::test]
async fn a_partition_is_not_made_while_somebody_reads_the_history_and_completions_go_on() {
    let bench = Bench::new().await;
    bench
        .execute("do $$ begin execute (select 'drop table botticelli.' || max(relname) from pg_class where relname ~ '^claim_history_[0-9]{8}$'); end $$")
        .await;
    let job = bench.claim_one().await;
    let mut reading = bench.database.pool.begin().await.unwrap();
    sqlx::query("select from botticelli.claim_history")
        .execute(&mut *reading)
        .await
        .unwrap();
    let days = bench.database.row(DAYS).await;
    botticelli_queue::make_partitions(&bench.database.pool).await.unwrap();
    assert_eq!(bench.database.row(DAYS).await, days);
    bench.finish(&job).await;
    reading.rollback().await.unwrap();
    botticelli_queue::make_partitions(&bench.database.pool).await.unwrap();
    assert_ne!(bench.database.row(DAYS).await, days);
}

#[tokio::test]
async fn a_retention_that_is_none_is_refused() {
    let bench = Bench::new().await;
    for wrong in ["history => null", "dead => '-1 day'"] {
        let prune = format!("select botticelli.prune({wrong})");
        let refusal = sqlx::raw_sql(sqlx::AssertSqlSafe(prune))
            .execute(&bench.database.pool)
            .await
            .unwrap_err();
        assert!(refusal.to_string().contains("must be kept for some time"), "{refusal}");
    }
}
