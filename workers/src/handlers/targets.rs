//! Outputs that become rows of the tables that narratives name as their targets.

use botticelli_content::{Batch, Origin, ReadableTables, Shape, StoreError};
use botticelli_narrative::{Output, RefusedAnswer, Row, Target};
use serde_json::Value;

use super::POSTS;

/// Rows of one output.
#[derive(Debug)]
pub(crate) struct TargetRows {
    target: Target,
    output: Output,
    rows: Vec<Row>,
}

/// The rows that `outputs` with a target are, and what is wrong with those that are none. Posts are not among them.
pub(crate) fn target_rows(outputs: Vec<Output>) -> (Vec<TargetRows>, Vec<String>) {
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for mut output in outputs {
        let Some(target) = output.target.take().filter(|target| !is_of_posts(target)) else {
            continue;
        };
        match rows_of(output.json.take()) {
            Some(rows) => found.push(TargetRows { target, output, rows }),
            None => wrong.push(format!(
                "the reply of act `{}` of narrative `{}` is no row for `{}`: it must be a JSON object, or a list of them",
                output.act, output.narrative, target.table
            )),
        }
    }
    (found, wrong)
}

/// Whether what belongs there are posts.
pub(crate) fn is_of_posts(target: &Target) -> bool {
    POSTS.contains(&target.table.as_str())
}

pub(crate) fn rows_of(json: Option<Value>) -> Option<Vec<Row>> {
    let row = |item| match item {
        Value::Object(row) => Some(row),
        _ => None,
    };
    match json? {
        Value::Object(row) => Some(vec![row]),
        Value::Array(items) => items.into_iter().map(row).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

impl TargetRows {
    /// The step whose record has the answer that they come from.
    pub(crate) fn step(&self) -> &str {
        &self.output.step
    }

    /// That answer, which cannot be stored.
    pub(crate) fn refused(&self, why: String) -> RefusedAnswer {
        RefusedAnswer {
            reply: self.output.text.clone(),
            why,
        }
    }

    /// The same as the room of tables wants it.
    pub(crate) fn batch<'a>(&'a self, run_id: i64, readable: &'a ReadableTables) -> Batch<'a> {
        let output = &self.output;
        Batch {
            target: content_target(&self.target, output.schema.as_deref(), readable),
            rows: &self.rows,
            origin: Origin {
                run_id,
                narrative: &output.narrative,
                act: &output.act,
                iteration: output.iteration,
                model: output.model.as_deref(),
                prompt_hash: output.prompt_hash.as_deref(),
            },
        }
    }
}

/// A target as the room of tables wants it; `schema` is that of the act whose output is stored.
pub(crate) fn content_target<'a>(
    target: &'a Target,
    schema: Option<&'a Value>,
    readable: &'a ReadableTables,
) -> botticelli_content::Target<'a> {
    let shape = match (&target.template, schema) {
        (Some(template), _) => Shape::Like { template, readable },
        (None, Some(schema)) => Shape::Declared(schema),
        (None, None) => Shape::Inferred,
    };
    botticelli_content::Target {
        table: &target.table,
        shape,
    }
}

/// Whether another answer of the model may be stored.
pub(crate) fn is_of_answer(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Missing { .. }
            | StoreError::Misfit(_)
            | StoreError::Refused { .. }
            | StoreError::SameColumn { .. }
            | StoreError::NoName { .. }
            | StoreError::NoColumn { .. }
            | StoreError::TooManyColumns { .. }
            | StoreError::Generated { .. }
    )
}
