//! Schedules of the settings: each actor has one of its own name.

use std::fmt::Write as _;

use botticelli_settings::{ActorSettings, Settings};
use botticelli_timetable::{ConfiguredSchedule, TimetableError, sync_schedules};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::PgPool;

/// Settings that decide about ticks: they are no other work, so `immediate` does not run again for them, nor for an upgrade that
/// brings such keys.
const OF_TICKS: [&str; 9] = [
    "timezone",
    "jitter",
    "catch_up",
    "catch_up_window",
    "overlap",
    "starts_at",
    "ends_at",
    "windows",
    "blackouts",
];

/// Brings the schedules of actors up to date with the settings. Idempotent; every scheduler does it at its start and when the
/// settings change.
///
/// # Errors
///
/// [`TimetableError`]; nothing is changed then.
pub async fn sync_actors(pool: &PgPool, settings: &Settings) -> Result<(), TimetableError> {
    let configured: Vec<_> = settings.actors.values().map(configured).collect();
    sync_schedules(pool, &configured).await
}

fn configured(actor: &ActorSettings) -> ConfiguredSchedule<'_> {
    ConfiguredSchedule {
        name: &actor.name,
        schedule: actor.schedule.as_str(),
        timezone: actor.timezone.name(),
        revision: revision(actor),
        enabled: actor.enabled,
        jitter: actor.jitter.as_secs_f64(),
        catch_up: actor.catch_up.as_str(),
        catch_up_window: actor.catch_up_window.as_secs_f64(),
        overlap: actor.overlap.as_str(),
        starts_at: actor.starts_at,
        ends_at: actor.ends_at,
        windows: &actor.windows,
        blackouts: &actor.blackouts,
    }
}

/// A fingerprint of what is configured about an actor's work.
fn revision(actor: &ActorSettings) -> String {
    let mut configured = serde_json::to_value(actor).unwrap_or_default();
    if let Value::Object(keys) = &mut configured {
        keys.retain(|key, _| !OF_TICKS.contains(&key.as_str()));
    }
    let digest = Sha256::digest(configured.to_string().as_bytes());
    digest.iter().take(8).fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").ok();
        text
    })
}
