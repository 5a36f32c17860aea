use std::time::Duration;

use botticelli_queue::{
    QueueError, Retried, WorkerId, complete, discard, hand_back, hold, hold_all, put_back_strays, register_worker,
    retry, snooze,
};
use serde_json::Value;

use crate::Bench;

#[tokio::test]
async fn a_completed_job_moves_to_the_history() {
    let bench = Bench::new().await;
    let job = bench.claim_one().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    complete(&mut connection, job.lease).await.unwrap();
    assert_eq!(bench.state(job.lease.job).await, "completed");
    let left: i64 = sqlx::query_scalar("select count(*) from botticelli.jobs")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn every_settlement_of_a_stale_attempt_is_refused() {
    let bench = Bench::new().await;
    let stale = bench.claim_one().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    hand_back(&mut connection, stale.lease).await.unwrap();
    let current = bench.claim().await.pop().unwrap();
    assert_eq!(current.lease.attempt, 2);

    let refusals = [
        hold(&mut connection, stale.lease).await,
        complete(&mut connection, stale.lease).await,
        discard(&mut connection, stale.lease, "late").await,
        snooze(&mut connection, stale.lease, Duration::ZERO).await.map(|_| ()),
        hand_back(&mut connection, stale.lease).await.map(|_| ()),
        retry(&mut connection, &stale, Duration::ZERO, "late").await.map(|_| ()),
    ];
    for refusal in refusals {
        assert!(
            matches!(&refusal, Err(QueueError::LeaseLost(lease)) if *lease == stale.lease),
            "{refusal:?}"
        );
    }
    let many = [stale.lease, current.lease, stale.lease];
    let lost = hold_all(&mut connection, &many).await.unwrap();
    assert_eq!(lost, [stale.lease, stale.lease]);
    complete(&mut connection, current.lease).await.unwrap();
    assert_eq!(hold_all(&mut connection, &many).await.unwrap(), many);
}

#[tokio::test]
async fn a_failed_try_waits_for_its_delay_and_keeps_its_error() {
    let bench = Bench::new().await;
    let job = bench.claim_one().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let retried = retry(&mut connection, &job, Duration::from_secs(30), "the model is away")
        .await
        .unwrap();
    assert_eq!(retried, Retried::Later(Duration::from_secs(30)));
    assert_eq!(bench.state(job.lease.job).await, "retryable");
    assert!(bench.claim().await.is_empty());
    let errors: Value = sqlx::query_scalar("select errors from botticelli.jobs")
        .fetch_one(&bench.database.pool)
        .await
        .unwrap();
    assert_eq!(
        (&errors[0]["attempt"], &errors[0]["error"]),
        (&Value::from(1), &Value::from("the model is away"))
    );
}

#[tokio::test]
async fn tries_end_at_the_maximum_and_interruptions_do_not_count() {
    let bench = Bench::new().await;
    bench.enqueue().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    for interruption in 0..5 {
        let job = bench.claim().await.pop().unwrap();
        assert_eq!((job.tries, job.lease.attempt), (1, interruption + 1));
        hand_back(&mut connection, job.lease).await.unwrap();
    }
    for tries in 1..=3 {
        let job = bench.claim().await.pop().unwrap();
        assert_eq!((job.tries, job.is_last_try()), (tries, tries == 3));
        let retried = retry(&mut connection, &job, Duration::ZERO, "no").await.unwrap();
        assert_eq!(retried == Retried::Exhausted, tries == 3);
    }
    assert!(bench.claim().await.is_empty());
}

#[tokio::test]
async fn a_snoozed_job_uses_no_try() {
    let bench = Bench::new().await;
    let job = bench.claim_one().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    snooze(&mut connection, job.lease, Duration::from_mins(1))
        .await
        .unwrap();
    assert_eq!(bench.state(job.lease.job).await, "scheduled");
    bench
        .execute("update botticelli.waiting_jobs set run_at = now(), is_ready = true")
        .await;
    assert_eq!(bench.claim().await.pop().unwrap().tries, 1);
}

#[tokio::test]
async fn jobs_of_a_claim_whose_answer_was_lost_go_back_and_those_in_hand_stay() {
    let bench = Bench::new().await;
    let in_hand = bench.claim_one().await;
    let other = WorkerId::random();
    register_worker(&bench.database.pool, other, "other", Duration::from_mins(1))
        .await
        .unwrap();
    bench.enqueue().await;
    let of_another = bench.claim_as(other).await.pop().unwrap();
    // Committed, and the rows never got to whoever asked.
    let lost = bench.claim_one().await;

    let put_back = put_back_strays(&bench.database.pool, "posting", bench.worker, &[in_hand.lease.claim])
        .await
        .unwrap();
    assert_eq!(put_back, 1);
    assert_eq!(bench.state(in_hand.lease.job).await, "running");
    assert_eq!(bench.state(of_another.lease.job).await, "running");
    let again = bench.claim().await.pop().unwrap();
    assert_eq!(
        (again.lease.job, again.lease.attempt, again.tries),
        (lost.lease.job, 2, 1)
    );
}
