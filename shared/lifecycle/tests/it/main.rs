//! Promises of the lifecycle crate, tested against the operating system and a real Postgres.

mod adoption;
mod cluster;
mod refusals;
mod signals;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use botticelli_lifecycle::{Cluster, ClusterError, ClusterOptions};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

/// A data directory that vanishes with the test, in a place that the server's account can reach.
struct Home {
    directory: TempDir,
}

impl Home {
    fn new() -> std::io::Result<Self> {
        let directory = tempfile::tempdir()?;
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o755))?;
        Ok(Self { directory })
    }

    fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    async fn start(&self) -> Result<Cluster, ClusterError> {
        Cluster::start(ClusterOptions::for_tests(self.data_dir())).await
    }
}

async fn run(url: &str, statement: &'static str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(statement).execute(&mut connection).await?;
    connection.close().await
}

async fn text(url: &str, query: &'static str) -> Result<String, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let value = sqlx::query_scalar(query).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(value)
}
