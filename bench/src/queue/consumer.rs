//! A consumer under a lease of its own.

use std::{sync::Arc, time::Duration};

use apalis_core::worker::builder::WorkerBuilder;
use botticelli_queue::{ClaimedJob, Consumer, ConsumerOptions, WorkerId, register_worker, renew_lease};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::QUEUE;

const LEASE: Duration = Duration::from_secs(8);

/// Works off the queue until `stop`: `handle` is all that is done about a job.
pub(crate) async fn consume<H>(
    pool: &PgPool,
    options: ConsumerOptions,
    stop: CancellationToken,
    handle: H,
) -> anyhow::Result<()>
where
    H: Fn(ClaimedJob) + Clone + Send + Sync + 'static,
{
    let worker = WorkerId::random();
    register_worker(pool, worker, "queue-bench", LEASE).await?;
    let lease_pool = pool.clone();
    let renewing = tokio::spawn(async move {
        loop {
            tokio::time::sleep(LEASE / 3).await;
            let renewed = renew_lease(&lease_pool, worker, LEASE).await;
            assert!(matches!(renewed, Ok(true)), "the lease was lost: {renewed:?}");
        }
    });
    let consumer = Consumer::new(pool.clone(), Arc::from(QUEUE), worker, options);
    let drive = async |backend| {
        let handler = move |job: ClaimedJob| {
            handle(job);
            std::future::ready(Ok::<(), std::io::Error>(()))
        };
        let worker = WorkerBuilder::new(QUEUE).backend(backend).build(handler);
        worker.run().await.ok();
    };
    consumer.run(stop, drive).await;
    renewing.abort();
    Ok(())
}
