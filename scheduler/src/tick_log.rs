//! Winning a tick and enqueuing its job, in one transaction.

use std::collections::BTreeMap;

use botticelli_actors::{ActorsError, get_actor};
use botticelli_database::sql;
use botticelli_queue::{JobId, JobOptions, NewJob, QueueError, Source, enqueue, has_unfinished};
use serde_json::json;
use sqlx::{FromRow, PgConnection, PgPool};

use crate::plan::{Recorded, ScheduledActor, Tick};

/// What became of a tick in this process's hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Won {
    /// Its job is enqueued.
    Enqueued(JobId),
    /// It was recorded as skipped, with the reason.
    Skipped(String),
    /// Another scheduler had it.
    Lost,
}

/// Why a tick could not be decided.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TickError {
    /// The tick's row could not be read or written.
    #[error("the ticks of schedules could not be read or written")]
    Database(#[from] sqlx::Error),
    /// The job could not be enqueued.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The actor could not be read.
    #[error(transparent)]
    Actors(#[from] ActorsError),
}

/// Decides one tick: enqueues its job, or records why not.
///
/// Any number of schedulers may try the same tick: the row's primary key lets one of them commit, and the job exists
/// exactly if that one's transaction did.
///
/// # Errors
///
/// [`TickError`]; the tick stays due then.
pub async fn win(pool: &PgPool, tick: &Tick, traceparent: Option<&str>) -> Result<Won, TickError> {
    // Read outside of the transaction: a pause that comes a moment later still holds the job back at its claim.
    let actor = get_actor(pool, &tick.actor).await?;
    let mut transaction = botticelli_database::transaction(pool).await?;
    let skip = if tick.is_baseline {
        Some("the schedule was seen for the first time; it runs from its next tick on".to_owned())
    } else {
        match actor {
            Some(actor) if actor.is_paused => Some(format!(
                "the actor is paused ({})",
                actor.paused_reason.as_deref().unwrap_or("manual")
            )),
            _ if has_unfinished(&mut transaction, &tick.actor).await? => {
                Some("a job of this actor waits or runs already".to_owned())
            }
            _ => None,
        }
    };
    if let Some(reason) = skip {
        let won = insert(&mut transaction, tick, "skipped", Some(&reason), None).await?;
        transaction.commit().await?;
        return Ok(if won { Won::Skipped(reason) } else { Won::Lost });
    }
    let job = NewJob {
        queue: &tick.actor,
        args: json!({}),
        source: Source::Schedule,
        traceparent,
        options: JobOptions::default(),
    };
    let job = enqueue(&mut transaction, &job).await?;
    // Waits for a scheduler that is in the middle of the same tick; the loser's job goes with its transaction.
    if !insert(&mut transaction, tick, "enqueued", None, Some(job)).await? {
        transaction.rollback().await?;
        return Ok(Won::Lost);
    }
    transaction.commit().await?;
    Ok(Won::Enqueued(job))
}

async fn insert(
    connection: &mut PgConnection,
    tick: &Tick,
    outcome: &str,
    reason: Option<&str>,
    job: Option<JobId>,
) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query(sql(
        "insert into botticelli.schedule_ticks (actor, tick_at, revision, outcome, reason, job_id)
         values ($1, $2, $3, $4, $5, $6)
         on conflict on constraint one_job_per_tick do nothing",
    ))
    .bind(&tick.actor)
    .bind(tick.at)
    .bind(&tick.revision)
    .bind(outcome)
    .bind(reason)
    .bind(job)
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Reads what is recorded of the actors' ticks.
///
/// # Errors
///
/// The driver's error when the rows could not be read.
pub async fn recorded(pool: &PgPool, actors: &[ScheduledActor]) -> Result<BTreeMap<String, Recorded>, sqlx::Error> {
    #[derive(FromRow)]
    struct Row {
        actor: String,
        latest: Option<chrono::DateTime<chrono::Utc>>,
        ran_immediately: bool,
    }
    let (names, revisions): (Vec<&str>, Vec<&str>) = actors
        .iter()
        .map(|actor| (actor.name.as_str(), actor.revision.as_str()))
        .unzip();
    let rows: Vec<Row> = sqlx::query_as(sql("select actor,
                (select max(tick_at) from botticelli.schedule_ticks as tick
                 where tick.actor = asked.actor and tick.revision = '') as latest,
                exists (select from botticelli.schedule_ticks as tick
                        where tick.actor = asked.actor and tick.revision = asked.revision) as ran_immediately
         from unnest($1::text[], $2::text[]) as asked (actor, revision)"))
    .bind(names)
    .bind(revisions)
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            (
                row.actor,
                Recorded {
                    latest: row.latest,
                    ran_immediately: row.ran_immediately,
                },
            )
        })
        .collect())
}
