//! Putting in very many jobs.

use std::ops::Range;

use botticelli_database::{has_sessions, sql};
use serde::Serialize;
use sqlx::PgConnection;

use crate::{QueueError, json_text::fits};

/// Bytes sent at once.
const CHUNK: usize = 256 * 1024;
/// What stands in front of the rows (PostgreSQL's manual, COPY, "Binary Format"): signature, flags, length of the extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Enqueues one job for each of `args`, due at once, in the caller's transaction: few by `INSERT`, many by `COPY`. Gives their
/// number.
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
    // Where keys take turns a job without one has its turn too.
    let target: Option<(String, i32, Option<String>)> = sqlx::query_as(sql(
        "select kind, max_attempts, case when has_limited_keys then '' end from botticelli.queues where name = $1",
    ))
    .bind(queue)
    .persistent(false)
    .fetch_optional(&mut *connection)
    .await
    .map_err(failed())?;
    let Some((kind, max_attempts, no_key)) = target else {
        return Err(QueueError::Invalid(format!("unknown queue \"{queue}\"")));
    };
    let mut rows = Rows::new(queue, &kind, max_attempts, no_key.as_deref());
    let mut args = args.into_iter().zip(1_u64..);
    // What ends within the first chunk goes in one piece. The end of a COPY is a message of its own, which would wait for the
    // answer to the one before: the driver leaves Nagle's algorithm on, and the server's side delays its acknowledgement by 40 ms.
    let has_more = rows.fill(&mut args).map_err(QueueError::Invalid)?;
    if !has_more {
        let inserted = sqlx::query(sql(
            "insert into botticelli.waiting_jobs (queue, kind, args, max_attempts, limit_key)
             select $1, $2, args::jsonb, $3, $5 from unnest($4::text[]) as args",
        ))
        .bind(queue)
        .bind(&kind)
        .bind(max_attempts)
        .bind(rows.texts())
        .bind(&no_key)
        .persistent(has_sessions())
        .execute(connection)
        .await
        .map_err(failed())?;
        return Ok(inserted.rows_affected());
    }
    let statement =
        sql("copy botticelli.waiting_jobs (queue, kind, args, max_attempts, limit_key) from stdin (format binary)");
    let mut copy = connection.copy_in_raw(statement).await.map_err(failed())?;
    copy.send(HEADER).await.map_err(failed())?;
    loop {
        copy.send(&*rows.bytes).await.map_err(failed())?;
        rows.clear();
        match rows.fill(&mut args) {
            Ok(true) => {}
            Ok(false) => break,
            Err(reason) => {
                copy.abort(reason.as_str()).await.ok();
                return Err(QueueError::Invalid(reason));
            }
        }
    }
    rows.bytes.extend((-1_i16).to_be_bytes());
    copy.send(&*rows.bytes).await.map_err(failed())?;
    copy.finish().await.map_err(failed())
}

/// Rows in PostgreSQL's binary format.
struct Rows<'a> {
    queue: &'a str,
    bytes: Vec<u8>,
    /// Where in `bytes` the arguments of each row are, as JSON text.
    args: Vec<Range<usize>>,
    /// A row up to the length of its arguments.
    front: Vec<u8>,
    /// A row from the end of its arguments.
    back: Vec<u8>,
}

impl<'a> Rows<'a> {
    fn new(queue: &'a str, kind: &str, max_attempts: i32, limit_key: Option<&str>) -> Self {
        let mut front = 5_i16.to_be_bytes().to_vec();
        for text in [queue, kind] {
            front.extend(length(text.len()));
            front.extend(text.as_bytes());
        }
        let mut back = length(4).to_vec();
        back.extend(max_attempts.to_be_bytes());
        match limit_key {
            Some(key) => {
                back.extend(length(key.len()));
                back.extend(key.as_bytes());
            }
            // No value.
            None => back.extend((-1_i32).to_be_bytes()),
        }
        Self {
            queue,
            bytes: Vec::new(),
            args: Vec::new(),
            front,
            back,
        }
    }

    /// Adds rows up to the size of a chunk. `false` when there are no more.
    fn fill<A: Serialize>(&mut self, args: &mut impl Iterator<Item = (A, u64)>) -> Result<bool, String> {
        while self.bytes.len() < CHUNK {
            let Some((args, number)) = args.next() else {
                return Ok(false);
            };
            let queue = self.queue;
            self.push(&args)
                .map_err(|reason| format!("args number {number} of queue \"{queue}\" {reason}"))?;
        }
        Ok(true)
    }

    fn push<A: Serialize>(&mut self, args: &A) -> Result<(), String> {
        self.bytes.extend(&self.front);
        let start = self.bytes.len();
        // The length, which is known afterwards, and the version of jsonb's binary format.
        self.bytes.extend([0, 0, 0, 0, 1]);
        serde_json::to_writer(&mut self.bytes, args).map_err(|error| format!("cannot be written as JSON: {error}"))?;
        let text = start + 5..self.bytes.len();
        if self.bytes.get(text.start) != Some(&b'{') {
            return Err("must be a JSON object".to_owned());
        }
        fits(text.len())?;
        let written = length(text.len() + 1);
        self.bytes[start..start + 4].copy_from_slice(&written);
        self.bytes.extend(&self.back);
        self.args.push(text);
        Ok(())
    }

    fn texts(&self) -> Vec<String> {
        let text = |place: &Range<usize>| String::from_utf8_lossy(&self.bytes[place.clone()]).into_owned();
        self.args.iter().map(text).collect()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.args.clear();
    }
}

/// A field's length. Every field is far shorter than what this can say.
fn length(bytes: usize) -> [u8; 4] {
    i32::try_from(bytes).unwrap_or(i32::MAX).to_be_bytes()
}
