//! The partitions of what is over.

use botticelli_database::sql;
use sqlx::PgPool;

use crate::QueueError;

/// Makes the history's partitions for today and the seven days to come, where they are missing. Days are those of UTC.
/// What finds none goes into one for all such days, which is slower to prune, so whoever maintains calls this every now and then.
/// While somebody reads the history it is left for the next time.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn make_partitions(pool: &PgPool) -> Result<(), QueueError> {
    sqlx::query(sql("select botticelli.make_partitions()"))
        .execute(pool)
        .await
        .map_err(QueueError::while_doing("make room for the history of the next days"))?;
    Ok(())
}
