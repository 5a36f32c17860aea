//! Talking to the server as its superuser.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use super::ClusterError;

/// The role that `initdb` makes, and the only one there is.
pub(super) const SUPERUSER: &str = "botticelli";

/// A server that is stopped with SIGSTOP still accepts connections, so every attempt has an end.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How to reach the server on the loopback.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) port: u16,
    pub(super) password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Login")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// What came of one attempt to connect.
pub(super) enum Answer {
    Ready(PgConnection),
    /// There is nobody yet, or it asks to come back.
    NotYet,
    /// It is a server, but not one that knows our password.
    WrongPassword,
}

impl Login {
    pub(super) fn url(&self, database: &str) -> String {
        // The password is hexadecimal, so nothing needs escaping. The loopback carries no TLS.
        format!(
            "postgres://{SUPERUSER}:{}@127.0.0.1:{}/{database}?sslmode=disable",
            self.password, self.port
        )
    }

    /// Tries once to connect to the maintenance database.
    pub(super) async fn knock(&self) -> Answer {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username(SUPERUSER)
            .password(&self.password)
            .database("postgres")
            .ssl_mode(PgSslMode::Disable)
            .disable_statement_logging();
        match tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(&options)).await {
            Ok(Ok(connection)) => Answer::Ready(connection),
            Ok(Err(sqlx::Error::Database(refusal))) if refusal.code().as_deref() == Some("28P01") => {
                Answer::WrongPassword
            }
            Ok(Err(_)) | Err(_) => Answer::NotYet,
        }
    }

    pub(super) async fn create_database(&self, name: &str) -> Result<(), ClusterError> {
        let failed = |source| ClusterError::Statement {
            action: "create the database",
            source,
        };
        let Answer::Ready(mut connection) = self.knock().await else {
            return Err(failed(sqlx::Error::PoolClosed));
        };
        let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&mut connection)
            .await
            .map_err(failed)?;
        if !exists {
            sqlx::raw_sql(AssertSqlSafe(format!("create database \"{name}\"")))
                .execute(&mut connection)
                .await
                .map_err(failed)?;
        }
        connection.close().await.map_err(failed)
    }
}
