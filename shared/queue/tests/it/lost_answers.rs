//! A statement takes effect and its answer does not come: what was done stays done once, and nothing stays behind.

use std::time::Duration;

use botticelli_queue::{JobOptions, NewJob, QueueError, Source, claim, complete, enqueue, put_back_strays};
use botticelli_testkit::FaultProxy;
use serde_json::json;
use sqlx::{Connection, PgConnection, PgPool};

use crate::{Bench, room};

#[tokio::test]
async fn jobs_of_a_claim_that_was_cut_off_while_it_ran_are_put_back_by_the_next_look_after_it_took_effect() {
    let bench = Bench::new().await;
    bench.enqueue().await;
    let proxy = FaultProxy::before(&bench.database.url).await;
    let pool = PgPool::connect(proxy.url()).await.unwrap();
    // The claim has to wait, as for who sets limits, so that there is time to cut it off.
    let mut holder = bench.database.pool.begin().await.unwrap();
    sqlx::raw_sql("lock table botticelli.claims in exclusive mode")
        .execute(&mut *holder)
        .await
        .unwrap();
    let claiming = claim(&pool, &bench.queue, room(10), bench.worker);
    let cutting = async {
        let waits = "select from pg_stat_activity
                     where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0";
        while bench.database.rows(waits).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        proxy.cut();
    };
    let (claimed, ()) = futures_util::future::join(claiming, cutting).await;
    assert!(matches!(claimed, Err(QueueError::Database { .. })), "{claimed:?}");

    let look = || put_back_strays(&bench.database.pool, "posting", bench.worker, &[]);
    assert_eq!(look().await.unwrap(), 0);
    holder.commit().await.unwrap();
    bench.database.until("exists (select from botticelli.claims)").await;
    assert_eq!(look().await.unwrap(), 1);
    assert_eq!(bench.claim().await.pop().unwrap().tries, 1);
}

#[tokio::test]
async fn a_completion_whose_commit_was_not_answered_has_taken_effect_once() {
    let bench = Bench::new().await;
    let job = bench.claim_one().await;
    let proxy = FaultProxy::before(&bench.database.url).await;
    let mut connection = PgConnection::connect(proxy.url()).await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    complete(&mut transaction, job.lease).await.unwrap();
    proxy.cut_after(0);
    transaction.commit().await.unwrap_err();

    assert_eq!(bench.state(job.lease.job).await, "completed");
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let again = complete(&mut connection, job.lease).await;
    assert!(
        matches!(again, Err(QueueError::LeaseLost(lease)) if lease == job.lease),
        "{again:?}"
    );
}

#[tokio::test]
async fn a_job_whose_enqueue_was_not_answered_is_there_once() {
    let bench = Bench::new().await;
    let proxy = FaultProxy::before(&bench.database.url).await;
    let mut connection = PgConnection::connect(proxy.url()).await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    let job = NewJob {
        queue: "posting",
        args: json!({}),
        source: Source::Cli,
        traceparent: None,
        options: JobOptions::default(),
    };
    let id = enqueue(&mut transaction, &job).await.unwrap();
    proxy.cut_after(0);
    transaction.commit().await.unwrap_err();
    let claimed: Vec<_> = bench.claim().await.into_iter().map(|job| job.lease.job).collect();
    assert_eq!(claimed, [id]);
}
