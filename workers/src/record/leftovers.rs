//! What was kept for a job that is over.

use botticelli_actors::clear_checkpoints;
use botticelli_content::give_back;
use botticelli_posts::release;
use botticelli_queue::ClaimedJob;
use sqlx::PgConnection;

use crate::record_error::RecordError;

/// Lets go of what was kept under the id of a job that has done its work.
pub(super) async fn let_go(connection: &mut PgConnection, job: &ClaimedJob) -> Result<(), RecordError> {
    clear_checkpoints(connection, job.lease.job.0).await?;
    release(connection, job.lease.job.0).await?;
    Ok(())
}

/// The same of a job that will not do it, and gives back the rows that it took of tables, for others to work on.
pub(super) async fn give_up(connection: &mut PgConnection, job: &ClaimedJob) -> Result<(), RecordError> {
    let_go(connection, job).await?;
    let rows = give_back(connection, job.lease.job.0).await?;
    if rows > 0 {
        tracing::info!(job.id = %job.lease.job, "Job {} gave back {rows} rows that it had pulled", job.lease.job);
    }
    Ok(())
}
