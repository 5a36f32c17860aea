//! Schedules that are configured: each becomes a row.

use botticelli_database::sql;
use serde::Serialize;
use serde_json::json;
use sqlx::PgPool;

use crate::TimetableError;

/// A schedule as it is configured, in the texts of its row; the row's columns say what each means.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "docs/sql.md explains the columns")]
pub struct ConfiguredSchedule<'a> {
    pub name: &'a str,
    pub schedule: &'a str,
    pub timezone: &'a str,
    pub revision: String,
    pub enabled: bool,
    pub jitter: f64,
    pub catch_up: &'a str,
    pub catch_up_window: f64,
    pub overlap: &'a str,
    pub starts_at: Option<chrono::DateTime<chrono::Utc>>,
    pub ends_at: Option<chrono::DateTime<chrono::Utc>>,
    pub windows: &'a [String],
    pub blackouts: &'a [String],
}

/// Brings the rows up to date with what is configured. One that is not any more has no ticks any more,
/// unless nothing is configured at all. Only what was changed is
/// decided anew. Idempotent; every scheduler does it at its start and when the settings change.
///
/// # Errors
///
/// [`TimetableError::Database`]; nothing is changed then.
pub async fn sync_schedules(pool: &PgPool, configured: &[ConfiguredSchedule<'_>]) -> Result<(), TimetableError> {
    let mut transaction = botticelli_database::transaction(pool).await?;
    // Two with different settings would wait for each other's rows.
    sqlx::query(sql(
        "select pg_advisory_xact_lock(hashtext('botticelli.sync_schedules'))",
    ))
    .execute(&mut *transaction)
    .await?;
    sqlx::query(sql(include_str!("sql/sync_schedules.sql")))
        .bind(json!(configured))
        .execute(&mut *transaction)
        .await?;
    if configured.is_empty() {
        // Rather a mistake than the end of all work.
        return Ok(transaction.commit().await?);
    }
    let names: Vec<&str> = configured.iter().map(|schedule| schedule.name).collect();
    sqlx::query(sql(
        "update botticelli.schedules set enabled = false where is_configured and enabled and name <> all ($1)",
    ))
    .bind(names)
    .execute(&mut *transaction)
    .await?;
    Ok(transaction.commit().await?)
}
