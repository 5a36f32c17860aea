//! Who enqueues unique jobs, claims and ends them, all at the same time: none waits for another that waits for it, and no
//! worker for a producer.

use botticelli_queue::{complete_all, rescue};
use sqlx::{PgPool, Postgres, Transaction};

use crate::Bench;

/// Three unique jobs, in this order.
async fn enqueue(transaction: &mut Transaction<'_, Postgres>, limits: [u8; 3], unique_while: &str) -> u64 {
    let jobs = limits.map(|limit| format!(r#"{{"limit": {limit}}}"#));
    sqlx::query(
        "select from botticelli.enqueue_many('posting', $1::text[]::jsonb[], unique_by => '{*}', unique_while => $2) where is_new",
    )
    .bind(jobs.as_slice())
    .bind(unique_while)
    .execute(&mut **transaction)
    .await
    .unwrap()
    .rows_affected()
}

async fn enqueued(pool: &PgPool, unique_while: &str) {
    let mut transaction = pool.begin().await.unwrap();
    assert_eq!(enqueue(&mut transaction, [1, 2, 3], unique_while).await, 3);
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn two_that_enqueue_the_same_jobs_in_opposite_orders_wait_one_for_the_other() {
    for unique_while in ["waiting", "unfinished"] {
        let bench = Bench::new().await;
        let pool = bench.database.pool.clone();
        let mut first = pool.begin().await.unwrap();
        assert_eq!(enqueue(&mut first, [2, 2, 2], unique_while).await, 1);
        let others = [[1, 2, 3], [3, 2, 1]].map(|limits| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let mut transaction = pool.begin().await.unwrap();
                let new = enqueue(&mut transaction, limits, unique_while).await;
                transaction.commit().await.unwrap();
                new
            })
        });
        bench.database.until_waiting_for_locks(1).await;
        first.commit().await.unwrap();
        let mut new = 0;
        for other in others {
            new += other.await.unwrap();
        }
        assert_eq!(new, 2, "{unique_while}");
    }
}

#[tokio::test]
async fn jobs_end_and_are_rescued_while_who_enqueues_the_same_has_not_committed() {
    let bench = Bench::new().await;
    let pool = &bench.database.pool;
    enqueued(pool, "unfinished").await;
    bench
        .execute("update botticelli.waiting_jobs set max_attempts = 1")
        .await;
    let jobs = bench.claim().await;
    let mut producer = pool.begin().await.unwrap();
    assert_eq!(enqueue(&mut producer, [3, 2, 1], "unfinished").await, 0);
    let mut connection = pool.acquire().await.unwrap();
    assert!(
        complete_all(&mut connection, &[jobs[0].lease])
            .await
            .unwrap()
            .is_empty()
    );
    bench.execute("delete from botticelli.workers").await;
    let rescued = rescue(&mut connection, 10).await.unwrap();
    assert_eq!(rescued.iter().filter(|job| job.discarded).count(), 2);
    producer.commit().await.unwrap();
}

#[tokio::test]
async fn a_claim_passes_over_jobs_that_a_producer_has_in_hand_with_limits_and_without() {
    for limits in ["max_running => 5", "max_running_per_key => 5", ""] {
        let bench = Bench::new().await;
        let pool = &bench.database.pool;
        bench
            .database
            .execute(&format!(
                "select botticelli.limit_queue('posting'{}{limits})",
                if limits.is_empty() { "" } else { ", " }
            ))
            .await;
        enqueued(pool, "waiting").await;
        let mut producer = pool.begin().await.unwrap();
        assert_eq!(enqueue(&mut producer, [1, 1, 1], "waiting").await, 0);
        // The one in hand stands first.
        let mut claimed = bench.claim_up_to(2).await;
        claimed.extend(bench.claim().await);
        let claimed: Vec<_> = claimed.iter().map(|job| job.args.as_str()).collect();
        assert_eq!(claimed, [r#"{"limit": 2}"#, r#"{"limit": 3}"#], "{limits}");
        assert_eq!(bench.claim().await.len(), 0, "{limits}");
        producer.commit().await.unwrap();
        assert_eq!(bench.claim().await.len(), 1, "{limits}");
    }
}

#[tokio::test]
async fn a_job_ends_while_somebody_takes_over_the_key_that_it_has_given_back() {
    let bench = Bench::new().await;
    let pool = &bench.database.pool;
    enqueued(pool, "waiting").await;
    let jobs = bench.claim().await;
    let mut producer = pool.begin().await.unwrap();
    assert_eq!(enqueue(&mut producer, [1, 2, 3], "waiting").await, 3);
    let mut connection = pool.acquire().await.unwrap();
    let leases: Vec<_> = jobs.iter().map(|job| job.lease).collect();
    assert!(complete_all(&mut connection, &leases).await.unwrap().is_empty());
    producer.commit().await.unwrap();
    assert_eq!(bench.claim().await.len(), 3);
}

#[tokio::test]
async fn who_redrives_a_unique_job_keeps_the_one_in_its_place_from_nothing() {
    let bench = Bench::new().await;
    let pool = &bench.database.pool;
    enqueued(pool, "unfinished").await;
    bench
        .execute("select botticelli.cancel(id) from botticelli.waiting_jobs")
        .await;
    enqueued(pool, "unfinished").await;
    let jobs = bench.claim().await;
    let mut redriving = pool.begin().await.unwrap();
    let redriven = "select redriven, skipped from botticelli.redrive_all()";
    let redriven: (i64, i64) = sqlx::query_as(redriven).fetch_one(&mut *redriving).await.unwrap();
    assert_eq!(redriven, (0, 3));
    for job in &jobs {
        bench.finish(job).await;
    }
    redriving.commit().await.unwrap();
}
