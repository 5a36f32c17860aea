//! Tables as inputs: what is asked of them, and how their rows become text.

mod filter;
mod fragment;
mod interval;
mod order;
mod query;
mod rendering;

pub use filter::{Comparison, Condition, Filter, Literal, Moment, MomentBase, Operand, Shift, Test};
pub use fragment::FragmentError;
pub use interval::{Interval, Unit};
pub use order::{Nulls, Order};
pub use query::TableQuery;

pub(crate) use query::is_identifier;
pub(crate) use rendering::{Format, plain, render};
