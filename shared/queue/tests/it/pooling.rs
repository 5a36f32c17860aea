//! Behind a connection pooler in transaction mode: what producers and operators do works there.

use botticelli_queue::{
    Cancelled, DeadFilter, JobId, JobOptions, NewJob, NewJobs, QueueError, QueueLimits, Source, Wakeup, Wakeups,
    WorkflowJob, cancel, cancel_workflow, enqueue, enqueue_bulk, enqueue_many, enqueue_workflow, find_job, job_log,
    limit_queue, list_unfinished, redrive, redrive_all, standing, tries, workflow,
};
use botticelli_testkit::{PgBouncer, PoolMode};
use serde_json::json;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::task::JoinSet;

use crate::Bench;

/// A pool of a program that knows nothing of ours but that PgBouncer refuses a number of digits.
async fn pool(pooler: &PgBouncer) -> PgPool {
    let options: PgConnectOptions = pooler.url().parse().unwrap();
    let pool = PgPoolOptions::new().max_connections(3);
    pool.connect_with(options.extra_float_digits(None)).await.unwrap()
}

async fn enqueue_one(pool: &PgPool, limit: u32) -> Result<JobId, QueueError> {
    let mut transaction = pool.begin().await.unwrap();
    let job = NewJob {
        queue: "posting",
        args: json!({ "limit": limit }),
        source: Source::Cli,
        traceparent: None,
        options: JobOptions::default(),
    };
    let id = enqueue(&mut transaction, &job).await?;
    transaction.commit().await.unwrap();
    Ok(id)
}

#[tokio::test]
async fn many_producers_that_share_connections_enqueue_each_their_own_jobs() {
    let bench = Bench::new().await;
    let pooler = PgBouncer::before(&bench.database.url, PoolMode::Transaction).await;
    let mut producers = JoinSet::new();
    for producer in 1_u32..=8 {
        let pool = pool(&pooler).await;
        producers.spawn(async move {
            for _ in 0..25 {
                enqueue_one(&pool, producer).await.unwrap();
            }
            assert!(matches!(enqueue_one(&pool, 0).await, Err(QueueError::Invalid(_))));
        });
    }
    while let Some(done) = producers.join_next().await {
        done.unwrap();
    }
    let jobs = "select args ->> 'limit', count(*) from botticelli.jobs group by 1 order by 1";
    let expected: Vec<String> = (1..=8).map(|producer| format!("{producer}|25")).collect();
    assert_eq!(bench.database.rows(jobs).await, expected);
}

#[tokio::test]
async fn a_job_that_came_through_a_pooler_is_announced_to_those_who_are_connected_directly() {
    let bench = Bench::new().await;
    let pooler = PgBouncer::before(&bench.database.url, PoolMode::Transaction).await;
    let mut wakeups = Wakeups::listen(&bench.database.pool).await.unwrap();
    enqueue_one(&pool(&pooler).await, 1).await.unwrap();
    assert_eq!(wakeups.next().await.unwrap(), Some(Wakeup::Queue("posting".to_owned())));
}

#[tokio::test]
async fn jobs_in_bulk_workflows_and_limits_go_through_a_pooler() {
    let bench = Bench::new().await;
    let pooler = PgBouncer::before(&bench.database.url, PoolMode::Transaction).await;
    // Two clients, whose statements would have the same names.
    for client in [pool(&pooler).await, pool(&pooler).await] {
        let mut transaction = client.begin().await.unwrap();
        let args = (1..=10).map(|limit| json!({ "limit": limit }));
        assert_eq!(enqueue_bulk(&mut transaction, "posting", args).await.unwrap(), 10);
        let jobs = NewJobs {
            queue: "posting",
            args: &[json!({}), json!({ "limit": 2 })],
            source: Source::Sql,
            traceparent: None,
            options: JobOptions::default(),
        };
        assert_eq!(enqueue_many(&mut transaction, &jobs).await.unwrap().len(), 2);
        let jobs = [WorkflowJob::new("a", "posting", json!({}))];
        let (flow, _) = enqueue_workflow(&mut transaction, None, &jobs, Source::Sql, None)
            .await
            .unwrap();
        let limits = QueueLimits {
            max_running: Some(3),
            ..QueueLimits::default()
        };
        limit_queue(&mut transaction, "posting", &limits).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(workflow(&client, flow).await.unwrap().len(), 1);
        assert_eq!(cancel_workflow(&client, flow, None, "alice").await.unwrap(), 1);
    }
    assert_eq!(bench.database.row("select count(*) from botticelli.jobs").await, "24");
    assert_eq!(bench.claim().await.len(), 3);
}

#[tokio::test]
async fn operators_look_at_jobs_and_end_them_through_a_pooler() {
    let bench = Bench::new().await;
    let pooler = PgBouncer::before(&bench.database.url, PoolMode::Transaction).await;
    let job = bench.enqueue().await;
    // One after the other on shared connections: each would meet the names that the one before has left.
    for client in [pool(&pooler).await, pool(&pooler).await, pool(&pooler).await] {
        let listed = list_unfinished(&client, Some("posting"), None, 10).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(find_job(&client, job).await.unwrap().unwrap().state, "available");
        assert_eq!(tries(&client, job).await.unwrap().len(), 0);
        assert_eq!(job_log(&client, job).await.unwrap().len(), 0);
        assert_eq!(standing(&client).await.unwrap()[0].ready, 1);
        assert_eq!(cancel(&client, job, None, "alice").await.unwrap(), Cancelled::AtOnce);
        redrive(&client, job).await.unwrap();
        let redriven = redrive_all(&client, DeadFilter::default()).await.unwrap();
        assert_eq!((redriven.redriven, redriven.skipped), (0, 0));
    }
}
