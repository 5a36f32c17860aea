//! The schema's version: bringing it up to date, and checking that it is.

use std::sync::LazyLock;

use sqlx::{Connection, PgConnection, PgPool, migrate::Migrator};

/// The files of `migrations/`, compiled in, so that a binary knows the schema it was built for. What was applied is noted
/// in our own schema: a name without one would be looked for wherever the role's search path leads at the time.
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!("../../migrations");
    migrations.create_schema("botticelli");
    migrations.dangerous_set_table_name("botticelli._sqlx_migrations");
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
    #[error("the database schema is at version {found}, this binary needs {needed}; run `botticelli migrate`")]
    Behind {
        /// The newest migration applied; 0 when there is none.
        found: i64,
        /// The newest migration that this binary knows.
        needed: i64,
    },
    /// The version could not be read.
    #[error("the version of the database schema could not be read")]
    Read(#[source] sqlx::Error),
}

/// Applies the migrations that are missing, one process at a time (an advisory lock makes the others wait).
///
/// # Errors
///
/// [`SchemaError::Migrate`] when a migration fails or an applied one was changed afterwards.
pub async fn migrate(pool: &PgPool) -> Result<(), SchemaError> {
    // A connection of its own: a migration may take longer than the pool's statement timeout allows.
    let options = (*pool.connect_options()).clone().options([
        ("statement_timeout", "0"),
        // Not that the schema exists already.
        ("client_min_messages", "warning"),
    ]);
    let mut connection = PgConnection::connect_with(&options).await.map_err(SchemaError::Read)?;
    MIGRATIONS.run(&mut connection).await.map_err(SchemaError::Migrate)?;
    connection.close().await.ok();
    Ok(())
}

/// Checks that every migration this binary knows has been applied. A newer schema is accepted: migrations only expand.
///
/// # Errors
///
/// [`SchemaError::Behind`] when one is missing, [`SchemaError::Read`] when the database does not answer.
pub async fn check_schema(pool: &PgPool) -> Result<(), SchemaError> {
    let needed = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let found = match sqlx::query_scalar::<_, Option<i64>>(
        "select max(version) from botticelli._sqlx_migrations where success",
    )
    .fetch_one(pool)
    .await
    {
        Ok(version) => version.unwrap_or(0),
        // Undefined table or schema: nothing was ever migrated.
        Err(sqlx::Error::Database(error)) if matches!(error.code().as_deref(), Some("42P01" | "3F000")) => 0,
        Err(error) => return Err(SchemaError::Read(error)),
    };
    if found < needed {
        Err(SchemaError::Behind { found, needed })
    } else {
        Ok(())
    }
}
