//! The actors as configured.

use botticelli_database::{sessionless, sql};
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection, PgPool};

use crate::ActorsError;

/// An actor as the configuration has it.
#[derive(Debug, Clone, Copy)]
pub struct Registration<'a> {
    /// The actor's name, which is its queue's too.
    pub name: &'a str,
    /// `generation`, `curation`, `posting` or `narrative`.
    pub kind: &'a str,
    /// Whether it runs at all.
    pub enabled: bool,
    /// The schedule as written.
    pub schedule: &'a str,
    /// The schedule's kind as the API names it: `Interval`, `Cron`, `Immediate` or `Manual`.
    pub schedule_type: &'a str,
}

/// Makes an actor known or brings its row up to date; its pause, breaker and history stay. Idempotent.
///
/// # Errors
///
/// [`ActorsError`] when the row could not be written.
pub async fn register(connection: &mut PgConnection, actor: &Registration<'_>) -> Result<(), ActorsError> {
    sqlx::query(sql(
        "insert into botticelli.actor_server_state (task_id, actor_name, kind, enabled, schedule, schedule_type)
         values ($1, $1, $2, $3, $4, $5)
         on conflict (task_id) do update
         set kind = excluded.kind, enabled = excluded.enabled, schedule = excluded.schedule,
             schedule_type = excluded.schedule_type
         where (actor_server_state.kind, actor_server_state.enabled, actor_server_state.schedule)
           is distinct from (excluded.kind, excluded.enabled, excluded.schedule)",
    ))
    .bind(actor.name)
    .bind(actor.kind)
    .bind(actor.enabled)
    .bind(actor.schedule)
    .bind(actor.schedule_type)
    .execute(connection)
    .await
    .map_err(ActorsError::writing)?;
    Ok(())
}

/// Lets one process at a time register, until the caller's transaction ends. Where there are no rows yet that
/// [`lock_actors`] could lock, others may have them before the caller does.
///
/// # Errors
///
/// [`ActorsError`] when it could not be waited for.
pub async fn lock_registration(connection: &mut PgConnection) -> Result<(), ActorsError> {
    sqlx::query(sql("select pg_advisory_xact_lock(hashtext('botticelli.register'))"))
        .execute(connection)
        .await
        .map_err(ActorsError::writing)?;
    Ok(())
}

/// Locks the rows of the named actors until the caller's transaction ends, in the order of their names, so that two who
/// lock several do not wait for each other. Names without a row are passed over.
///
/// # Errors
///
/// [`ActorsError`] when the rows could not be locked.
pub async fn lock_actors(connection: &mut PgConnection, names: &[String]) -> Result<(), ActorsError> {
    sqlx::query(sql(
        "select from botticelli.actor_server_state where task_id = any ($1) order by task_id for update",
    ))
    .bind(names)
    .execute(connection)
    .await
    .map_err(ActorsError::writing)?;
    Ok(())
}

/// Disables the actors that the configuration no longer has. Their history stays. Gives their names.
///
/// # Errors
///
/// [`ActorsError`] when the rows could not be written.
pub async fn retire_missing(connection: &mut PgConnection, configured: &[String]) -> Result<Vec<String>, ActorsError> {
    sqlx::query_scalar(sql(
        "update botticelli.actor_server_state set enabled = false, next_run = null
         where enabled and task_id <> all ($1) returning task_id",
    ))
    .bind(configured)
    .fetch_all(connection)
    .await
    .map_err(ActorsError::writing)
}

/// Notes when actors run next by their schedules. What another has locked just now is left as it is, rather than waited for: it is
/// for people to look at, and noted again.
///
/// # Errors
///
/// [`ActorsError::Database`] when the statement fails.
pub async fn set_next_runs(
    pool: &PgPool,
    actors: &[&str],
    next_runs: &[Option<DateTime<Utc>>],
) -> Result<(), ActorsError> {
    sqlx::query(sql("update botticelli.actor_server_state state set next_run = actor.next_run
         from unnest($1::text[], $2::timestamptz[]) as actor (name, next_run)
         where state.task_id = actor.name and state.task_id = any (array(
           select task_id from botticelli.actor_server_state where task_id = any ($1) order by task_id for update skip locked
         )) and state.next_run is distinct from actor.next_run"))
    .bind(actors)
    .bind(next_runs)
    .execute(pool)
    .await
    .map_err(ActorsError::writing)?;
    Ok(())
}

/// An actor's row.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct ActorRow {
    /// The actor's name.
    pub name: String,
    /// What it does.
    pub kind: String,
    /// Whether the configuration lets it run.
    pub enabled: bool,
    /// Whether it is paused, by a person or by its breaker.
    pub is_paused: bool,
    /// `manual`, `circuit_breaker`, or `everything` with all others.
    pub paused_reason: Option<String>,
    /// Failures since the last success.
    pub consecutive_failures: i32,
    /// When its last run began.
    pub last_run: Option<DateTime<Utc>>,
    /// When its last successful run ended.
    pub last_success: Option<DateTime<Utc>>,
    /// When its schedule fires next.
    pub next_run: Option<DateTime<Utc>>,
    /// The schedule as written.
    pub schedule: String,
    /// The schedule's kind.
    pub schedule_type: String,
    /// `closed`, `open` or `half_open`.
    pub breaker_state: String,
}

/// Every actor, by name.
///
/// # Errors
///
/// [`ActorsError`] when the rows could not be read.
pub async fn list_actors(pool: &PgPool) -> Result<Vec<ActorRow>, ActorsError> {
    read_actors(pool, None).await
}

/// One actor; `None` when there is no such name.
///
/// # Errors
///
/// [`ActorsError`] when the row could not be read.
pub async fn get_actor(pool: &PgPool, name: &str) -> Result<Option<ActorRow>, ActorsError> {
    Ok(read_actors(pool, Some(name)).await?.pop())
}

async fn read_actors(pool: &PgPool, name: Option<&str>) -> Result<Vec<ActorRow>, ActorsError> {
    sqlx::query_as(sql(
        "select task_id as name, kind, enabled, is_paused, paused_reason, consecutive_failures, last_run, last_success,
                next_run, schedule, schedule_type, breaker_state
         from botticelli.actor_server_state
         where $1::text is null or task_id = $1
         order by task_id",
    ))
    .bind(name)
    .fetch_all(sessionless(pool))
    .await
    .map_err(ActorsError::reading)
}
