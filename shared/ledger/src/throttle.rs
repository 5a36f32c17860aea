//! Leaving a provider alone that asked for it.

use std::time::Duration;

use botticelli_database::sql;
use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::{Call, LedgerError, RateScope, kept_name::kept};

/// Lets no call be made until then that is of the same provider, key or model as `call`, as `scope` says: the provider asked for it, or
/// said that nothing is left. What was asked for longer before stands. Holds in the whole fleet, with limits or without, from now on.
///
/// # Errors
///
/// [`LedgerError::Database`] when the statement fails.
pub async fn throttle(pool: &PgPool, call: &Call, scope: RateScope, until: DateTime<Utc>) -> Result<(), LedgerError> {
    write(pool, call, scope, Some(until), 0.0).await
}

/// As [`throttle`], for so long from now by the database's clock: what a `Retry-After` in seconds says. At most a year.
///
/// # Errors
///
/// As [`throttle`].
pub async fn throttle_for(pool: &PgPool, call: &Call, scope: RateScope, delay: Duration) -> Result<(), LedgerError> {
    let delay = delay.min(Duration::from_hours(24 * 366));
    write(pool, call, scope, None, delay.as_secs_f64()).await
}

async fn write(
    pool: &PgPool,
    call: &Call,
    scope: RateScope,
    until: Option<DateTime<Utc>>,
    delay: f64,
) -> Result<(), LedgerError> {
    let (key_name, model) = scope.names(call);
    sqlx::query(sql(
        "insert into botticelli.rate_throttles as t (provider, key_name, model, until)
         values ($1, $2, $3, coalesce($4, clock_timestamp() + make_interval(secs => $5)))
         on conflict (provider, key_name, model) do update set until = excluded.until where t.until < excluded.until",
    ))
    .bind(kept(&call.provider))
    .bind(kept(key_name))
    .bind(kept(model))
    .bind(until)
    .bind(delay)
    .execute(pool)
    .await
    .map_err(LedgerError::while_doing("note that a provider wants to be left alone"))?;
    Ok(())
}

/// Forgets what [`throttle`] noted for the same calls. For a person who knows better. Gives whether there was something.
///
/// # Errors
///
/// [`LedgerError::Database`] when the statement fails.
pub async fn end_throttle(pool: &PgPool, call: &Call, scope: RateScope) -> Result<bool, LedgerError> {
    let (key_name, model) = scope.names(call);
    let ended = sqlx::query(sql(
        "delete from botticelli.rate_throttles where provider = $1 and key_name = $2 and model = $3",
    ))
    .bind(kept(&call.provider))
    .bind(kept(key_name))
    .bind(kept(model))
    .execute(pool)
    .await
    .map_err(LedgerError::while_doing(
        "forget that a provider wants to be left alone",
    ))?;
    Ok(ended.rows_affected() > 0)
}
