//! Reserving for many runs of one process at once.

use std::{
    collections::VecDeque,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
};

use sqlx::PgPool;
use tokio::sync::oneshot;
use tracing::warn;

use crate::{LedgerError, Reservation, Reserved, release, reserve_all};

/// How many transactions of a process reserve at once: while one waits for the disk the next has the locks.
const MOST_ASKING: usize = 4;
/// Calls of one transaction.
const MOST_TOGETHER: usize = 64;

/// Where the runs of a process reserve their calls. A clone is the same one.
///
/// Reservations that come while others are on their way go together in one transaction: what all of them count in, the budget of the
/// fleet and the limits of a model, is locked once for all. So the more there are, the less each costs.
#[derive(Debug, Clone)]
pub struct Ledger {
    desk: Arc<Desk>,
}

#[derive(Debug)]
struct Desk {
    pool: PgPool,
    line: Mutex<Line>,
}

/// Who waits to be asked for, and how many tasks ask.
#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    asking: usize,
}

#[derive(Debug)]
struct Waiting {
    reservation: Reservation,
    answer: oneshot::Sender<Result<Reserved, LedgerError>>,
}

impl Ledger {
    /// One that reserves by connections of `pool`, up to four at a time.
    pub fn new(pool: PgPool) -> Self {
        Self {
            desk: Arc::new(Desk {
                pool,
                line: Mutex::default(),
            }),
        }
    }

    /// Reserves a call. As [`reserve`](crate::reserve()), but that a caller who goes away meanwhile leaves nothing behind: what is granted
    /// to nobody is released.
    ///
    /// # Errors
    ///
    /// Those of [`reserve`](crate::reserve()), and [`LedgerError::Ending`] when the runtime goes down.
    pub async fn reserve(&self, reservation: Reservation) -> Result<Reserved, LedgerError> {
        let (answer, answered) = oneshot::channel();
        let asks = {
            let mut line = self.desk.line.lock().unwrap_or_else(PoisonError::into_inner);
            line.waiting.push_back(Waiting { reservation, answer });
            let asks = line.asking < MOST_ASKING;
            line.asking += usize::from(asks);
            asks
        };
        if asks {
            let asking = Asking {
                desk: Arc::clone(&self.desk),
                has_left: false,
            };
            tokio::spawn(asking.ask());
        }
        answered.await.unwrap_or(Err(LedgerError::Ending))
    }
}

/// A task that asks, counted in [`Line::asking`] until it leaves.
struct Asking {
    desk: Arc<Desk>,
    has_left: bool,
}

impl Asking {
    /// Asks for those who wait, until nobody does.
    async fn ask(mut self) {
        loop {
            let (reservations, answers): (Vec<_>, Vec<_>) = self
                .next()
                .into_iter()
                .map(|waiting| (waiting.reservation, waiting.answer))
                .unzip();
            if reservations.is_empty() {
                return;
            }
            let told = reserve_all(&self.desk.pool, &reservations).await;
            for (answer, told) in answers.into_iter().zip(told) {
                if let Err(Ok(Reserved::Granted(granted))) = answer.send(told)
                    && let Err(error) = release(&self.desk.pool, granted.call).await
                {
                    let call = granted.call;
                    warn!(
                        error = &error as &dyn Error,
                        "Call {call} was granted to nobody and is lost in time"
                    );
                }
            }
        }
    }

    /// Those who wait, as many as go together. When nobody does this task leaves, under the same lock: whoever comes after starts another.
    fn next(&mut self) -> Vec<Waiting> {
        let mut line = self.desk.line.lock().unwrap_or_else(PoisonError::into_inner);
        let many = line.waiting.len().min(MOST_TOGETHER);
        if many == 0 {
            line.asking -= 1;
            self.has_left = true;
        }
        line.waiting.drain(..many).collect()
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if !self.has_left {
            let mut line = self.desk.line.lock().unwrap_or_else(PoisonError::into_inner);
            line.asking -= 1;
        }
    }
}
