use botticelli_queue::{Wakeup, Wakeups, hand_back};

use crate::Bench;

#[tokio::test]
async fn an_enqueued_job_is_announced_once_per_statement_and_queue() {
    let bench = Bench::new().await;
    let mut wakeups = Wakeups::listen(&bench.database.pool).await.unwrap();
    bench.execute("select botticelli.enqueue('posting')").await;
    assert_eq!(wakeups.next().await.unwrap(), Some(Wakeup::Queue("posting".to_owned())));
    bench
        .execute(
            "insert into botticelli.waiting_jobs (queue, kind, max_attempts) select 'posting', 'posting', 1 from generate_series(1, 100);
             notify botticelli_jobs, 'end'",
        )
        .await;
    assert_eq!(wakeups.next().await.unwrap(), Some(Wakeup::Queue("posting".to_owned())));
    assert_eq!(wakeups.next().await.unwrap(), Some(Wakeup::Queue("end".to_owned())));
}

#[tokio::test]
async fn a_job_that_goes_back_is_announced() {
    let bench = Bench::new().await;
    let job = bench.claim_one().await;
    let mut wakeups = Wakeups::listen(&bench.database.pool).await.unwrap();
    let mut connection = bench.database.pool.acquire().await.unwrap();
    hand_back(&mut connection, job.lease).await.unwrap();
    assert_eq!(wakeups.next().await.unwrap(), Some(Wakeup::Queue("posting".to_owned())));
}

#[tokio::test]
async fn a_broken_connection_is_opened_again_and_said_so() {
    let bench = Bench::new().await;
    let mut wakeups = Wakeups::listen(&bench.database.pool).await.unwrap();
    bench
        .execute(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and query like 'LISTEN%'",
        )
        .await;
    assert_eq!(wakeups.next().await.unwrap(), None);
    bench.enqueue().await;
    assert_eq!(wakeups.next().await.unwrap(), Some(Wakeup::Queue("posting".to_owned())));
}
