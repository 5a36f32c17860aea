//! The schema's version: bringing it up to date, and checking that it is.

use std::sync::LazyLock;

use sqlx::{
    AssertSqlSafe, Connection, Executor, PgConnection, PgPool, SqlSafeStr,
    migrate::{Migration, Migrator},
    postgres::PgConnectOptions,
};

use crate::{
    pooler::are_no_sessions,
    renaming::renamed,
    schema_name::{SchemaName, served_schema, sql},
    sessionless::sessionless,
};

/// The files of `migrations/`, compiled in, so that a binary knows the schema it was built for. What was applied is noted
/// in our own schema: a name without one would be looked for wherever the role's search path leads at the time.
///
/// Each fleet of a database notes its own, with the checksums of the files as they are written: what is rewritten is only
/// what is sent.
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let schema = served_schema();
    let mut files: Vec<Migration> = sqlx::migrate!("../../migrations").iter().cloned().collect();
    if !schema.is_written() {
        for file in &mut files {
            file.sql = AssertSqlSafe(renamed(file.sql.as_str(), schema)).into_sql_str();
        }
    }
    let mut migrations = Migrator::with_migrations(files);
    // In quotes: a word of SQL may be the name of a schema.
    migrations.create_schema(format!("\"{schema}\""));
    migrations.dangerous_set_table_name(sql("botticelli._sqlx_migrations"));
    migrations
});

/// Why the schema is not what this binary needs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// A migration failed; it was rolled back, and the ones before it stay.
    #[error("the database schema could not be brought up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// The schema is older than this binary.
    #[error(
        "the database schema `{schema}` is at version {found}, this binary needs {needed}; run `botticelli migrate`"
    )]
    Behind {
        /// The schema of the fleet.
        schema: &'static SchemaName,
        /// The newest migration applied; 0 when there is none.
        found: i64,
        /// The newest migration that this binary knows.
        needed: i64,
    },
    /// There is a pooler in transaction mode between.
    #[error(
        "the database is reached through a connection pooler in transaction mode, where the lock that lets one process at a \
         time migrate cannot be held; let DATABASE_URL name the PostgreSQL server itself, or a pool in session mode"
    )]
    Pooler,
    /// The version could not be read.
    #[error("the version of the database schema could not be read")]
    Read(#[source] sqlx::Error),
}

/// Applies the migrations that are missing, one process at a time (an advisory lock makes the others wait).
///
/// # Errors
///
/// [`SchemaError::Migrate`] when a migration fails or an applied one was changed afterwards, [`SchemaError::Pooler`] when
/// there is no session to be had.
pub async fn migrate(pool: &PgPool) -> Result<(), SchemaError> {
    // A connection of its own: a migration may take longer than the pool's statement timeout allows.
    let options = pool.connect_options();
    let mut connection = open(&options).await?;
    let mut other = open(&options).await?;
    let no_sessions = are_no_sessions(&mut connection, &mut other).await;
    other.close().await.ok();
    if no_sessions.map_err(SchemaError::Read)? {
        return Err(SchemaError::Pooler);
    }
    connection.execute(PATIENT).await.map_err(SchemaError::Read)?;
    MIGRATIONS.run(&mut connection).await.map_err(SchemaError::Migrate)?;
    connection.close().await.ok();
    Ok(())
}

/// For a session that migrates: as long as it takes, and not a word about a schema that exists already.
const PATIENT: &str = "set statement_timeout = 0; set client_min_messages = warning";

async fn open(options: &PgConnectOptions) -> Result<PgConnection, SchemaError> {
    PgConnection::connect_with(options).await.map_err(SchemaError::Read)
}

/// Checks that every migration this binary knows has been applied. A newer schema is accepted: migrations only expand.
///
/// # Errors
///
/// [`SchemaError::Behind`] when one is missing, [`SchemaError::Read`] when the database does not answer.
pub async fn check_schema(pool: &PgPool) -> Result<(), SchemaError> {
    let needed = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let found = match sqlx::query_scalar::<_, Option<i64>>(sql(
        "select max(version) from botticelli._sqlx_migrations where success",
    ))
    .fetch_one(sessionless(pool))
    .await
    {
        Ok(version) => version.unwrap_or(0),
        // Undefined table or schema: nothing was ever migrated.
        Err(sqlx::Error::Database(error)) if matches!(error.code().as_deref(), Some("42P01" | "3F000")) => 0,
        Err(error) => return Err(SchemaError::Read(error)),
    };
    if found < needed {
        Err(SchemaError::Behind {
            schema: served_schema(),
            found,
            needed,
        })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{SchemaNameError, renaming::renamed};

    #[test]
    fn every_migration_leaves_nothing_of_its_own_name_in_the_schema_of_another_fleet() -> Result<(), SchemaNameError> {
        let schema = "fleet_b".parse()?;
        for file in sqlx::migrate!("../../migrations").iter() {
            let text = renamed(file.sql.as_str(), &schema);
            // In comments the name may stay, and in advice about the program's commands.
            let code = text.lines().map(|line| line.split("--").next().unwrap_or_default());
            let left: Vec<&str> = code
                .filter(|line| line.replace("`botticelli ", "").contains("botticelli"))
                .collect();
            assert_eq!(
                left, [""; 0],
                "{}: write `botticelli.NAME`, `'botticelli'` or a channel",
                file.version
            );
        }
        Ok(())
    }
}
