//! The bus: how every process reaches PostgreSQL, brings its schema up to date and checks that it is.

mod connect;
mod schema;

pub use connect::{ANSWER_LIMIT, ConnectError, PoolSize, connect};
pub use schema::{SchemaError, check_schema, migrate};
