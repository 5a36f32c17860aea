//! The migrated database that every test's database is a copy of.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use super::cluster::SharedCluster;
use super::{Problem, drop_database};

/// Held while a template is made, so that of many test processes one makes it. Any number nobody else uses does.
const ADVISORY_LOCK: i64 = 0x626f_7474_6974;

/// The template for the migrations as they are now, made if need be.
pub(super) async fn migrated(cluster: &SharedCluster, maintenance: &mut PgConnection) -> Result<String, Problem> {
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let name = format!("botticelli_migrated_{:016x}", fingerprint(&migrations)?);
    if exists(maintenance, &name).await? {
        return Ok(name);
    }
    sqlx::query("select pg_advisory_lock($1)")
        .bind(ADVISORY_LOCK)
        .execute(&mut *maintenance)
        .await?;
    if !exists(maintenance, &name).await? {
        make(cluster, maintenance, &name).await?;
    }
    sqlx::query("select pg_advisory_unlock($1)")
        .bind(ADVISORY_LOCK)
        .execute(&mut *maintenance)
        .await?;
    Ok(name)
}

/// Migrates under a draft name and renames at the end, so that a template that exists is complete.
async fn make(cluster: &SharedCluster, maintenance: &mut PgConnection, name: &str) -> Result<(), Problem> {
    let draft = "botticelli_template_draft";
    drop_database(maintenance, draft).await?;
    let create = format!("create database \"{draft}\"");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut *maintenance).await?;

    let pool = PgPool::connect(&cluster.url(draft)).await?;
    botticelli_database::migrate(&pool).await?;
    pool.close().await;

    let rename = format!("alter database \"{draft}\" rename to \"{name}\"");
    sqlx::raw_sql(AssertSqlSafe(rename)).execute(&mut *maintenance).await?;
    Ok(())
}

async fn exists(maintenance: &mut PgConnection, name: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(name)
        .fetch_one(maintenance)
        .await
}

/// A number that changes with the name or the text of any migration.
fn fingerprint(migrations: &Path) -> Result<u64, Problem> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(migrations).map_err(|error| format!("`{}`: {error}", migrations.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for path in files {
        path.file_name().hash(&mut hasher);
        fs::read(&path)?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}
