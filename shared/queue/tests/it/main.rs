//! The queue's promises, each against a real PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test has nobody to hand an error to"
)]

mod backend;
mod cancelling;
mod claiming;
mod compacting;
mod conflicts;
mod consuming;
mod dead_letters;
mod deadlocks;
mod enqueuing;
mod granting;
mod limiting;
mod looking;
mod lost_answers;
mod model;
mod pooling;
mod pruning;
mod reporting;
mod rescuing;
mod settling;
mod typed_jobs;
mod waking;
mod workflows;

use std::{sync::Arc, time::Duration};

use botticelli_queue::{
    ClaimedJob, JobId, JobOptions, NewJob, Room, Source, WorkerId, claim, enqueue, register_queue, register_worker,
};
use botticelli_testkit::TestDatabase;
use serde_json::json;

/// Room for so many jobs, a suspect among them.
fn room(jobs: u16) -> Room {
    Room {
        jobs,
        takes_suspect: true,
    }
}

/// A database with the queue `posting`, and a worker with a lease.
struct Bench {
    database: TestDatabase,
    queue: Arc<str>,
    worker: WorkerId,
}

impl Bench {
    async fn new() -> Self {
        let database = botticelli_testkit::database().await;
        let mut connection = database.pool.acquire().await.unwrap();
        register_queue(&mut connection, "posting", "posting", 3).await.unwrap();
        drop(connection);
        let worker = WorkerId::random();
        register_worker(&database.pool, worker, "test", Duration::from_mins(1))
            .await
            .unwrap();
        Self {
            database,
            queue: Arc::from("posting"),
            worker,
        }
    }

    async fn enqueue(&self) -> JobId {
        let mut connection = self.database.pool.acquire().await.unwrap();
        enqueue(
            &mut connection,
            &NewJob {
                queue: "posting",
                args: json!({}),
                source: Source::Cli,
                traceparent: None,
                options: JobOptions::default(),
            },
        )
        .await
        .unwrap()
    }

    async fn claim(&self) -> Vec<ClaimedJob> {
        self.claim_as(self.worker).await
    }

    async fn claim_as(&self, worker: WorkerId) -> Vec<ClaimedJob> {
        claim(&self.database.pool, &self.queue, room(100), worker)
            .await
            .unwrap()
            .jobs
    }

    async fn claim_one(&self) -> ClaimedJob {
        self.enqueue().await;
        self.claim().await.pop().expect("the job is due")
    }

    async fn finish(&self, job: &ClaimedJob) {
        let mut connection = self.database.pool.acquire().await.unwrap();
        botticelli_queue::complete(&mut connection, job.lease).await.unwrap();
    }

    async fn execute(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&self.database.pool).await.unwrap();
    }

    /// The job's state, in the queue or in the history.
    async fn state(&self, job: JobId) -> String {
        sqlx::query_scalar(
            "select state from botticelli.jobs where id = $1
             union all select state from botticelli.job_history where id = $1",
        )
        .bind(job)
        .fetch_one(&self.database.pool)
        .await
        .unwrap()
    }
}
