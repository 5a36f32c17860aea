//! What is said: narratives, which are prompts of several acts written in TOML, and the executor that plays them.
//!
//! [`parse`] turns a document into [`NarrativeFile`], checking everything that can be checked without running it:
//! keys, references, templates, ranges, filters and cycles, each refused with its line and column. [`run`] plays one
//! [`Narrative`] of it against [`Ports`]: a language model, a reader of tables and a store of checkpoints.
//!
//! # Templates
//!
//! Text inputs and `system` texts may hold `{{NAME}}` or, with the same meaning, `${NAME}`:
//!
//! | name | stands for |
//! |---|---|
//! | `previous` | the reply of the act before |
//! | `ACT` | the reply of an earlier act of the same narrative |
//! | `ACT.json`, `ACT.json.tags.0` | the JSON reply of an act with a `schema`, or a part of it |
//! | `iteration`, `iterations` | the carousel's counter, from 1, and its end |
//! | `args.KEY`, `args.KEY\|text` | an argument of the run; the text after the bar where the run has none |
//!
//! `{{{{` and `$${` write the literal braces. What a template brings in is never expanded again.

mod document;
mod executor;
mod load;
mod narrative;
mod ports;
mod table;
mod template;

pub use executor::{ActFailure, NarrativeRun, Output, RunError, RunOptions, run};
pub use load::{NarrativeError, NarrativeFile, parse};
pub use narrative::{Act, Budget, Carousel, Narrative};
pub use ports::{ActRecord, Checkpoints, PortError, PortFuture, Ports, Row, TableReader};
pub use table::{Comparison, Condition, Filter, Literal, Order, TableQuery, Test};
pub use template::TemplateError;
