//! Opening a pool, with an error that says what to do.

use std::{
    str::FromStr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    Connection, Executor, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::pooler::are_no_sessions;

/// How long a client waits for the answer to a statement: longer than the 30 s that the server gives any one, so that it
/// only ends the wait for a server that is gone without a word.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(35);

/// What limits a session, and what its statements see: the work of others up to their own beginning, whatever the database's
/// default is. Nothing is compiled: of a long statement that reads little, the server expects much and compiles for longer than it
/// runs. A statement and no option of the start: PgBouncer refuses those, also in session mode.
const LIMITS: &str = "set statement_timeout = '30s'; set idle_in_transaction_session_timeout = '10s'; \
     set default_transaction_isolation = 'read committed'; set jit = off";

/// Gives a connection the limits that those of [`connect`] have: for pools that are opened otherwise.
///
/// # Errors
///
/// What the driver says when the connection breaks.
pub async fn limit_session(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    connection.execute(LIMITS).await.map(drop)
}

static HAS_SESSIONS: AtomicBool = AtomicBool::new(false);

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
        source: Box<sqlx::Error>,
    },
    /// There is a pooler in transaction mode between.
    #[error(
        "database `{database}` at {host}:{port} is reached through a connection pooler in transaction mode, and a process of \
         the fleet needs sessions of its own: there it would not hear of new jobs and of cancellations (LISTEN), its lease \
         would wait behind other clients, and its prepared statements would get lost; let DATABASE_URL name the PostgreSQL \
         server itself, or a pool in session mode"
    )]
    Pooler {
        /// Where we tried.
        host: String,
        /// At which port.
        port: u16,
        /// Which database.
        database: String,
    },
}

/// Opens a pool of sessions, and proves with two connections that they are such.
///
/// Connections are opened on demand up to `size`, named `application_name` in `pg_stat_activity`, and limited to 30 s
/// for any one statement, so that a lost server cannot hold a process for ever.
///
/// # Errors
///
/// [`ConnectError`] when the URL is malformed, the server cannot be reached within 5 s, or a pooler in transaction mode
/// stands in front of it.
pub async fn connect(url: &SecretString, size: PoolSize, application_name: &str) -> Result<PgPool, ConnectError> {
    let options = options(url, application_name)?;
    // Connections of our own first: the pool would wait out its acquire time on a wrong password too.
    let (mut one, mut other) = (open(&options).await?, open(&options).await?);
    let no_sessions = are_no_sessions(&mut one, &mut other).await;
    one.close().await.ok();
    other.close().await.ok();
    if no_sessions.map_err(|source| unreachable(&options, source))? {
        return Err(ConnectError::Pooler {
            host: options.get_host().to_owned(),
            port: options.get_port(),
            database: options.get_database().unwrap_or_default().to_owned(),
        });
    }
    HAS_SESSIONS.store(true, Ordering::Relaxed);
    let pool = pool(size).after_connect(|connection, _| Box::pin(limit_session(connection)));
    Ok(pool.connect_lazy_with(options))
}

/// Whether [`connect`] has proven that this process has sessions, so that its statements may have names on the server and need
/// not be read anew each time. A process that enqueues by way of a pooler in transaction mode does not call it.
pub fn has_sessions() -> bool {
    HAS_SESSIONS.load(Ordering::Relaxed)
}

/// Opens a pool whose connections may come by way of any connection pooler, and proves it with one of them. Only what
/// [`sessionless`](crate::sessionless()) and [`begin`](crate::begin()) run on it is safe and limited there.
///
/// # Errors
///
/// [`ConnectError`] when the URL is malformed or the server cannot be reached within 5 s.
pub async fn connect_sessionless(
    url: &SecretString,
    size: PoolSize,
    application_name: &str,
) -> Result<PgPool, ConnectError> {
    let options = options(url, application_name)?;
    open(&options).await?.close().await.ok();
    Ok(pool(size).connect_lazy_with(options))
}

/// What is said at the start of a connection. Not more than PgBouncer lets pass without being told to: no number of digits for
/// floats, which travel in binary anyway.
fn options(url: &SecretString, application_name: &str) -> Result<PgConnectOptions, ConnectError> {
    let options = PgConnectOptions::from_str(url.expose_secret()).map_err(ConnectError::Url)?;
    Ok(options.application_name(application_name).extra_float_digits(None))
}

fn pool(size: PoolSize) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(size.0)
        .acquire_timeout(Duration::from_secs(5))
}

async fn open(options: &PgConnectOptions) -> Result<PgConnection, ConnectError> {
    PgConnection::connect_with(options)
        .await
        .map_err(|source| unreachable(options, source))
}

fn unreachable(options: &PgConnectOptions, source: sqlx::Error) -> ConnectError {
    ConnectError::Connect {
        host: options.get_host().to_owned(),
        port: options.get_port(),
        database: options.get_database().unwrap_or_default().to_owned(),
        user: options.get_username().to_owned(),
        way_out: way_out(&source),
        source: Box::new(source),
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
