//! From template to text.

use serde_json::Value;

use super::{Name, Part, Selection, Template};
use crate::table::plain;

/// What an act left behind for templates.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) act: String,
    pub(crate) text: String,
    pub(crate) json: Option<Value>,
}

/// What names stand for in one act.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    /// The replies of the acts before, oldest first.
    pub(crate) replies: &'a [Reply],
    pub(crate) iteration: u32,
    pub(crate) iterations: u32,
    pub(crate) arguments: &'a serde_json::Map<String, Value>,
}

/// Why a template has no text in this run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The run lacks an argument that the text needs.
    #[error("the run has no argument `{key}`; pass it, or write `{{{{args.{key}|default}}}}`")]
    MissingArgument {
        /// The argument.
        key: String,
    },
    /// The named act has no reply.
    #[error("act `{act}` has no reply here")]
    MissingReply {
        /// The act.
        act: String,
    },
    /// The reply's JSON has no such part.
    #[error("the reply of act `{act}` has no `{path}`")]
    MissingPart {
        /// The act.
        act: String,
        /// The dotted path in its JSON.
        path: String,
    },
}

impl Template {
    /// The text with every name replaced.
    pub(crate) fn render(&self, values: &Values<'_>) -> Result<String, TemplateError> {
        self.parts.iter().try_fold(String::new(), |mut text, part| {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Name(placeholder) => text.push_str(&values.text_of(&placeholder.name)?),
            }
            Ok(text)
        })
    }
}

impl Values<'_> {
    fn text_of(&self, name: &Name) -> Result<String, TemplateError> {
        match name {
            Name::Iteration => Ok(self.iteration.to_string()),
            Name::Iterations => Ok(self.iterations.to_string()),
            Name::Argument { key, default } => match (self.arguments.get(key), default) {
                (Some(value), _) if !value.is_null() => Ok(plain(value)),
                (_, Some(default)) => Ok(default.clone()),
                (_, None) => Err(TemplateError::MissingArgument { key: key.clone() }),
            },
            Name::Previous(selection) => select("previous", self.replies.last(), selection),
            Name::Act(act, selection) => select(act, self.replies.iter().find(|reply| reply.act == *act), selection),
        }
    }
}

fn select(act: &str, reply: Option<&Reply>, selection: &Selection) -> Result<String, TemplateError> {
    let reply = reply.ok_or_else(|| TemplateError::MissingReply { act: act.to_owned() })?;
    match selection {
        Selection::Text => Ok(reply.text.clone()),
        Selection::Json(path) => reply
            .json
            .as_ref()
            .and_then(|json| path.iter().try_fold(json, part_of))
            .map(plain)
            .ok_or_else(|| TemplateError::MissingPart {
                act: reply.act.clone(),
                path: path.join("."),
            }),
    }
}

fn part_of<'a>(value: &'a Value, step: &String) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => fields.get(step),
        Value::Array(elements) => step.parse().ok().and_then(|index: usize| elements.get(index)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}
