//! The bus: how every process reaches PostgreSQL, brings its schema up to date and checks that it is.

mod connect;
mod desk;
mod pooler;
mod refusal;
mod renaming;
mod schema;
mod schema_name;
mod sessionless;
mod transaction;

pub use connect::{ANSWER_LIMIT, ConnectError, PoolSize, connect, connect_sessionless, has_sessions, limit_session};
pub use desk::{Asked, Desk, MOST_TOGETHER};
pub use refusal::Refusal;
pub use schema::{SchemaError, check_schema, migrate};
pub use schema_name::{SchemaName, SchemaNameError, SchemaTaken, serve_schema, served_schema, sql};
pub use sessionless::{Sessionless, begin, sessionless};
pub use transaction::transaction;
