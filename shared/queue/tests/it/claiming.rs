use std::{collections::HashSet, time::Duration};

use botticelli_queue::{WorkerId, claim, next_due, register_worker};

use crate::Bench;

#[tokio::test]
async fn a_job_is_claimed_by_one_of_many_workers() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.enqueue('posting') from generate_series(1, 200)")
        .await;
    let claims = (0..8).map(|_| async {
        let mut claimed = Vec::new();
        loop {
            let batch = claim(&bench.database.pool, &bench.queue, 7, bench.worker)
                .await
                .unwrap();
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
async fn higher_priority_runs_first_then_longest_due() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.enqueue('posting', run_at => now() - interval '1 minute')")
        .await;
    bench
        .execute("select botticelli.enqueue('posting', run_at => now() - interval '1 hour')")
        .await;
    bench
        .execute("select botticelli.enqueue('posting', priority => 1)")
        .await;
    let order: Vec<i64> = bench.claim().await.into_iter().map(|job| job.lease.job.0).collect();
    assert_eq!(order, [3, 2, 1]);
}

#[tokio::test]
async fn a_job_due_later_is_not_claimed_and_says_when_it_is_due() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.enqueue('posting', run_at => now() + interval '1 hour')")
        .await;
    assert!(bench.claim().await.is_empty());
    let wait = next_due(&bench.database.pool, "posting").await.unwrap().unwrap();
    assert!(
        wait > Duration::from_secs(3_500) && wait <= Duration::from_hours(1),
        "{wait:?}"
    );
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
