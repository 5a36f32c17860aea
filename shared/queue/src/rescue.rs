//! Giving back the jobs of workers that are gone.

use std::time::Duration;

use botticelli_database::sql;
use sqlx::{FromRow, PgConnection};

use crate::{JobId, QueueError};

/// How long after its restart the database leaves workers alone that could not renew their leases meanwhile.
const RESTART_GRACE: Duration = Duration::from_secs(10);

/// A job whose worker is gone.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct RescuedJob {
    /// The job.
    pub id: JobId,
    /// Its queue.
    pub queue: String,
    /// The attempt that was lost.
    pub attempt: i32,
    /// Whether that was the last try, so that the job is among the dead ones as `discarded` instead of due again.
    pub discarded: bool,
    /// Whether it had been cancelled, so that it is among the dead ones as `cancelled`, whichever try it was.
    pub cancelled: bool,
}

/// Puts the jobs of up to `limit` claims of workers without a lease back in their queues, due at once.
///
/// In the first 10 s after a restart of the database, leases that have ended by themselves count as held: their workers could
/// not renew them and get the chance to hand their jobs back.
///
/// Any number of processes may call this at the same time; each lost job is rescued by one of them.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn rescue(connection: &mut PgConnection, limit: u16) -> Result<Vec<RescuedJob>, QueueError> {
    rescue_after_restart(connection, limit, RESTART_GRACE).await
}

async fn rescue_after_restart(
    connection: &mut PgConnection,
    limit: u16,
    grace: Duration,
) -> Result<Vec<RescuedJob>, QueueError> {
    sqlx::query_as(sql(include_str!("sql/rescue.sql")))
        .bind(i64::from(limit))
        .bind(grace.as_secs_f64())
        .fetch_all(connection)
        .await
        .map_err(QueueError::while_doing("rescue jobs of lost workers"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sqlx::raw_sql;

    use super::*;
    use crate::{Room, WorkerId, claim, register_queue, register_worker, release_worker};

    #[tokio::test]
    async fn a_lease_that_ended_while_the_database_was_down_is_given_time_and_one_given_up_is_not()
    -> Result<(), Box<dyn std::error::Error>> {
        const ONE: Room = Room {
            jobs: 1,
            takes_suspect: true,
        };
        const SINCE_EVER: Duration = Duration::from_hours(1_000_000);
        let database = botticelli_testkit::database().await;
        let pool = &database.pool;
        let mut connection = pool.acquire().await?;
        register_queue(&mut connection, "posting", "posting", 3).await?;
        let worker = WorkerId::random();
        register_worker(pool, worker, "test", Duration::from_mins(1)).await?;
        raw_sql("select botticelli.enqueue('posting')").execute(pool).await?;
        assert_eq!(claim(pool, &Arc::from("posting"), ONE, worker).await?.jobs.len(), 1);
        raw_sql("update botticelli.workers set lease_until = now() - interval '1 second'")
            .execute(pool)
            .await?;
        assert!(rescue_after_restart(&mut connection, 10, SINCE_EVER).await?.is_empty());
        assert_eq!(
            rescue_after_restart(&mut connection, 10, Duration::ZERO).await?.len(),
            1
        );

        register_worker(pool, worker, "test", Duration::from_mins(1)).await?;
        assert_eq!(claim(pool, &Arc::from("posting"), ONE, worker).await?.jobs.len(), 1);
        release_worker(pool, worker).await?;
        assert_eq!(rescue_after_restart(&mut connection, 10, SINCE_EVER).await?.len(), 1);
        Ok(())
    }
}
