//! Reserving for many runs of one process at once.

use std::error::Error;

use botticelli_database::{ANSWER_LIMIT, Asked, Desk};
use sqlx::PgPool;
use tokio::time::timeout;
use tracing::warn;

use crate::{Granted, LedgerError, Reservation, Reserved, release, reserve_all};

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
    // Without an answer in time the senders are dropped, and what may have been granted is lost in time.
    let Ok(told) = timeout(ANSWER_LIMIT, reserve_all(pool, &reservations)).await else {
        return;
    };
    let unheard = answers
        .into_iter()
        .zip(told)
        .filter_map(|(answer, told)| answer.send(told).err());
    let unheard: Vec<_> = unheard.collect();
    for told in unheard {
        if let Ok(Reserved::Granted(Granted { call, .. })) = told
            && let Err(error) = release(pool, call).await
        {
            warn!(
                error = &error as &dyn Error,
                "Call {call} was granted to nobody and is lost in time"
            );
        }
    }
}
