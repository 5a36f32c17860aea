//! Schedules of the settings: each actor's becomes a row.

use std::fmt::Write as _;

use botticelli_database::sql;
use botticelli_settings::{ActorSettings, Settings};
use sha2::{Digest, Sha256};
use sqlx::PgPool;

/// Brings the schedules of actors up to date with the settings. One that the settings lack has no ticks any more. Only what was
/// changed is decided anew. Idempotent; every scheduler does it at its start and when the settings change.
///
/// # Errors
///
/// The driver's error; nothing is changed then.
pub async fn sync_schedules(pool: &PgPool, settings: &Settings) -> Result<(), sqlx::Error> {
    let mut columns = (vec![], vec![], vec![], vec![], vec![]);
    let mut policies = (vec![], vec![], vec![], vec![], vec![], vec![]);
    for actor in settings.actors.values() {
        columns.0.push(actor.name.as_str());
        columns.1.push(actor.schedule.as_str());
        columns.2.push(actor.timezone.name());
        columns.3.push(revision(actor));
        columns.4.push(actor.enabled);
        policies.0.push(actor.jitter.as_secs_f64());
        policies.1.push(actor.catch_up.as_str());
        policies.2.push(actor.catch_up_window.as_secs_f64());
        policies.3.push(actor.overlap.as_str());
        // An array of arrays of different lengths there is not.
        policies.4.push(serde_json::json!(actor.windows));
        policies.5.push(serde_json::json!(actor.blackouts));
    }
    let mut transaction = botticelli_database::transaction(pool).await?;
    sqlx::query(sql(include_str!("sql/sync_schedules.sql")))
        .bind(&columns.0)
        .bind(columns.1)
        .bind(columns.2)
        .bind(columns.3)
        .bind(columns.4)
        .bind(policies.0)
        .bind(policies.1)
        .bind(policies.2)
        .bind(policies.3)
        .bind(policies.4)
        .bind(policies.5)
        .execute(&mut *transaction)
        .await?;
    sqlx::query(sql(
        "update botticelli.schedules set enabled = false where is_configured and enabled and name <> all ($1)",
    ))
    .bind(&columns.0)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

/// A fingerprint of everything that is configured about an actor.
fn revision(actor: &ActorSettings) -> String {
    let mut configured = serde_json::to_value(actor).unwrap_or_default();
    // What decides about ticks is no other work; and an upgrade that brings such keys is no new configuration.
    for key in [
        "timezone",
        "jitter",
        "catch_up",
        "catch_up_window",
        "overlap",
        "windows",
        "blackouts",
    ] {
        configured.as_object_mut().map(|keys| keys.remove(key));
    }
    let digest = Sha256::digest(configured.to_string().as_bytes());
    digest.iter().take(8).fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").ok();
        text
    })
}
