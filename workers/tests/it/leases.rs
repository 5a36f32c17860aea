//! A worker that lost its lease stops its jobs, records nothing of them, and goes on under a new identity.

use botticelli_actors::mark_lost;
use botticelli_queue::{WorkerId, rescue};

use crate::bench::{Bench, Options};

/// What happens to a process that is frozen until its lease is over: the scheduler gives its jobs away. Gives the identity
/// that held them. Asked again while a row is locked for a moment, as a scheduler asks again in its next round.
async fn give_away_the_running_job(bench: &Bench) -> WorkerId {
    loop {
        let mut transaction = bench.database.pool.begin().await.unwrap();
        let holder: WorkerId = sqlx::query_scalar("select worker_id from botticelli.jobs where state = 'running'")
            .fetch_one(&mut *transaction)
            .await
            .unwrap();
        sqlx::query("delete from botticelli.workers where id = $1")
            .bind(holder)
            .execute(&mut *transaction)
            .await
            .unwrap();
        let rescued = rescue(&mut transaction, 10).await.unwrap();
        if let [job] = rescued.as_slice() {
            mark_lost(&mut transaction, job.id.0, job.attempt).await.unwrap();
            transaction.commit().await.unwrap();
            return holder;
        }
        transaction.rollback().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_job_whose_lease_ended_runs_again_and_its_first_answer_counts_for_nothing() {
    let bench = Bench::with(Options {
        queue: "lease = \"10s\"\nheartbeat = \"200ms\"\npoll_interval = \"100ms\"",
        ..Options::default()
    })
    .await;
    bench.llm.hold();
    bench.enqueue("generation").await;
    bench.llm.request(1).await;
    let first = give_away_the_running_job(&bench).await;

    bench.llm.request(2).await;
    assert_ne!(bench.identity(), first);
    bench.llm.release();
    bench
        .database
        .until("exists (select from botticelli.job_history where queue = 'generation')")
        .await;
    assert_eq!(
        bench.runs().await[..2],
        ["1|lost|worker test:1 was lost during this run", "2|success|"]
    );
    let posts = "select count(*) from botticelli.potential_posts";
    assert_eq!(bench.database.row(posts).await, "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_worker_that_cannot_renew_its_lease_hands_its_jobs_back_before_it_ends() {
    let bench = Bench::with(Options {
        queue: "lease = \"3s\"\nheartbeat = \"500ms\"\npoll_interval = \"100ms\"",
        ..Options::default()
    })
    .await;
    let first = bench.identity();
    bench.llm.hold();
    bench.enqueue("say").await;
    bench.llm.request(1).await;
    // The first wait prepares every table for it, which the lock would not let it do.
    bench.ended(0).await;
    let mut lock = bench.database.pool.begin().await.unwrap();
    sqlx::query("lock table botticelli.workers in exclusive mode")
        .execute(&mut *lock)
        .await
        .unwrap();
    bench
        .database
        .until("exists (select from botticelli.actor_server_executions where outcome = 'interrupted')")
        .await;
    assert_ne!(bench.identity(), first);
    lock.rollback().await.unwrap();
    bench.llm.request(2).await;
    bench.llm.release();
    bench.ended(1).await;
    assert_eq!(
        bench.runs().await,
        [
            "1|interrupted|the worker stopped; the job goes on elsewhere",
            "2|success|"
        ]
    );
    let history = "select attempt, interruptions from botticelli.job_history";
    assert_eq!(bench.database.row(history).await, "2|1");
}
