//! What is said: narratives, which are prompts of several acts written in TOML, and the executor that plays them.
//!
//! [`check()`] reads a document and says everything that is wrong with it: keys, references, templates, ranges, filters,
//! commands and cycles, each with its line and column; [`parse`] gives the [`NarrativeFile`] or all of that as an error.
//! [`run`] plays one [`Narrative`] of it against [`Ports`]: models, a ledger, tables, commands, media, state and a store of
//! checkpoints.
//!
//! # Templates
//!
//! Every text may hold names, in Jinja's language and strict, as `{{ NAME }}` or, with the same meaning, `${NAME}`:
//!
//! | name | stands for |
//! |---|---|
//! | `previous` | the reply of the act before |
//! | `ACT`, `acts["ACT"]` | the reply of an earlier act of the same narrative |
//! | `ACT.json.tags[0]`, `ACT.tags[0]` | a part of a reply that is JSON |
//! | `TABLE` | a table that was read, by its alias or name, as it was written into the prompt |
//! | `iteration`, `iterations` | the carousel's counter, from 1, and its end |
//! | `repetition`, `repetitions` | the same of an act's own carousel |
//! | `args.KEY` | an argument of the run |
//! | `env:VAR`, `VAR` in capitals | a variable of the environment that narratives may use |
//! | `state:KEY` | what an earlier run kept with `state_capture` |
//!
//! `{{ args.KEY | default("…") }}` says what stands in for what is not there, `$${` writes the literal signs, and so does
//! `{% raw %}`. What a template brings in is never expanded again.

mod check;
mod document;
mod executor;
mod json_path;
mod json_schema;
mod narrative;
mod ports;
mod table;
mod template;

pub use check::{
    ArgumentKind, CommandProblem, Commands, Diagnostic, Files, NarrativeError, NarrativeFile, Place, Report, Severity,
    Surroundings, check, open, parse,
};
pub use executor::{ActFailure, NarrativeRun, Output, RunError, RunOptions, run};
pub use json_path::JsonPath;
pub use json_schema::json_schema;
pub use narrative::{
    Act, AskedModel, AskedModels, AskedTable, Budget, Carousel, ModelChoice, Narrative, Needs, Spend, Target,
};
pub use ports::{
    ActRecord, Audience, Checkpoints, CommandCall, CommandRunner, Ledger, MediaFetcher, Models, NoLedger, Nothing,
    OneModel, PlannedCall, PortError, PortFuture, Ports, Receipt, RefusedAnswer, Reserved, Route, Row, StateReader,
    TableReader, Ticket,
};
pub use table::{
    Comparison, Condition, Filter, FragmentError, Interval, Literal, Moment, MomentBase, Nulls, Operand, Order, Shift,
    TableQuery, Test, Unit,
};
pub use template::TemplateError;
