//! Tables as inputs: what is asked of them, and how their rows become text.

mod filter;
mod order;
mod query;
mod rendering;

pub use filter::{Comparison, Condition, Filter, Literal, Test};
pub use order::Order;
pub use query::TableQuery;

pub(crate) use query::is_identifier;
pub(crate) use rendering::{Format, plain, render};

/// A fragment of a query that is not in the accepted grammar.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FragmentError {
    /// The byte in the fragment where it leaves the grammar.
    pub(crate) offset: usize,
    /// What is wrong there.
    pub(crate) detail: String,
}
