//! What a function of the SQL contract says when it refuses.

use sqlx::postgres::PgDatabaseError;

/// An exception that such a function raised: its SQLSTATE, and what it says with the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The SQLSTATE, five characters.
    pub code: String,
    /// The message, and after a semicolon its hint, if it has one.
    pub text: String,
}

impl Refusal {
    /// What PostgreSQL said in `error`; `None` when it said nothing, as when it could not be reached. Which codes are refusals
    /// of one's own input is for the caller to know.
    #[must_use]
    pub fn of(error: &sqlx::Error) -> Option<Self> {
        let said = error.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?;
        Some(Self {
            code: said.code().to_owned(),
            text: match said.hint() {
                Some(hint) => format!("{}; {hint}", said.message()),
                None => said.message().to_owned(),
            },
        })
    }
}
