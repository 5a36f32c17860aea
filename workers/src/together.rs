//! What is written for many jobs of this process in one transaction.

use botticelli_database::{Asked, Desk};

use crate::record_error::RecordError;

/// Groups of entries that are written at the same time: while one waits for the disk, the next has the locks.
const MOST_WRITING: usize = 2;

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

/// Writes these in one transaction if it can be. When something of one of them is refused, which must not keep the others from being
/// written, each in its own.
pub(crate) async fn write_all<E: Entry>(tools: &E::Tools, entries: &[&E]) -> Vec<Result<E::Answer, RecordError>> {
    let error = match E::write(tools, entries).await {
        Ok(answers) => return answers,
        Err(error) => error,
    };
    if entries.len() == 1 || matches!(error, RecordError::Database(_)) {
        return entries.iter().map(|_| Err(error.clone())).collect();
    }
    let mut answers = Vec::with_capacity(entries.len());
    for entry in entries {
        match E::write(tools, &[entry]).await {
            Ok(written) => answers.extend(written),
            Err(error) => answers.push(Err(error)),
        }
    }
    answers
}

/// Where the jobs of this process bring entries that are to be written together.
#[derive(Debug)]
pub(crate) struct EntryDesk<E: Entry>(Desk<E, Result<E::Answer, RecordError>>);

impl<E: Entry<Tools: Clone + Send, Answer: 'static> + 'static> EntryDesk<E> {
    /// One that writes with `tools`.
    pub(crate) fn new(tools: E::Tools) -> Self
    where
        E::Tools: 'static,
    {
        Self(Desk::new(
            MOST_WRITING,
            move |asked: Vec<Asked<E, Result<E::Answer, RecordError>>>| {
                let tools = tools.clone();
                async move {
                    let (entries, answers): (Vec<_>, Vec<_>) =
                        asked.into_iter().map(|asked| (asked.question, asked.answer)).unzip();
                    let written = write_all(&tools, &entries.iter().collect::<Vec<_>>()).await;
                    for (answer, written) in answers.into_iter().zip(written) {
                        // Who has gone away meanwhile finds what was written, or that it was not, with the job.
                        answer.send(written).ok();
                    }
                }
            },
        ))
    }

    /// Writes an entry.
    ///
    /// # Errors
    ///
    /// [`RecordError`]. Nothing is written then, as far as is known.
    pub(crate) async fn write(&self, entry: E) -> Result<E::Answer, RecordError> {
        self.0.ask(entry).await.unwrap_or_else(|| Err(RecordError::no_answer()))
    }
}
