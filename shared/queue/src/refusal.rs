//! What a function of the SQL contract says when it is asked for something wrong.

use botticelli_database::Refusal;

use crate::QueueError;

/// Whether a SQLSTATE says that asking again must be refused again: the data are wrong (class 22), against a constraint (23),
/// or too much (54).
pub(crate) fn is_refusal(code: &str) -> bool {
    ["22", "23", "54"].iter().any(|class| code.starts_with(class))
}

/// Tells a refusal by such a function (see [`is_refusal`]; raised with a hint) from a failing database; for use with
/// `map_err`.
pub(crate) fn refused(action: &'static str) -> impl FnOnce(sqlx::Error) -> QueueError {
    move |error| match Refusal::of(&error) {
        Some(refusal) if is_refusal(&refusal.code) => QueueError::Invalid(refusal.text),
        _ => QueueError::Database { action, source: error },
    }
}
