//! A consumer under a lease of its own.

use std::{sync::Arc, time::Duration};

use botticelli_queue::{Consumer, ConsumerOptions, JobBackend, WorkerId, register_worker, renew_lease};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::QUEUE;

const LEASE: Duration = Duration::from_secs(8);

/// Works off the queue until `stop`.
pub(crate) async fn consume<D, F>(
    pool: &PgPool,
    options: ConsumerOptions,
    stop: CancellationToken,
    drive: D,
) -> anyhow::Result<()>
where
    D: FnOnce(JobBackend<()>) -> F,
    F: Future<Output = ()>,
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
    consumer.run(stop, drive).await;
    renewing.abort();
    Ok(())
}
