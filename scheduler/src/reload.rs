//! Settings that change while the scheduler runs: schedules follow them without a restart.

use std::{sync::Arc, time::Duration};

use anyhow::ensure;
use botticelli_jobs::register_fleet;
use botticelli_settings::Settings;
use sqlx::PgPool;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::sync_actors;

/// How often the settings are read.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// Reads the settings as at the start.
pub type LoadSettings = Arc<dyn Fn() -> anyhow::Result<Settings> + Send + Sync>;

/// Follows the settings until `stop`: reads them every two seconds, and at once on SIGHUP, when what others have changed in the
/// database is put right too. Actors and schedules that have changed take effect as a whole; settings that cannot be read, or have
/// no actors any more, change nothing and are told of once.
pub(crate) async fn follow_settings(pool: PgPool, load: LoadSettings, begun_with: Settings, stop: CancellationToken) {
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => Some(hangup),
        Err(error) => {
            tracing::warn!("SIGHUP cannot be heard: {error}");
            None
        }
    };
    let mut applied = fingerprint(&begun_with);
    let mut told = String::new();
    loop {
        let asked = tokio::select! {
            () = stop.cancelled() => return,
            () = hung_up(&mut hangup) => true,
            () = tokio::time::sleep(LOOK_INTERVAL) => false,
        };
        match usable(&load, &applied) {
            Ok(settings) => {
                let print = fingerprint(&settings);
                let has_changed = print != applied;
                if !has_changed && !asked {
                    told.clear();
                    continue;
                }
                match apply(&pool, &settings).await {
                    Ok(()) => {
                        applied = print;
                        told.clear();
                        let what = if has_changed { "have changed" } else { "are read again" };
                        tracing::info!("The settings {what}: actors and schedules follow");
                    }
                    Err(error) => tell_once(&mut told, &format!("{error:#}"), asked),
                }
            }
            Err(error) => tell_once(&mut told, &format!("{error:#}"), asked),
        }
    }
}

async fn hung_up(hangup: &mut Option<tokio::signal::unix::Signal>) {
    match hangup {
        Some(hangup) => drop(hangup.recv().await),
        None => std::future::pending().await,
    }
}

/// The settings, if they can be followed.
fn usable(load: &LoadSettings, applied: &str) -> anyhow::Result<Settings> {
    let settings = load()?;
    ensure!(
        !settings.actors.is_empty() || applied == fingerprint(&settings),
        "they have no actors any more, as a file has that is being written; set `enabled = false` for those that are not to run"
    );
    Ok(settings)
}

fn fingerprint(settings: &Settings) -> String {
    serde_json::to_string(&settings.actors).unwrap_or_default()
}

async fn apply(pool: &PgPool, settings: &Settings) -> anyhow::Result<()> {
    for retired in register_fleet(pool, settings, true).await? {
        tracing::warn!("Disabled actor {retired}: the settings no longer have it");
    }
    sync_actors(pool, settings).await?;
    Ok(())
}

fn tell_once(told: &mut String, error: &str, asked: bool) {
    if asked || told != error {
        tracing::error!("The settings cannot be used, and stay as they were: {error}");
        error.clone_into(told);
    }
}
