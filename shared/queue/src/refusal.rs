//! What a function of the SQL contract says when it is asked for something wrong.

use sqlx::postgres::PgDatabaseError;

use crate::QueueError;

/// Tells a refusal by such a function (class 22, 23 or 54, raised with a hint) from a failing database; for use with
/// `map_err`.
pub(crate) fn refused(action: &'static str) -> impl FnOnce(sqlx::Error) -> QueueError {
    move |error| match error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
    {
        Some(refusal) if ["22", "23", "54"].iter().any(|class| refusal.code().starts_with(class)) => {
            QueueError::Invalid(match refusal.hint() {
                Some(hint) => format!("{}; {hint}", refusal.message()),
                None => refusal.message().to_owned(),
            })
        }
        _ => QueueError::Database { action, source: error },
    }
}
