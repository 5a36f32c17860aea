//! `botticelli jobs show`.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use botticelli_lifecycle::Ending;
use botticelli_queue::{JobDetails, JobId, LogLine, Try, find_job, job_log, tries};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;

use super::Form;
use crate::table::{one_line, short, table, time, time_if_any};

/// A job and its claims.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    job: JobDetails,
    tries: Vec<Try>,
    log: Vec<LogLine>,
}

/// Lines of the log that are shown to people.
const SHOWN_LINES: usize = 20;

pub(super) async fn run(pool: &PgPool, id: JobId, form: Form) -> Result<Ending> {
    let Some(job) = find_job(pool, id).await? else {
        bail!("there is no job {id}; it is unknown, or what is known of it has been pruned");
    };
    let tries = tries(pool, id).await?;
    let log = job_log(pool, id).await?;
    form.write(&Shown { job, tries, log }, text)
}

fn text(Shown { job, tries, log }: &Shown) -> String {
    let mut text = format!("job {} of {}: {}\n", job.id, job.queue, job.state);
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            writeln!(text, "  {name:11}{value}").ok();
        }
    };
    line("reason", &one_line(job.reason.as_deref().unwrap_or_default()));
    line("kind", &job.kind);
    line("args", &one_line(&job.args));
    if job.version > 1 {
        line("version", &job.version.to_string());
    }
    line("priority", &job.priority.to_string());
    line(
        "enqueued",
        &format!("{} by {}", time(job.enqueued_at), one_line(&job.source)),
    );
    line("run at", &time(job.run_at));
    line("not after", &time_if_any(job.not_after));
    line("finished", &time_if_any(job.finished_at));
    line(
        "attempts",
        &format!(
            "{}, {} of them not counted; at most {}",
            job.attempt, job.interruptions, job.max_attempts
        ),
    );
    line("worker", &worker(job));
    line("workflow", &job.workflow.map(|id| id.to_string()).unwrap_or_default());
    line("progress", &progress(job));
    line(
        "result",
        &job.result
            .as_ref()
            .map(|result| short(&result.to_string()))
            .unwrap_or_default(),
    );
    line("unique by", job.unique_key.as_deref().unwrap_or_default());
    line("limit key", job.limit_key.as_deref().unwrap_or_default());
    line("trace", job.traceparent.as_deref().unwrap_or_default());
    if !tries.is_empty() {
        let rows: Vec<_> = tries
            .iter()
            .map(|one| {
                [
                    one.attempt.to_string(),
                    time(one.claimed_at),
                    time_if_any(one.ended_at),
                    one.outcome.clone().unwrap_or_else(|| "runs".to_owned()),
                    one.worker_id.map(|worker| worker.to_string()).unwrap_or_default(),
                ]
            })
            .collect();
        text.push('\n');
        text.push_str(&table(
            ["ATTEMPT", "CLAIMED (UTC)", "ENDED (UTC)", "OUTCOME", "WORKER"],
            &rows,
        ));
    }
    let errors = errors(&job.errors);
    if !errors.is_empty() {
        text.push('\n');
        text.push_str(&table(["ATTEMPT", "AT (UTC)", "ERROR"], &errors));
    }
    if !log.is_empty() {
        let left_out = log.len().saturating_sub(SHOWN_LINES);
        let rows: Vec<_> = log[left_out..]
            .iter()
            .map(|line| {
                [
                    line.attempt.to_string(),
                    time(line.at),
                    line.level.clone(),
                    one_line(&line.message),
                ]
            })
            .collect();
        text.push('\n');
        text.push_str(&table(["ATTEMPT", "AT (UTC)", "LEVEL", "LOG"], &rows));
        if left_out > 0 {
            writeln!(text, "{left_out} lines before these; --json has all").ok();
        }
    }
    text
}

/// How far it is, as it told.
fn progress(job: &JobDetails) -> String {
    let of = |total: i64| format!(" of {total}");
    let counted = job
        .done
        .map(|done| format!("{done}{}", job.total.map(of).unwrap_or_default()));
    let note = job.note.as_deref().map(one_line);
    [counted, note].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Who has or had it: name and identity, as far as they are known.
fn worker(job: &JobDetails) -> String {
    match (&job.worker_name, job.worker_id) {
        (Some(name), Some(id)) => format!("{} ({id})", one_line(name)),
        (None, Some(id)) => id.to_string(),
        (_, None) => String::new(),
    }
}

/// The errors of the tries, as far as they can be read.
fn errors(json: &str) -> Vec<[String; 3]> {
    let errors: Vec<Value> = serde_json::from_str(json).unwrap_or_default();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), one_line);
    let at = |value: &Value| {
        let at = value.as_str().and_then(|at| at.parse().ok());
        at.map_or_else(|| text(value), time)
    };
    errors
        .iter()
        .map(|error| [text(&error["attempt"]), at(&error["at"]), text(&error["error"])])
        .collect()
}
