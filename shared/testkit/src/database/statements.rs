//! Plain SQL against a test's database, and waiting for what others write there.

use sqlx::postgres::{PgListener, PgRow};
use sqlx::{AssertSqlSafe, PgPool, Row};

use super::TestDatabase;
use crate::PATIENCE;

/// Where the triggers below announce every change. Nobody else listens here.
const CHANNEL: &str = "botticelli_testkit";

/// What the triggers do.
const ANNOUNCE: &str = "create function public.announce_change() returns trigger language plpgsql as
  $$ begin notify botticelli_testkit; return null; end $$";

/// One trigger per table of every fleet in the database, fired once for each statement that writes to it. Each is committed by
/// itself: with the locks of several tables at once, this could end in a deadlock with the processes under test.
const ANNOUNCE_EVERY_CHANGE: &str = "do $$
    declare
      fleet text;
      changed text;
    begin
      for fleet, changed in
        select schemaname, tablename from pg_tables
        where schemaname in (select schemaname from pg_tables where tablename = '_sqlx_migrations')
      loop
        execute format('create trigger announce_change after insert or update or delete on %I.%I
                        for each statement execute function public.announce_change()', fleet, changed);
        commit;
      end loop;
    end $$";

/// What a test that waited in vain wants to see.
const REPORT: &str = "
    select 'job', to_jsonb(row) from botticelli.jobs as row
    union all select 'job in history', to_jsonb(row) from botticelli.job_history as row
    union all select 'execution', to_jsonb(row) from botticelli.actor_server_executions as row
    union all select 'actor', to_jsonb(row) from botticelli.actor_server_state as row
    union all select 'worker', to_jsonb(row) from botticelli.workers as row
    union all select 'delivery', to_jsonb(row) from botticelli.deliveries as row";

impl TestDatabase {
    /// Runs `sql`, which may hold several statements; they are one transaction unless it says otherwise.
    ///
    /// # Panics
    ///
    /// When the database refuses it.
    pub async fn execute(&self, sql: &str) {
        let ran = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&self.pool).await;
        ran.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }

    /// The rows of `query` as `psql -At` shows them: columns joined by `|`, null as nothing.
    ///
    /// # Panics
    ///
    /// When the database refuses it.
    pub async fn rows(&self, query: &str) -> Vec<String> {
        rows(&self.pool, query)
            .await
            .unwrap_or_else(|error| panic!("{error}\n{query}"))
    }

    /// The single row of `query`, as [`TestDatabase::rows`] shows it.
    ///
    /// # Panics
    ///
    /// When there is not exactly one row, or the database refuses the query.
    pub async fn row(&self, query: &str) -> String {
        let mut rows = self.rows(query).await;
        assert_eq!(rows.len(), 1, "{query}");
        rows.remove(0)
    }

    /// Waits until `condition`, an SQL expression, is true. Looks again whenever a statement has written to a table of the
    /// product; the mere passing of time changes nothing.
    ///
    /// # Panics
    ///
    /// When it does not become true within [`PATIENCE`]; the message holds jobs, executions and deliveries.
    pub async fn until(&self, condition: &str) {
        if tokio::time::timeout(PATIENCE, self.met(condition)).await.is_ok() {
            return;
        }
        let report = self.rows(REPORT).await.join("\n");
        panic!("not true within {PATIENCE:?}: {condition}\n{report}");
    }

    /// Waits until so many connections of this database at least wait for locks that others hold. The server does not announce it.
    ///
    /// # Panics
    ///
    /// When they do not within [`PATIENCE`].
    pub async fn until_waiting_for_locks(&self, connections: u32) {
        let query = format!(
            "select where {connections} <= (select count(*) from pg_stat_activity
                                            where datname = current_database() and wait_event_type = 'Lock')"
        );
        let waiting = async {
            while self.rows(&query).await.is_empty() {
                tokio::task::yield_now().await;
            }
        };
        let met = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(met.is_ok(), "fewer than {connections} wait for a lock");
    }

    async fn met(&self, condition: &str) {
        self.announces
            .get_or_init(async || {
                self.execute(ANNOUNCE).await;
                self.execute(ANNOUNCE_EVERY_CHANGE).await;
            })
            .await;
        let mut changes = PgListener::connect_with(&self.pool)
            .await
            .unwrap_or_else(|error| panic!("cannot listen: {error}"));
        changes
            .listen(CHANNEL)
            .await
            .unwrap_or_else(|error| panic!("cannot listen: {error}"));
        let query = format!("select where {condition}");
        while self.rows(&query).await.is_empty() {
            // An error means that a test cut connections; the listener opens a new one by itself.
            drop(changes.try_recv().await);
        }
    }
}

async fn rows(pool: &PgPool, query: &str) -> Result<Vec<String>, sqlx::Error> {
    // The simple protocol brings every value as text.
    let rows = sqlx::raw_sql(AssertSqlSafe(query)).fetch_all(pool).await?;
    rows.iter().map(text_of).collect()
}

fn text_of(row: &PgRow) -> Result<String, sqlx::Error> {
    let columns: Result<Vec<&str>, _> = (0..row.len())
        .map(|column| row.try_get_raw(column).map(|value| value.as_str().unwrap_or_default()))
        .collect();
    columns.map(|columns| columns.join("|"))
}
