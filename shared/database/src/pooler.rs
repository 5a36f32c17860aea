//! Telling sessions from a connection pooler that shares them.

use sqlx::{Executor, PgConnection, Row};

/// How often two connections are compared. A pooler at rest gives the second one what the first has just let go of; a busy one
/// gives either of them something else each time.
const COMPARISONS: u8 = 5;

/// Who answers: the process, and its beginning, because two servers behind one address may have processes of one number.
/// Without parameters, so that it is sent in one piece.
const WHO: &str = "select pid || ' of ' || backend_start from pg_stat_activity where pid = pg_backend_pid()";

/// Whether two connections, open at the same time, are no sessions: one server process answers both, or several answer one. A
/// pooler in transaction mode stands between then. Neither ever happens on a connection to PostgreSQL itself, nor in session
/// mode.
///
/// # Errors
///
/// What the driver says when a connection breaks.
pub(crate) async fn are_no_sessions(one: &mut PgConnection, other: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let first = (who_answers(one).await?, who_answers(other).await?);
    for _ in 1..COMPARISONS {
        // Twice and once: a pooler that goes round two servers would give each connection always the same one otherwise.
        let (again, once_more) = (who_answers(one).await?, who_answers(one).await?);
        let again = (again, who_answers(other).await?);
        if again.0 == again.1 || again.0 != once_more || again != first {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn who_answers(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    connection.fetch_one(sqlx::raw_sql(WHO)).await?.try_get(0)
}
