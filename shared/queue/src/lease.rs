//! The lease of a worker process, which is the lease of every job it holds.
//!
//! Lease times are the database's: workers' clocks may differ by more than a lease lasts.

use std::time::Duration;

use botticelli_database::sql;
use sqlx::PgPool;

use crate::{QueueError, WorkerId};

/// Registers a worker under a lease of `lease` from now. `name` is for people: host and process id. Registering again, when
/// the answer to the first time was lost, is harmless.
///
/// # Errors
///
/// [`QueueError::Database`] when the row could not be written.
pub async fn register_worker(pool: &PgPool, worker: WorkerId, name: &str, lease: Duration) -> Result<(), QueueError> {
    sqlx::query(sql("insert into botticelli.workers (id, name, lease_until)
         values ($1, $2, clock_timestamp() + make_interval(secs => $3))
         on conflict (id) do update set lease_until = excluded.lease_until"))
    .bind(worker)
    .bind(name)
    .bind(lease.as_secs_f64())
    .execute(pool)
    .await
    .map_err(QueueError::while_doing("register the worker"))?;
    Ok(())
}

/// Renews a worker's lease to `lease` from now. `false` means it had already ended: its jobs may run elsewhere, so the
/// caller must stop its own and take a new identity.
///
/// # Errors
///
/// [`QueueError::Database`] when the database did not answer; the lease runs on until its end.
pub async fn renew_lease(pool: &PgPool, worker: WorkerId, lease: Duration) -> Result<bool, QueueError> {
    let renewed = sqlx::query(sql(
        "update botticelli.workers set lease_until = clock_timestamp() + make_interval(secs => $2)
         where id = $1 and lease_until > clock_timestamp()",
    ))
    .bind(worker)
    .bind(lease.as_secs_f64())
    .execute(pool)
    .await
    .map_err(QueueError::while_doing("renew the worker's lease"))?;
    Ok(renewed.rows_affected() == 1)
}

/// Ends a worker's lease at once, so that anything it still holds is rescued without delay.
///
/// # Errors
///
/// [`QueueError::Database`] when the database did not answer.
pub async fn release_worker(pool: &PgPool, worker: WorkerId) -> Result<(), QueueError> {
    sqlx::query(sql("delete from botticelli.workers where id = $1"))
        .bind(worker)
        .execute(pool)
        .await
        .map_err(QueueError::while_doing("release the worker"))?;
    Ok(())
}

/// Removes workers whose lease ended more than `age` ago and that hold nothing any more. Gives their number.
///
/// # Errors
///
/// [`QueueError::Database`] when the database did not answer.
pub async fn forget_dead_workers(pool: &PgPool, age: Duration) -> Result<u64, QueueError> {
    let forgotten = sqlx::query(sql("delete from botticelli.workers
         where lease_until < clock_timestamp() - make_interval(secs => $1)
           and not exists (select from botticelli.claims where worker_id = workers.id)"))
    .bind(age.as_secs_f64())
    .execute(pool)
    .await
    .map_err(QueueError::while_doing("forget dead workers"))?;
    Ok(forgotten.rows_affected())
}
