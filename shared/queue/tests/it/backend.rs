use std::time::Duration;

use apalis_core::worker::builder::WorkerBuilder;
use botticelli_queue::{ClaimedJob, Finished, JobBackend};
use tokio::sync::mpsc;

use crate::Bench;

#[derive(Debug, thiserror::Error)]
#[error("the handler failed")]
struct Failed;

async fn handle(job: ClaimedJob) -> Result<i64, Failed> {
    // Lets the others start, so that the end of the channel comes while jobs are in hand.
    tokio::time::sleep(Duration::from_millis(1)).await;
    if job.lease.job.0 % 2 == 0 {
        Err(Failed)
    } else {
        Ok(job.lease.job.0)
    }
}

#[tokio::test]
async fn an_apalis_worker_runs_what_is_sent_and_ends_with_the_channel_after_the_jobs_in_hand() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.enqueue('posting') from generate_series(1, 10)")
        .await;
    let (jobs, claimed) = mpsc::channel(10);
    let (finished, mut results) = mpsc::unbounded_channel::<Finished<i64>>();
    for job in bench.claim().await {
        jobs.send(job).await.unwrap();
    }
    drop(jobs);
    WorkerBuilder::new("posting")
        .backend(JobBackend::new(claimed, finished))
        .build(handle)
        .run()
        .await
        .unwrap();
    let mut ends = Vec::new();
    while let Some(Finished { job, result }) = results.recv().await {
        ends.push((job.lease.job.0, result.ok()));
    }
    ends.sort_unstable();
    let expected: Vec<_> = (1..=10).map(|id| (id, (id % 2 == 1).then_some(id))).collect();
    assert_eq!(ends, expected);
}
