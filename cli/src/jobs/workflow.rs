//! `botticelli jobs workflow`.

use anyhow::{Result, bail};
use botticelli_lifecycle::Ending;
use botticelli_queue::{WorkflowId, cancel_workflow, workflow};
use serde_json::json;
use sqlx::PgPool;

use super::Workflow;
use crate::table::{short, table};

pub(super) async fn run(pool: &PgPool, arguments: &Workflow, by: &str) -> Result<Ending> {
    let id = arguments.id;
    if arguments.cancel {
        let jobs = cancel_workflow(pool, WorkflowId(id), arguments.reason.as_deref(), by).await?;
        let answer = json!({ "workflow": id, "cancelled": jobs });
        return arguments.form.write(&answer, |_| {
            format!("{jobs} jobs of workflow {id} are cancelled, or their workers have been told to stop them\n")
        });
    }
    let steps = workflow(pool, WorkflowId(id)).await?;
    if steps.is_empty() {
        bail!("there is no workflow {id}; it is unknown, or it has been pruned");
    }
    arguments.form.write(&steps, |steps| {
        let rows: Vec<_> = steps
            .iter()
            .map(|step| {
                let needs: Vec<String> = step.needs.iter().map(ToString::to_string).collect();
                [
                    step.id.to_string(),
                    short(&step.name),
                    step.queue.clone().unwrap_or_default(),
                    step.state.clone().unwrap_or_default(),
                    short(&needs.join(", ")),
                    step.parent_id.map(|parent| parent.to_string()).unwrap_or_default(),
                ]
            })
            .collect();
        table(["ID", "NAME", "QUEUE", "STATE", "WAITS FOR", "ASKED FOR BY"], &rows)
    })
}
