//! The bus: how every process reaches PostgreSQL, brings its schema up to date and checks that it is.

mod connect;
mod renaming;
mod schema;
mod schema_name;

pub use connect::{ANSWER_LIMIT, ConnectError, PoolSize, connect};
pub use schema::{SchemaError, check_schema, migrate};
pub use schema_name::{SchemaName, SchemaNameError, SchemaTaken, serve_schema, served_schema, sql};
