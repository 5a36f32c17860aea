//! A database of its own for every test, cloned from a migrated template.
//!
//! All test processes of a checkout share one private cluster. The first one starts it and lets go, later ones find
//! it; a watchdog stops it when no test has used it for half a minute. Its files stay for the next run.

mod cluster;
mod statements;
mod template;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use tokio::sync::OnceCell;

/// After this long a database is taken for one that a killed test left behind.
const STALE: Duration = Duration::from_hours(1);

/// How long the end of a test waits for the end of its database.
const GOODBYE: Duration = Duration::from_secs(3);

/// An empty, migrated database that exists as long as this value.
#[derive(Debug)]
pub struct TestDatabase {
    /// The URL of the database, for processes that connect themselves.
    pub url: String,
    /// A pool of up to 10 connections to it.
    pub pool: PgPool,
    name: String,
    maintenance_url: String,
    /// Set once the tables announce their changes.
    announces: OnceCell<()>,
}

/// Makes a database for one test, with all migrations of the workspace applied.
///
/// # Panics
///
/// When there is no Postgres on this machine, or a migration does not apply; the message says which.
pub async fn database() -> TestDatabase {
    create()
        .await
        .unwrap_or_else(|error| panic!("no database for this test: {}", chain(error.as_ref())))
}

/// The message of an error with those of its causes, as far as it does not hold them already.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut message = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string) {
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}

/// Anything that can go wrong while a database is set up; only ever shown.
type Problem = Box<dyn std::error::Error + Send + Sync>;

async fn create() -> Result<TestDatabase, Problem> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);

    let cluster = cluster::shared().await?;
    let maintenance_url = cluster.url("postgres");
    let mut maintenance = PgConnection::connect(&maintenance_url).await?;
    let template = template::migrated(&cluster, &mut maintenance).await?;

    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    drop_stale(&mut maintenance, now).await?;
    let nth = COUNTER.fetch_add(1, Ordering::Relaxed);
    let name = format!("t_{}_{}_{nth}", now.as_secs(), std::process::id());
    let statement = format!("create database \"{name}\" template \"{template}\"");
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut maintenance)
        .await?;
    maintenance.close().await?;

    let url = cluster.url(&name);
    let pool = PgPoolOptions::new().max_connections(10).connect(&url).await?;
    Ok(TestDatabase {
        url,
        pool,
        name,
        maintenance_url,
        announces: OnceCell::new(),
    })
}

/// Drops the databases whose name says that they were made more than [`STALE`] ago.
async fn drop_stale(maintenance: &mut PgConnection, now: Duration) -> Result<(), sqlx::Error> {
    let names: Vec<String> = sqlx::query_scalar("select datname from pg_database where datname like 't\\_%'")
        .fetch_all(&mut *maintenance)
        .await?;
    for name in names {
        let made = name
            .split('_')
            .nth(1)
            .and_then(|seconds| seconds.parse().ok())
            .map(Duration::from_secs);
        if made.is_some_and(|made| made + STALE < now) {
            // Another process may drop it in the same moment.
            let _ = drop_database(maintenance, &name).await;
        }
    }
    Ok(())
}

async fn drop_database(maintenance: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    let statement = format!("drop database if exists \"{name}\" with (force)");
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(maintenance).await?;
    Ok(())
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (url, name) = (self.maintenance_url.clone(), self.name.clone());
        let (gone, goodbye) = mpsc::channel();
        // The runtime of the test cannot be waited on from here, so the goodbye has a thread and a runtime of its own.
        // What it does not manage, `drop_stale` does.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                runtime.block_on(async {
                    if let Ok(mut maintenance) = PgConnection::connect(&url).await {
                        let _ = drop_database(&mut maintenance, &name).await;
                        let _ = maintenance.close().await;
                    }
                });
            }
            let _ = gone.send(());
        });
        // The server waits for clients that are logging in, and one of this runtime cannot go on before this returns.
        let _ = goodbye.recv_timeout(GOODBYE);
    }
}
