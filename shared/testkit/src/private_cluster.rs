//! A server of its own for a test that hurts it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use botticelli_lifecycle::{Cluster, ClusterOptions};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::PgPool;
use tempfile::TempDir;

/// A durable PostgreSQL with a migrated database that nobody else uses: unlike that of [`database`](crate::database()), it
/// keeps through a crash what it has confirmed. Its files go with this value.
#[derive(Debug)]
pub struct PrivateCluster {
    /// Absent only while it is started again: the old owner has to let go of the directory first.
    cluster: Option<Cluster>,
    url: String,
    directory: TempDir,
}

impl PrivateCluster {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// When there is no PostgreSQL on this machine, or a migration does not apply.
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap_or_else(|error| panic!("no directory for a cluster: {error}"));
        // When root runs the tests, the server is another account and must be able to get there.
        std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755))
            .unwrap_or_else(|error| panic!("{}: {error}", directory.path().display()));
        let cluster = start(&directory).await;
        let pool = PgPool::connect(cluster.url())
            .await
            .unwrap_or_else(|error| panic!("no connection to the cluster: {error}"));
        botticelli_database::migrate(&pool)
            .await
            .unwrap_or_else(|error| panic!("the cluster cannot be migrated: {error}"));
        pool.close().await;
        Self {
            url: cluster.url().to_owned(),
            cluster: Some(cluster),
            directory,
        }
    }

    /// The URL of its database. The port may be another after a restart.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends the server as `pg_ctl stop -m immediate` does, without a goodbye to its clients or a checkpoint, and starts it
    /// again: it recovers from its log.
    ///
    /// # Panics
    ///
    /// When it does not come back.
    pub async fn restart_immediately(&mut self) {
        if let Some(mut cluster) = self.cluster.take() {
            let pid = i32::try_from(cluster.pid()).ok().and_then(Pid::from_raw);
            let pid = pid.unwrap_or_else(|| panic!("the server has no process id"));
            kill_process(pid, Signal::QUIT).unwrap_or_else(|error| panic!("the server cannot be stopped: {error}"));
            cluster.died().await;
        }
        let cluster = start(&self.directory).await;
        cluster.url().clone_into(&mut self.url);
        self.cluster = Some(cluster);
    }

    /// Stops the server and removes its files.
    ///
    /// # Panics
    ///
    /// When it does not stop.
    pub async fn stop(self) {
        if let Some(cluster) = self.cluster {
            let stopped = cluster.stop().await;
            stopped.unwrap_or_else(|error| panic!("the cluster does not stop: {error}"));
        }
        drop(self.directory);
    }
}

async fn start(directory: &TempDir) -> Cluster {
    Cluster::start(ClusterOptions::new(directory.path().join("data")))
        .await
        .unwrap_or_else(|error| panic!("no cluster for this test: {error}"))
}
