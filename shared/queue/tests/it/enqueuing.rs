use botticelli_queue::{NewJob, QueueError, Source, enqueue, enqueue_unless_waiting};
use serde_json::{Value, json};

use crate::Bench;

async fn refusal(bench: &Bench, queue: &str, args: Value) -> String {
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let job = NewJob {
        queue,
        args,
        source: Source::Sql,
        traceparent: None,
    };
    match enqueue(&mut connection, &job).await {
        Err(QueueError::Invalid(reason)) => reason,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn a_job_exists_exactly_if_the_enqueuing_transaction_commits() {
    let bench = Bench::new().await;
    let job = NewJob {
        queue: "posting",
        args: json!({}),
        source: Source::Sql,
        traceparent: None,
    };
    let mut transaction = bench.database.pool.begin().await.unwrap();
    enqueue(&mut transaction, &job).await.unwrap();
    assert!(bench.claim().await.is_empty());
    transaction.rollback().await.unwrap();
    assert!(bench.claim().await.is_empty());

    let mut transaction = bench.database.pool.begin().await.unwrap();
    enqueue(&mut transaction, &job).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(bench.claim().await.len(), 1);
}

#[tokio::test]
async fn an_unknown_queue_is_refused_with_the_known_ones() {
    let bench = Bench::new().await;
    assert_eq!(
        refusal(&bench, "postin", json!({})).await,
        r#"unknown queue "postin"; Known queues: posting."#
    );
}

#[tokio::test]
async fn bad_arguments_are_refused_by_name() {
    let bench = Bench::new().await;
    assert_eq!(
        refusal(&bench, "posting", json!({"limits": 1})).await,
        r#"unknown argument "limits" for queue "posting" (kind posting); Known arguments: limit."#
    );
    assert_eq!(
        refusal(&bench, "posting", json!({"limit": 0})).await,
        r#"argument "limit" of queue "posting" must be a whole number from 1 to 100, not 0"#
    );
    assert_eq!(
        refusal(&bench, "posting", json!({"limit": "many"})).await,
        r#"argument "limit" of queue "posting" must be a whole number from 1 to 100, not "many""#
    );
    assert_eq!(
        refusal(&bench, "posting", json!([1])).await,
        r#"args of queue "posting" must be a JSON object, not array; Write for example '{}'."#
    );
}

#[tokio::test]
async fn arguments_over_256_kib_are_refused_with_their_size() {
    let bench = Bench::new().await;
    let reason = refusal(&bench, "posting", json!({"limit": "x".repeat(300_000)})).await;
    assert!(reason.contains("more than the limit of 262144 (256 KiB)"), "{reason}");
}

#[tokio::test]
async fn plain_sql_enqueues_with_defaults_and_with_arguments() {
    let bench = Bench::new().await;
    bench.execute("select botticelli.enqueue('posting')").await;
    bench
        .execute(r#"select botticelli.enqueue('posting', '{"limit": 2}', priority => 5)"#)
        .await;
    let args: Vec<Value> = bench.claim().await.into_iter().map(|job| job.args).collect();
    assert_eq!(args, [json!({"limit": 2}), json!({})]);
}

#[tokio::test]
async fn a_job_is_not_enqueued_behind_one_that_waits_already() {
    let bench = Bench::new().await;
    let job = NewJob {
        queue: "posting",
        args: json!({}),
        source: Source::After,
        traceparent: None,
    };
    let mut connection = bench.database.pool.acquire().await.unwrap();
    assert!(enqueue_unless_waiting(&mut connection, &job).await.unwrap().is_some());
    assert!(enqueue_unless_waiting(&mut connection, &job).await.unwrap().is_none());
    assert_eq!(bench.claim().await.len(), 1);
    // One that runs may have looked already; a new one is needed.
    assert!(enqueue_unless_waiting(&mut connection, &job).await.unwrap().is_some());
}
