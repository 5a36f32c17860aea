//! Beginning a transaction so that nobody else finds themselves in it.

use sqlx::{PgPool, PgTransaction};

/// Begins a transaction on a connection of `pool`. A caller that goes away meanwhile leaves nothing behind.
///
/// The driver's own `begin` (sqlx 0.9.0) does: when its future is dropped between the question and the answer, the connection
/// goes back to the pool with a transaction open that the driver does not know of. The next statement on it is answered as if
/// it were done, and undone when the session ends. Runs are interrupted, and timeouts end waits, at any moment; so the
/// beginning is seen through by a task of its own, which gives the connection back in order when nobody wants it any more.
///
/// # Errors
///
/// What the driver says when there is no connection or the server does not begin.
pub async fn transaction(pool: &PgPool) -> Result<PgTransaction<'static>, sqlx::Error> {
    begin_in_task(pool, None).await
}

/// As [`transaction`], by a statement of the caller's.
pub(crate) async fn begin_in_task(
    pool: &PgPool,
    statement: Option<&'static str>,
) -> Result<PgTransaction<'static>, sqlx::Error> {
    let pool = pool.clone();
    let beginning = tokio::spawn(async move {
        match statement {
            Some(statement) => pool.begin_with(statement).await,
            None => pool.begin().await,
        }
    });
    // It is neither aborted nor does it panic, unless the runtime ends.
    beginning.await.map_err(|_| sqlx::Error::WorkerCrashed)?
}
