//! Which database a command works on: the configured one, or that of a running `botticelli up`.

use std::{collections::HashMap, path::Path};

use anyhow::{Context, Result, bail};
use botticelli_database::{PoolSize, check_schema, connect_sessionless, serve_schema};
use botticelli_process::ProcessArguments;
use botticelli_settings::Settings;
use secrecy::SecretString;
use sqlx::PgPool;

/// The file in the data directory that `botticelli up` leaves its private database's address in while it runs.
const URL_FILE: &str = "postgres/database_url";

/// Connects to the configured database, or else to the private one of a running `botticelli up`. From here on statements are
/// for the fleet in the configured schema. The database may be behind any connection pooler.
pub(crate) async fn pool(arguments: &ProcessArguments, environment: HashMap<String, String>) -> Result<PgPool> {
    let data_dir = arguments.data_dir(&environment)?;
    pool_of(&arguments.settings(environment)?, &data_dir).await
}

async fn pool_of(settings: &Settings, data_dir: &Path) -> Result<PgPool> {
    serve_schema(settings.server.schema.parse()?)?;
    let url = match &settings.server.database_url {
        Some(url) => url.clone(),
        None => private_url(data_dir)?,
    };
    Ok(connect_sessionless(&url, PoolSize(2), "botticelli cli").await?)
}

/// As [`pool`], of a database whose schema this program knows.
pub(crate) async fn migrated_pool(
    arguments: &ProcessArguments,
    environment: HashMap<String, String>,
) -> Result<PgPool> {
    let pool = pool(arguments, environment).await?;
    check_schema(&pool).await?;
    Ok(pool)
}

/// As [`migrated_pool`], for settings in hand.
pub(crate) async fn migrated_pool_of(settings: &Settings, data_dir: &Path) -> Result<PgPool> {
    let pool = pool_of(settings, data_dir).await?;
    check_schema(&pool).await?;
    Ok(pool)
}

fn private_url(data_dir: &Path) -> Result<SecretString> {
    let file = data_dir.join(URL_FILE);
    if !file.exists() {
        bail!(
            "there is no database to work on: DATABASE_URL is not set, and no `botticelli up` runs on data directory `{}`",
            data_dir.display()
        );
    }
    let url = std::fs::read_to_string(&file).with_context(|| format!("`{}` cannot be read", file.display()))?;
    Ok(SecretString::from(url.trim().to_owned()))
}
