//! Opening a pool, with an error that says what to do.

use std::{str::FromStr, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// How long a client waits for the answer to a statement: longer than the 30 s that the server gives any one, so that it
/// only ends the wait for a server that is gone without a word.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(35);

/// How many connections a process may hold at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSize(pub u32);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL cannot be read. It is not repeated here, because it holds a password.
    #[error("the database URL is not of the form `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`")]
    Url(#[source] sqlx::Error),
    /// The server did not let us in.
    #[error("database `{database}` at {host}:{port} cannot be reached as `{user}`: {way_out}")]
    Connect {
        /// Where we tried.
        host: String,
        /// At which port.
        port: u16,
        /// Which database.
        database: String,
        /// As whom.
        user: String,
        /// What to check, chosen by the server's answer.
        way_out: &'static str,
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
}

/// Opens a pool and proves it with one connection.
///
/// Connections are opened on demand up to `size`, named `application_name` in `pg_stat_activity`, and limited to 30 s
/// for any one statement, so that a lost server cannot hold a process for ever.
///
/// # Errors
///
/// [`ConnectError`] when the URL is malformed or the server cannot be reached within 5 s.
pub async fn connect(url: &SecretString, size: PoolSize, application_name: &str) -> Result<PgPool, ConnectError> {
    let options = PgConnectOptions::from_str(url.expose_secret())
        .map_err(ConnectError::Url)?
        .application_name(application_name)
        .options([
            ("statement_timeout", "30s"),
            ("idle_in_transaction_session_timeout", "60s"),
        ]);
    let pool = PgPoolOptions::new()
        .max_connections(size.0)
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy_with(options.clone());
    // One connection of our own first: the pool would wait out its acquire time on a wrong password too.
    match sqlx::ConnectOptions::connect(&options).await {
        Ok(connection) => {
            sqlx::Connection::close(connection).await.ok();
            Ok(pool)
        }
        Err(source) => Err(ConnectError::Connect {
            host: options.get_host().to_owned(),
            port: options.get_port(),
            database: options.get_database().unwrap_or_default().to_owned(),
            user: options.get_username().to_owned(),
            way_out: way_out(&source),
            source,
        }),
    }
}

/// What to check, by SQLSTATE (PostgreSQL documentation, appendix A).
fn way_out(error: &sqlx::Error) -> &'static str {
    let code = error
        .as_database_error()
        .and_then(|error| error.code().map(std::borrow::Cow::into_owned));
    match code.as_deref() {
        Some("28P01" | "28000") => "the server refused the user or password; correct DATABASE_URL",
        Some("3D000") => "there is no such database; create it, or correct DATABASE_URL",
        Some("53300") => "the server has no connection left; raise max_connections or run fewer processes",
        Some("57P03") => "the server is starting up; try again in a moment",
        _ => "check that the server runs and that DATABASE_URL names its host and port",
    }
}
