//! What is written for many jobs of this process in one transaction.

use std::{pin::pin, time::Duration};

use botticelli_database::{ANSWER_LIMIT, Asked, Desk};
use botticelli_queue::Lease;
use futures_util::poll;
use tokio::time::{sleep, timeout};

use crate::{outcome::chain, record_error::RecordError};

/// How long an entry waits at first that could not be written, twice as long each time, and at most.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// Something to write for a job, which can share a transaction with others of its kind.
pub(crate) trait Entry: Send + Sync {
    /// What it takes.
    type Tools: Sync;
    /// What comes of it.
    type Answer: Send;

    /// Writes these in one transaction. An entry can fail by itself; with an error nothing of any is written.
    fn write(
        tools: &Self::Tools,
        entries: &[&Self],
    ) -> impl Future<Output = Result<Vec<Result<Self::Answer, RecordError>>, RecordError>> + Send;
}

/// Writes these in one transaction if it can be. Where that fails and the database is there, one of them may be at fault, which must not
/// keep the others from being written: then each is written in its own, as far as there is time.
pub(crate) async fn write_all<E: Entry>(tools: &E::Tools, entries: &[&E]) -> Vec<Result<E::Answer, RecordError>> {
    if entries.is_empty() {
        return Vec::new();
    }
    let error = match in_time(E::write(tools, entries)).await {
        Ok(answers) => return answers,
        Err(error) => error,
    };
    if entries.len() <= 1 || error.is_outage() {
        return entries.iter().map(|_| Err(error.clone())).collect();
    }
    let mut limit = pin!(sleep(ANSWER_LIMIT));
    let mut answers = Vec::with_capacity(entries.len());
    for entry in entries {
        if poll!(limit.as_mut()).is_ready() {
            answers.push(Err(error.clone()));
            continue;
        }
        match in_time(E::write(tools, &[entry])).await {
            Ok(written) => answers.extend(written),
            Err(error) => answers.push(Err(error)),
        }
    }
    answers
}

/// What came of entries of these jobs, of which some were lost.
pub(crate) fn each(leases: &[Lease], lost: &[Lease]) -> Vec<Result<(), RecordError>> {
    let of = |lease: &Lease| {
        if lost.contains(lease) {
            Err(RecordError::LeaseLost(*lease))
        } else {
            Ok(())
        }
    };
    leases.iter().map(of).collect()
}

/// Gives the database its own statement timeout and some more. A server that is gone without a word would otherwise hold up everybody
/// for ever.
pub(crate) async fn in_time<T>(writing: impl Future<Output = Result<T, RecordError>>) -> Result<T, RecordError> {
    let written = timeout(ANSWER_LIMIT, writing).await;
    written.unwrap_or_else(|_| Err(RecordError::no_answer()))
}

/// Where the jobs of this process bring entries that are to be written together.
#[derive(Debug)]
pub(crate) struct EntryDesk<E: Entry>(Desk<E, Result<E::Answer, RecordError>>);

impl<E: Entry<Tools: Clone + Send, Answer: 'static> + Clone + 'static> EntryDesk<E> {
    /// One that writes with `tools`, one group at a time: jobs that were claimed together share the row that fences them.
    pub(crate) fn new(tools: E::Tools) -> Self
    where
        E::Tools: 'static,
    {
        Self(Desk::new(
            1,
            move |asked: Vec<Asked<E, Result<E::Answer, RecordError>>>| {
                let tools = tools.clone();
                async move {
                    let (entries, answers): (Vec<_>, Vec<_>) =
                        asked.into_iter().map(|asked| (asked.question, asked.answer)).unzip();
                    let written = write_all(&tools, &entries.iter().collect::<Vec<_>>()).await;
                    for (answer, written) in answers.into_iter().zip(written) {
                        // What somebody wanted who has gone away is written all the same: it may be paid for.
                        answer.send(written).ok();
                    }
                }
            },
        ))
    }

    /// Writes an entry. A database that cannot do it just then is asked again for half a minute.
    ///
    /// # Errors
    ///
    /// [`RecordError`]. Nothing is written then, as far as is known.
    pub(crate) async fn write(&self, entry: E) -> Result<E::Answer, RecordError> {
        let mut wait = FIRST_WAIT;
        loop {
            let written = self.0.ask(entry.clone()).await;
            match written.unwrap_or_else(|| Err(RecordError::no_answer())) {
                Err(error @ RecordError::Database(_)) if wait <= LONGEST_WAIT => {
                    tracing::warn!(error = chain(&error), "Something of a job could not be recorded yet");
                    sleep(wait).await;
                    wait *= 2;
                }
                written => return written,
            }
        }
    }
}
