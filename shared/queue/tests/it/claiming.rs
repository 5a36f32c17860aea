use std::{collections::HashSet, time::Duration};

use botticelli_queue::{Wakeup, Wakeups, WorkerId, claim, promote, register_worker};

use crate::{Bench, room};

#[tokio::test]
async fn a_job_is_claimed_by_one_of_many_workers() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.enqueue('posting') from generate_series(1, 200)")
        .await;
    let claims = (0..8).map(|_| async {
        let mut claimed = Vec::new();
        loop {
            let batch = claim(&bench.database.pool, &bench.queue, room(7), bench.worker)
                .await
                .unwrap()
                .jobs;
            if batch.is_empty() {
                return claimed;
            }
            claimed.extend(batch.into_iter().map(|job| job.lease.job));
        }
    });
    let claimed: Vec<_> = futures_util::future::join_all(claims).await.concat();
    assert_eq!(claimed.len(), 200);
    assert_eq!(claimed.iter().collect::<HashSet<_>>().len(), 200);
}

#[tokio::test]
async fn a_point_of_priority_is_worth_a_minute_of_waiting() {
    let bench = Bench::new().await;
    for (minutes, priority) in [(0, 0), (1, 0), (3, 0), (0, 2), (-1, 4)] {
        let enqueue = format!(
            "select botticelli.enqueue('posting', run_at => now() - interval '{minutes} minutes', priority => {priority})"
        );
        bench.database.execute(&enqueue).await;
    }
    let order: Vec<i64> = bench.claim().await.into_iter().map(|job| job.lease.job.0).collect();
    // The last one is not due yet, whatever its priority.
    assert_eq!(order, [3, 4, 2, 1]);
}

#[tokio::test]
async fn of_equals_the_first_enqueued_runs_first_whatever_the_batch() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.enqueue_many('posting', array_fill('{}'::jsonb, array[20]))")
        .await;
    let mut order = Vec::new();
    for _ in 0..3 {
        let batch = claim(&bench.database.pool, &bench.queue, room(7), bench.worker).await;
        order.extend(batch.unwrap().jobs.into_iter().map(|job| job.lease.job.0));
    }
    assert_eq!(order, (1..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_job_past_its_not_after_is_not_started_and_is_kept_as_expired() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.enqueue('posting', not_after => clock_timestamp() + interval '1 millisecond'), pg_sleep(0.01)")
        .await;
    let fresh = bench.enqueue().await;
    let claimed: Vec<_> = bench.claim().await.into_iter().map(|job| job.lease.job).collect();
    assert_eq!(claimed, [fresh]);
    let dead = bench
        .database
        .row("select state, attempt, reason from botticelli.dead_jobs")
        .await;
    assert!(
        dead.starts_with("expired|0|it was not started by its not_after, 20"),
        "{dead}"
    );
}

#[tokio::test]
async fn a_job_due_later_is_not_claimed_and_says_when_it_is_due() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.enqueue('posting', run_at => now() + interval '1 hour')")
        .await;
    let claimed = claim(&bench.database.pool, &bench.queue, room(1), bench.worker)
        .await
        .unwrap();
    assert!(claimed.jobs.is_empty());
    let wait = claimed.next_due.unwrap();
    assert!(
        wait > Duration::from_secs(3_500) && wait <= Duration::from_hours(1),
        "{wait:?}"
    );
}

#[tokio::test]
async fn a_job_whose_time_has_come_is_made_ready_once_and_announced() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.enqueue('posting', run_at => clock_timestamp() + interval '1 millisecond'), pg_sleep(0.01)")
        .await;
    let pool = &bench.database.pool;
    let before = claim(pool, &bench.queue, room(1), bench.worker).await.unwrap();
    assert_eq!((before.jobs.len(), before.next_due), (0, Some(Duration::ZERO)));
    let mut wakeups = Wakeups::listen(pool).await.unwrap();
    let promoted = futures_util::future::join_all((0..4).map(|_| promote(pool, "posting"))).await;
    assert_eq!(promoted.into_iter().map(Result::unwrap).sum::<u64>(), 1);
    assert_eq!(wakeups.next().await.unwrap(), Some(Wakeup::Queue("posting".to_owned())));
    let after = claim(pool, &bench.queue, room(1), bench.worker).await.unwrap();
    assert_eq!((after.jobs.len(), after.next_due), (1, None));
}

#[tokio::test]
async fn nothing_is_claimed_from_a_paused_queue() {
    let bench = Bench::new().await;
    bench.enqueue().await;
    bench.execute("update botticelli.queues set is_paused = true").await;
    assert!(bench.claim().await.is_empty());
    bench.execute("update botticelli.queues set is_paused = false").await;
    assert_eq!(bench.claim().await.len(), 1);
}

#[tokio::test]
async fn a_worker_without_a_lease_claims_nothing() {
    let bench = Bench::new().await;
    bench.enqueue().await;
    assert!(bench.claim_as(WorkerId::random()).await.is_empty());
    let late = WorkerId::random();
    register_worker(&bench.database.pool, late, "late", Duration::ZERO)
        .await
        .unwrap();
    assert!(bench.claim_as(late).await.is_empty());
}

#[tokio::test]
async fn a_claim_that_begins_within_the_order_leaves_what_stands_before_for_one_from_the_beginning() {
    let bench = Bench::new().await;
    bench
        .execute(
            "select botticelli.enqueue('posting', run_at => now() - interval '1 hour');
             select botticelli.enqueue('posting', run_at => now() - interval '10 minutes');
             select botticelli.enqueue('posting')",
        )
        .await;
    let claimed = format!(
        "select job_id, last_rank between now() - interval '1 minute' and now(), found_in >= 0
         from botticelli.claim('posting', 10, '{}', 1, now() - interval '30 minutes')",
        bench.worker
    );
    assert_eq!(bench.database.rows(&claimed).await, ["2|t|t", "3|t|t"]);
    let [first] = bench.claim().await.try_into().unwrap();
    assert_eq!(first.lease.job.0, 1);
}
