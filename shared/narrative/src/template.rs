//! Texts with names in them.

mod parsing;
mod rendering;

pub use rendering::TemplateError;

pub(crate) use parsing::{RESERVED, is_reserved};
pub(crate) use rendering::{Reply, Values};

/// A text whose names are known, in the order in which they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(Placeholder),
}

/// One name in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placeholder {
    /// The byte in the text where it starts.
    pub(crate) offset: usize,
    /// What it stands for.
    pub(crate) name: Name,
}

/// What a placeholder stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    /// The reply of the act before.
    Previous(Selection),
    /// The reply of a named act.
    Act(String, Selection),
    /// The carousel's counter.
    Iteration,
    /// The carousel's end.
    Iterations,
    /// An argument of the run, with what stands in for it.
    Argument { key: String, default: Option<String> },
}

/// Which part of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All of its text.
    Text,
    /// The part of its JSON that these steps lead to.
    Json(Vec<String>),
}

/// A text that is not a template, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    /// The byte in the text where the mistake starts.
    pub(crate) offset: usize,
    /// What is wrong there.
    pub(crate) detail: String,
}

impl Template {
    /// The names in this text.
    pub(crate) fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.parts.iter().filter_map(|part| match part {
            Part::Name(placeholder) => Some(placeholder),
            Part::Text(_) => None,
        })
    }

    /// The arguments without which this text cannot be rendered.
    pub(crate) fn required_arguments(&self) -> impl Iterator<Item = &str> {
        self.placeholders().filter_map(|placeholder| match &placeholder.name {
            Name::Argument { key, default: None } => Some(key.as_str()),
            _ => None,
        })
    }
}
