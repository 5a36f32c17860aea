//! Putting in very many jobs.

use botticelli_database::sql;
use serde::Serialize;
use sqlx::PgConnection;

use crate::{QueueError, json_text::fits};

/// Bytes sent at once.
const CHUNK: usize = 256 * 1024;
/// What stands in front of the rows (PostgreSQL's manual, COPY, "Binary Format"): signature, flags, length of the extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Enqueues one job for each of `args`, due at once, by `COPY`, in the caller's transaction. Gives their number.
///
/// This is the fastest way in, and the plainest: no ids come back, and nothing is unique. The arguments are checked to be
/// objects of at most 256 KiB; that they are what the queue's kind knows, the worker checks. As [`enqueue`](crate::enqueue())
/// it goes through a pooler in transaction mode.
///
/// # Errors
///
/// [`QueueError::Invalid`] for an unknown queue or bad arguments, with their number in the order given (from 1);
/// [`QueueError::Database`] otherwise. Nothing is enqueued then.
pub async fn enqueue_bulk<A: Serialize>(
    connection: &mut PgConnection,
    queue: &str,
    args: impl IntoIterator<Item = A>,
) -> Result<u64, QueueError> {
    let failed = || QueueError::while_doing("enqueue jobs in bulk");
    let target: Option<(String, i32)> =
        sqlx::query_as(sql("select kind, max_attempts from botticelli.queues where name = $1"))
            .bind(queue)
            .persistent(false)
            .fetch_optional(&mut *connection)
            .await
            .map_err(failed())?;
    let Some((kind, max_attempts)) = target else {
        return Err(QueueError::Invalid(format!("unknown queue \"{queue}\"")));
    };
    let mut copy = connection
        .copy_in_raw(sql(
            "copy botticelli.waiting_jobs (queue, kind, args, max_attempts) from stdin (format binary)",
        ))
        .await
        .map_err(failed())?;
    let mut rows = Rows::new(queue, &kind, max_attempts);
    for (args, number) in args.into_iter().zip(1_u64..) {
        if let Err(reason) = rows.push(&args) {
            copy.abort(reason.as_str()).await.ok();
            return Err(QueueError::Invalid(format!(
                "args number {number} of queue \"{queue}\" {reason}"
            )));
        }
        if rows.bytes.len() >= CHUNK {
            copy.send(&*rows.bytes).await.map_err(failed())?;
            rows.bytes.clear();
        }
    }
    rows.bytes.extend((-1_i16).to_be_bytes());
    copy.send(&*rows.bytes).await.map_err(failed())?;
    copy.finish().await.map_err(failed())
}

/// Rows in PostgreSQL's binary format.
struct Rows {
    bytes: Vec<u8>,
    /// A row up to the length of its arguments.
    front: Vec<u8>,
    /// A row from the end of its arguments.
    back: Vec<u8>,
}

impl Rows {
    fn new(queue: &str, kind: &str, max_attempts: i32) -> Self {
        let mut front = 4_i16.to_be_bytes().to_vec();
        for text in [queue, kind] {
            front.extend(length(text.len()));
            front.extend(text.as_bytes());
        }
        let mut back = length(4).to_vec();
        back.extend(max_attempts.to_be_bytes());
        Self {
            bytes: HEADER.to_vec(),
            front,
            back,
        }
    }

    fn push<A: Serialize>(&mut self, args: &A) -> Result<(), String> {
        self.bytes.extend(&self.front);
        let start = self.bytes.len();
        // The length, which is known afterwards, and the version of jsonb's binary format.
        self.bytes.extend([0, 0, 0, 0, 1]);
        serde_json::to_writer(&mut self.bytes, args).map_err(|error| format!("cannot be written as JSON: {error}"))?;
        let text = &self.bytes[start + 5..];
        if text.first() != Some(&b'{') {
            return Err("must be a JSON object".to_owned());
        }
        fits(text.len())?;
        let written = length(text.len() + 1);
        self.bytes[start..start + 4].copy_from_slice(&written);
        self.bytes.extend(&self.back);
        Ok(())
    }
}

/// A field's length. Every field is far shorter than what this can say.
fn length(bytes: usize) -> [u8; 4] {
    i32::try_from(bytes).unwrap_or(i32::MAX).to_be_bytes()
}
