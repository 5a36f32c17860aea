//! Statements that want the same rows at the same time wait for one another, and never each for the other.

use std::time::Duration;

use botticelli_queue::{complete_all, rescue};
use sqlx::PgConnection;

use crate::Bench;

/// Enqueues three unique jobs one by one, that of the greatest key first, so that whoever takes keys in the order of jobs
/// takes them against their own order. Gives the keys in that order.
async fn enqueue_against_the_order_of_keys(bench: &Bench, unique_while: &str) -> Vec<String> {
    let keys = bench
        .database
        .rows(
            "select key || ' ' || limits from generate_series(1, 3) as limits,
             botticelli.unique_key('posting', jsonb_build_object('limit', limits), '{*}') as key order by key desc",
        )
        .await;
    let mut ordered = Vec::new();
    for row in keys {
        let (key, limit) = row.split_once(' ').unwrap();
        let enqueue = format!(
            "select botticelli.enqueue('posting', '{{\"limit\": {limit}}}', unique_by => '{{*}}', unique_while => '{unique_while}')"
        );
        bench.database.execute(&enqueue).await;
        ordered.push(key.to_owned());
    }
    ordered
}

async fn process_id(connection: &mut PgConnection) -> i32 {
    sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(connection)
        .await
        .unwrap()
}

/// Lets `ending` and an enqueue of the same keys meet: both run into the key in the middle, which a third holds until both
/// wait. Gives the number of jobs that the enqueue found new.
async fn meet(bench: &Bench, keys: &[String], ending: impl Future<Output = ()>) {
    let pool = &bench.database.pool;
    let mut third = pool.begin().await.unwrap();
    sqlx::query("select from botticelli.job_keys where key = $1 for update")
        .bind(&keys[1])
        .execute(&mut *third)
        .await
        .unwrap();
    let third_id = process_id(&mut third).await;
    let enqueuing = async {
        sqlx::query(
            "select * from botticelli.enqueue_many('posting', array['{\"limit\": 1}', '{\"limit\": 2}', '{\"limit\": 3}']::jsonb[],
                unique_by => '{*}')",
        )
        .execute(pool)
        .await
        .unwrap();
    };
    let release = async {
        // Both wait as soon as the server says so; one behind the other is as good.
        loop {
            let waiting: i64 = sqlx::query_scalar(
                "select count(*) from pg_stat_activity where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0
                 and pid <> $1",
            )
            .bind(third_id)
            .fetch_one(pool)
            .await
            .unwrap();
            if waiting == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        third.commit().await.unwrap();
    };
    futures_util::future::join3(ending, enqueuing, release).await;
}

#[tokio::test]
async fn a_claim_of_unique_jobs_and_an_enqueue_of_the_same_do_not_wait_each_for_the_other() {
    let bench = Bench::new().await;
    let keys = enqueue_against_the_order_of_keys(&bench, "waiting").await;
    meet(&bench, &keys, async {
        assert_eq!(bench.claim().await.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn the_end_of_unique_jobs_and_an_enqueue_of_the_same_do_not_wait_each_for_the_other() {
    let bench = Bench::new().await;
    let keys = enqueue_against_the_order_of_keys(&bench, "unfinished").await;
    let leases: Vec<_> = bench.claim().await.into_iter().map(|job| job.lease).collect();
    meet(&bench, &keys, async {
        let mut connection = bench.database.pool.acquire().await.unwrap();
        assert!(complete_all(&mut connection, &leases).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_rescue_of_unique_jobs_and_an_enqueue_of_the_same_do_not_wait_each_for_the_other() {
    let bench = Bench::new().await;
    let keys = enqueue_against_the_order_of_keys(&bench, "unfinished").await;
    bench
        .execute("update botticelli.waiting_jobs set max_attempts = 1")
        .await;
    assert_eq!(bench.claim().await.len(), 3);
    bench.execute("delete from botticelli.workers").await;
    meet(&bench, &keys, async {
        let mut connection = bench.database.pool.acquire().await.unwrap();
        let rescued = rescue(&mut connection, 10).await.unwrap();
        assert_eq!(rescued.iter().filter(|job| job.discarded).count(), 3);
    })
    .await;
}
