//! The tables that narratives read and write.
//!
//! A narrative's input may be rows of a table ([`read_rows()`], [`pull_rows()`]), and what it says may become rows of one
//! ([`store_batches()`]). The tables of narratives are in a schema of their own, which is called like the fleet's with
//! `_content` behind it and is made when it is first needed. Narratives come from people and their outputs from models, so
//! nothing that they say is ever a piece of a statement: names are looked up in the catalogue and put into quotes in one
//! place, values are bound.
//!
//! Nothing is deleted here. Rows that a job takes note who took them, and nobody else is given them.

mod catalogue;
mod check;
mod column_name;
mod column_type;
mod condition;
mod ensure;
mod identifier;
mod matching;
mod misfit;
mod pull;
mod read;
mod read_error;
mod readable;
mod schema;
mod state;
mod store;
mod store_error;
mod table_name;
mod target;
mod time_limit;
mod update;

pub use check::{Mistake, QueryPart, check};
pub use ensure::ensure_target;
pub use pull::{Puller, give_back, pull_rows};
pub use read::read_rows;
pub use read_error::ReadError;
pub use state::{Scope, StateEntry, StateError, load_state, save_state};
pub use store::{store_batches, store_rows, try_rows};
pub use store_error::{BatchError, Misfit, StoreError};
pub use table_name::{ReadableTables, TableNameError};
pub use target::{Batch, Origin, Shape, Target};
pub use update::{Changes, update_rows};
