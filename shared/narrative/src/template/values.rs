//! What names stand for in one act of a run.

use std::{collections::BTreeMap, fmt, sync::Arc};

use minijinja::value::{Object, Serde, Value};

use super::{
    Expression, Template, TemplateError,
    engine::{ENGINE, LONGEST, explain},
};

/// What an act left behind for templates.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) act: Arc<str>,
    pub(crate) text: Arc<str>,
    pub(crate) json: Option<Arc<serde_json::Value>>,
}

/// What names stand for in one act.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    /// The replies of the acts before, oldest first.
    pub(crate) replies: &'a [Reply],
    /// The tables that were read, by their aliases, as they were written into prompts.
    pub(crate) tables: &'a BTreeMap<String, Arc<str>>,
    pub(crate) iteration: u32,
    pub(crate) iterations: u32,
    /// The counter of the act's own repetitions, from 1, and its end.
    pub(crate) repetition: (u32, u32),
    pub(crate) arguments: &'a serde_json::Map<String, serde_json::Value>,
    pub(crate) environment: &'a BTreeMap<String, String>,
    pub(crate) state: &'a BTreeMap<String, serde_json::Value>,
}

impl Template {
    /// The text with every name replaced.
    pub(crate) fn render(&self, values: &Values<'_>) -> Result<String, TemplateError> {
        if let Some(pieces) = &self.pieces {
            return self.joined(pieces, values);
        }
        let Some(jinja) = &self.jinja else {
            return Ok(self.written.as_ref().to_owned());
        };
        let rendered = ENGINE.render_named_str("text", jinja, values.of(self));
        let text = rendered.map_err(|error| self.failed(&explain(&error)))?;
        if text.len() > LONGEST {
            return Err(self.too_long());
        }
        Ok(text)
    }

    pub(super) fn too_long(&self) -> TemplateError {
        self.failed(&format!("it becomes longer than {} MiB", LONGEST >> 20))
    }

    fn failed(&self, detail: &str) -> TemplateError {
        const SHOWN: usize = 60;
        let line = self.written.trim().lines().next().unwrap_or_default();
        let mut text: String = line.chars().take(SHOWN).collect();
        if text.len() < self.written.trim().len() {
            text.push('…');
        }
        TemplateError {
            detail: detail.to_owned(),
            text,
        }
    }
}

impl Expression {
    /// Whether it holds.
    pub(crate) fn holds(&self, values: &Values<'_>) -> Result<bool, TemplateError> {
        let Self(template) = self;
        let source = template.jinja.as_deref().unwrap_or(&template.written);
        ENGINE
            .compile_expression(source)
            .and_then(|expression| expression.eval(values.of(template)))
            .map(|value| value.is_true())
            .map_err(|error| template.failed(&explain(&error)))
    }
}

impl Values<'_> {
    /// The values of the names that `template` uses.
    fn of(&self, template: &Template) -> Value {
        let heads = template.heads.iter();
        let values = heads.filter_map(|head| Some((head.clone(), self.value(head)?)));
        values.collect::<BTreeMap<String, Value>>().into()
    }

    fn value(&self, head: &str) -> Option<Value> {
        if let Some(reply) = self.replies.iter().rev().find(|reply| &*reply.act == head) {
            return Some(reply.value());
        }
        Some(match head {
            "previous" => self.replies.last()?.value(),
            "iteration" => self.iteration.into(),
            "iterations" => self.iterations.into(),
            "repetition" => self.repetition.0.into(),
            "repetitions" => self.repetition.1.into(),
            "acts" => Value::from_pairs(self.replies.iter().map(|reply| (reply.act.to_string(), reply.value()))),
            "args" => Value::from_pairs(
                // A null counts as no argument.
                (self.arguments.iter().filter(|(_, value)| !value.is_null()))
                    .map(|(key, value)| (key.clone(), Value::from(Serde(value.clone())))),
            ),
            "env" => Value::from_pairs(
                self.environment
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone())),
            ),
            "state" => Value::from_pairs(
                (self.state.iter()).map(|(key, value)| (key.clone(), Value::from(Serde(value.clone())))),
            ),
            table => Value::from(Arc::clone(self.tables.get(table)?)),
        })
    }
}

impl Reply {
    /// What an act has left that has not said anything.
    pub(crate) fn nothing(act: &str) -> Self {
        Self {
            act: Arc::from(act),
            text: Arc::from(""),
            json: None,
        }
    }

    fn value(&self) -> Value {
        match &self.json {
            None => Value::from(Arc::clone(&self.text)),
            Some(json) => Value::from_object(ReplyText {
                text: Arc::clone(&self.text),
                json: Arc::clone(json),
            }),
        }
    }
}

/// A reply that is JSON: its text where it is written out, and its parts by their names.
#[derive(Debug)]
pub(crate) struct ReplyText {
    text: Arc<str>,
    json: Arc<serde_json::Value>,
}

impl Object for ReplyText {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let part = match (key.as_str(), key.as_usize()) {
            (Some("json"), _) => Some(&*self.json),
            (Some("text"), _) if self.json.get("text").is_none() => return Some(Value::from(Arc::clone(&self.text))),
            (Some(name), _) => self.json.get(name),
            (None, Some(index)) => self.json.get(index),
            (None, None) => None,
        };
        part.map(|part| Value::from(Serde(part.clone())))
    }

    fn is_true(self: &Arc<Self>) -> bool {
        !self.text.is_empty()
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}
