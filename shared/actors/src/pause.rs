//! Whether an actor may run: pauses by people, and the breaker that pauses an actor that keeps failing.
//!
//! The breaker is closed → open (paused, with a cool-down) → half open (one probe decides) → closed or open again.

use std::time::Duration;

use botticelli_database::{Refusal, sessionless, sql};
use sqlx::{PgConnection, PgPool, postgres::PgQueryResult};

use crate::ActorsError;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// Consecutive failures that open it.
    pub failures: u16,
    /// How long it stays open before one run may probe.
    pub cooldown: Duration,
}

/// What a failure did to the actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerChange {
    /// Failures since the last success.
    pub consecutive_failures: i32,
    /// Whether this failure opened the breaker.
    pub tripped: bool,
}

/// Pauses an actor for a person: nothing of it is claimed and its ticks are skipped; or a queue without an actor. `false` when
/// there is neither.
///
/// # Errors
///
/// [`ActorsError`] when the row could not be written.
pub async fn pause(pool: &PgPool, actor: &str, by: &str) -> Result<bool, ActorsError> {
    known(
        sqlx::query(sql("select botticelli.pause($1, $2)"))
            .bind(actor)
            .bind(by)
            .execute(sessionless(pool))
            .await,
    )
}

/// Ends a pause, whoever began it, and forgives the failures. `false` when there is neither an actor nor a queue of that name.
///
/// # Errors
///
/// [`ActorsError::Refused`] while everything is paused, [`ActorsError::Database`] when the row could not be written.
pub async fn resume(pool: &PgPool, actor: &str) -> Result<bool, ActorsError> {
    known(
        sqlx::query(sql("select botticelli.resume($1)"))
            .bind(actor)
            .execute(sessionless(pool))
            .await,
    )
}

/// Pauses everything, for a person: nothing starts in the whole fleet, and actors that register are paused too. Actors that
/// are paused already are left alone.
///
/// # Errors
///
/// [`ActorsError`] when the rows could not be written.
pub async fn pause_all(pool: &PgPool, by: &str) -> Result<(), ActorsError> {
    sqlx::query(sql("select botticelli.pause_all($1)"))
        .bind(by)
        .execute(sessionless(pool))
        .await
        .map_err(ActorsError::writing)?;
    Ok(())
}

/// Ends the pause of everything. Actors that were paused one by one stay paused.
///
/// # Errors
///
/// [`ActorsError`] when the rows could not be written.
pub async fn resume_all(pool: &PgPool) -> Result<(), ActorsError> {
    sqlx::query(sql("select botticelli.resume_all()"))
        .execute(sessionless(pool))
        .await
        .map_err(ActorsError::writing)?;
    Ok(())
}

/// Tells the refusals of an unknown actor and of the wrong moment from a failing database.
fn known(answer: Result<PgQueryResult, sqlx::Error>) -> Result<bool, ActorsError> {
    let Err(error) = answer else { return Ok(true) };
    match Refusal::of(&error) {
        Some(refusal) if refusal.code == "22023" => Ok(false),
        Some(refusal) if refusal.code == "55000" => Err(ActorsError::Refused(refusal.text)),
        _ => Err(ActorsError::writing(error)),
    }
}

/// Counts a failed run, and opens the breaker at the threshold or when the failed run was the probe.
///
/// # Errors
///
/// [`ActorsError`] when the row could not be written.
pub async fn record_failure(
    connection: &mut PgConnection,
    actor: &str,
    breaker: Breaker,
) -> Result<BreakerChange, ActorsError> {
    let (consecutive_failures, tripped): (i32, bool) = sqlx::query_as(sql(
        "with failed as (
           select task_id, consecutive_failures + 1 as failures,
                  not is_paused and (consecutive_failures + 1 >= $2 or breaker_state = 'half_open') as trips
           from botticelli.actor_server_state where task_id = $1 for update
         )
         update botticelli.actor_server_state as state
         set consecutive_failures = failed.failures,
             is_paused = state.is_paused or failed.trips,
             paused_reason = case when failed.trips then 'circuit_breaker' else state.paused_reason end,
             paused_at = case when failed.trips then now() else state.paused_at end,
             breaker_state = case when failed.trips then 'open' else state.breaker_state end,
             breaker_retry_at = case when failed.trips then now() + make_interval(secs => $3) else state.breaker_retry_at end
         from failed where state.task_id = failed.task_id
         returning state.consecutive_failures, failed.trips",
    ))
    .bind(actor)
    .bind(i32::from(breaker.failures))
    .bind(breaker.cooldown.as_secs_f64())
    .fetch_one(connection)
    .await
    .map_err(ActorsError::writing)?;
    Ok(BreakerChange {
        consecutive_failures,
        tripped,
    })
}

/// Notes a successful run: the failures are forgotten and a half-open breaker closes.
///
/// # Errors
///
/// [`ActorsError`] when the row could not be written.
pub async fn record_success(connection: &mut PgConnection, actor: &str) -> Result<(), ActorsError> {
    sqlx::query(sql("update botticelli.actor_server_state
         set consecutive_failures = 0, last_success = now(),
             breaker_state = case breaker_state when 'half_open' then 'closed' else breaker_state end
         where task_id = $1"))
    .bind(actor)
    .execute(connection)
    .await
    .map_err(ActorsError::writing)?;
    Ok(())
}

/// Lets one probe through for every open breaker whose cool-down is over. Gives the actors' names. Safe under any number
/// of callers.
///
/// # Errors
///
/// [`ActorsError`] when the rows could not be written.
pub async fn half_open_due_breakers(pool: &PgPool) -> Result<Vec<String>, ActorsError> {
    sqlx::query_scalar(sql(
        "update botticelli.actor_server_state set is_paused = false, breaker_state = 'half_open'
         where breaker_state = 'open' and breaker_retry_at <= now() and paused_reason = 'circuit_breaker' returning task_id",
    ))
    .fetch_all(pool)
    .await
    .map_err(ActorsError::writing)
}
