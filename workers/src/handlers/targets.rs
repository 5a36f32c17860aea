//! Outputs that become rows of the tables that narratives name as their targets.

use std::sync::Arc;

use botticelli_content::{Batch, Origin, ReadableTables, Shape, StoreError, Target};
use botticelli_narrative::{Output, Row};
use serde_json::Value;

use super::POSTS;

/// Rows of one output.
#[derive(Debug)]
pub(crate) struct TargetRows {
    table: String,
    template: Option<String>,
    schema: Option<Arc<Value>>,
    rows: Vec<Row>,
    narrative: String,
    act: String,
    iteration: u32,
    model: Option<String>,
    prompt_hash: Option<String>,
    /// The step whose record has the answer that they come from.
    pub(crate) step: String,
}

/// The rows that `outputs` with a target are, and what is wrong with those that are none. Posts are not among them.
pub(crate) fn target_rows(outputs: &[Output]) -> (Vec<TargetRows>, Vec<String>) {
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for output in outputs {
        let Some(target) = output
            .target
            .as_ref()
            .filter(|target| !POSTS.contains(&target.table.as_str()))
        else {
            continue;
        };
        match rows_of(output.json.as_ref()) {
            Some(rows) => found.push(TargetRows {
                table: target.table.clone(),
                template: target.template.clone(),
                schema: output.schema.clone(),
                rows,
                narrative: output.narrative.clone(),
                act: output.act.clone(),
                iteration: output.iteration,
                model: output.model.clone(),
                prompt_hash: output.prompt_hash.clone(),
                step: output.step.clone(),
            }),
            None => wrong.push(format!(
                "the reply of act `{}` of narrative `{}` is no row for `{}`: it must be a JSON object, or a list of them",
                output.act, output.narrative, target.table
            )),
        }
    }
    (found, wrong)
}

fn rows_of(json: Option<&Value>) -> Option<Vec<Row>> {
    match json? {
        Value::Object(row) => Some(vec![row.clone()]),
        Value::Array(items) => items.iter().map(|item| item.as_object().cloned()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

impl TargetRows {
    /// The same as the room of tables wants it.
    pub(crate) fn batch<'a>(&'a self, run_id: i64, readable: &'a ReadableTables) -> Batch<'a> {
        let shape = match (&self.template, &self.schema) {
            (Some(template), _) => Shape::Like { template, readable },
            (None, Some(schema)) => Shape::Declared(schema),
            (None, None) => Shape::Inferred,
        };
        Batch {
            target: Target {
                table: &self.table,
                shape,
            },
            rows: &self.rows,
            origin: Origin {
                run_id,
                narrative: &self.narrative,
                act: &self.act,
                iteration: self.iteration,
                model: self.model.as_deref(),
                prompt_hash: self.prompt_hash.as_deref(),
            },
        }
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
