//! How long a statement with a filter of an author's may take.

use sqlx::{Executor, PgConnection};

/// The limit of a transaction while such a statement runs in it: a read's, for the same reason.
pub(crate) struct TimeLimit {
    before: String,
}

impl TimeLimit {
    /// Gives each statement 10 s, until the transaction ends or the limit is lifted.
    pub(crate) async fn set(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let before = sqlx::query_scalar("select current_setting('statement_timeout')")
            .persistent(false)
            .fetch_one(&mut *connection)
            .await?;
        connection.execute("set local statement_timeout = '10s'").await?;
        Ok(Self { before })
    }

    /// The limit from before, for what else the transaction does.
    pub(crate) async fn lift(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query("select set_config('statement_timeout', $1, true)")
            .persistent(false)
            .bind(self.before)
            .execute(connection)
            .await
            .map(drop)
    }
}
