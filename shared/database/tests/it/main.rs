//! What the bus promises, on a real server and behind a real PgBouncer.

mod beginning;
mod limits;
mod poolers;
mod schemas;

use botticelli_database::{PoolSize, connect};
use secrecy::SecretString;
use sqlx::PgPool;

type TestResult = Result<(), Box<dyn std::error::Error>>;

const SIZE: PoolSize = PoolSize(4);

async fn pool(url: &str) -> Result<PgPool, botticelli_database::ConnectError> {
    connect(&SecretString::from(url), SIZE, "a test").await
}
