//! Reserving for many runs of one process at once.

use std::error::Error;

use botticelli_database::{Asked, Desk};
use sqlx::PgPool;
use tracing::warn;

use crate::{LedgerError, Reservation, Reserved, release, reserve_all};

/// How many transactions of a process reserve at once.
const MOST_ASKING: usize = 4;

/// Where the runs of a process reserve their calls. A clone is the same one.
///
/// Reservations that come while others are on their way go together in one transaction: what all of them count in, the budget of the
/// fleet and the limits of a model, is locked once for all. So the more there are, the less each costs.
#[derive(Debug, Clone)]
pub struct Ledger {
    desk: Desk<Reservation, Result<Reserved, LedgerError>>,
}

impl Ledger {
    /// One that reserves by connections of `pool`, up to four at a time.
    pub fn new(pool: PgPool) -> Self {
        let desk = Desk::new(MOST_ASKING, move |asked| {
            let pool = pool.clone();
            async move { answer(&pool, asked).await }
        });
        Self { desk }
    }

    /// Reserves a call. As [`reserve`](crate::reserve()), but that a caller who goes away meanwhile leaves nothing behind: what is granted
    /// to nobody is released.
    ///
    /// # Errors
    ///
    /// Those of [`reserve`](crate::reserve()), and [`LedgerError::NoAnswer`].
    pub async fn reserve(&self, reservation: Reservation) -> Result<Reserved, LedgerError> {
        self.desk.ask(reservation).await.unwrap_or(Err(LedgerError::NoAnswer))
    }
}

async fn answer(pool: &PgPool, asked: Vec<Asked<Reservation, Result<Reserved, LedgerError>>>) {
    let (reservations, answers): (Vec<_>, Vec<_>) =
        asked.into_iter().map(|asked| (asked.question, asked.answer)).unzip();
    let told = reserve_all(pool, &reservations).await;
    for (answer, told) in answers.into_iter().zip(told) {
        if let Err(Ok(Reserved::Granted(granted))) = answer.send(told)
            && let Err(error) = release(pool, granted.call).await
        {
            let call = granted.call;
            warn!(
                error = &error as &dyn Error,
                "Call {call} was granted to nobody and is lost in time"
            );
        }
    }
}
