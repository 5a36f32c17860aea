//! Jobs that wait for other jobs: workflows that are enqueued as a whole, and jobs that ask for others while they run.

use botticelli_database::{sessionless, sql};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sqlx::{FromRow, PgConnection, PgExecutor, PgPool};

use crate::{JobId, JobOptions, Lease, PutBack, QueueError, Source, refusal::refused, settle::place};

/// Identity of a workflow: some jobs of which some wait for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, sqlx::Type, Serialize)]
#[sqlx(transparent)]
pub struct WorkflowId(pub i64);

/// What becomes of a job when one that it waits for is discarded, cancelled or expired.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// It is cancelled too, and so are those that wait for it.
    #[default]
    Cancel,
    /// It runs all the same, and can see how the other ended.
    Run,
}

impl OnFailure {
    fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Run => "run",
        }
    }
}

/// A job to be enqueued with others.
#[derive(Debug, Clone)]
pub struct WorkflowJob<'a> {
    /// What the others call it; no two have the same name.
    pub name: String,
    /// The queue, which is the actor's name.
    pub queue: &'a str,
    /// The arguments, an object.
    pub args: Value,
    /// The jobs that have to end before it, by name; they stand before it in the list.
    pub needs: Vec<String>,
    /// What becomes of it when one of them fails.
    pub on_failure: OnFailure,
    /// The rest. No job of a workflow is unique.
    pub options: JobOptions<'a>,
}

impl<'a> WorkflowJob<'a> {
    /// A job that needs no other and is due at once.
    pub fn new(name: impl Into<String>, queue: &'a str, args: Value) -> Self {
        Self {
            name: name.into(),
            queue,
            args,
            needs: Vec::new(),
            on_failure: OnFailure::default(),
            options: JobOptions::default(),
        }
    }

    /// As `botticelli.enqueue_workflow` takes it.
    fn to_json(&self) -> Result<Value, QueueError> {
        if self.options.unique.is_some() {
            let reason = format!("job \"{}\" is part of a workflow and cannot be unique", self.name);
            return Err(QueueError::Invalid(reason));
        }
        let mut json = Map::from_iter([
            ("name".to_owned(), json!(self.name)),
            ("queue".to_owned(), json!(self.queue)),
            ("args".to_owned(), self.args.clone()),
            ("needs".to_owned(), json!(self.needs)),
            ("on_failure".to_owned(), json!(self.on_failure.as_str())),
        ]);
        let options = &self.options;
        let mut add = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                json.insert(key.to_owned(), value);
            }
        };
        add("run_at", options.run_at.map(|at| json!(at.to_rfc3339())));
        add("not_after", options.not_after.map(|at| json!(at.to_rfc3339())));
        add(
            "priority",
            Some(options.priority)
                .filter(|priority| *priority != 0)
                .map(|priority| json!(priority)),
        );
        add("max_attempts", options.max_attempts.map(|tries| json!(tries)));
        add("limit_key", options.limit_key.map(|key| json!(key)));
        add("version", options.version.map(|version| json!(version)));
        Ok(Value::Object(json))
    }
}

/// A job that another one waits for, or waited for.
#[derive(Debug, Clone, PartialEq, FromRow, Serialize)]
pub struct Need {
    /// The job.
    pub id: i64,
    /// Its name in the workflow.
    pub name: String,
    /// Whether the job that waits had asked for it.
    pub is_child: bool,
    /// `completed`, `discarded`, `cancelled` or `expired`; `None` as long as it has not ended.
    pub outcome: Option<String>,
    /// What came of it.
    pub result: Option<Value>,
    /// Why it was given up.
    pub reason: Option<String>,
}

/// One job of a workflow.
#[derive(Debug, Clone, PartialEq, FromRow, Serialize)]
pub struct WorkflowStep {
    /// The job.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The job that asked for it, if one did.
    pub parent_id: Option<i64>,
    /// Its queue; `None` once its history is pruned.
    pub queue: Option<String>,
    /// `pending` while it waits for others; else as in `jobs` and `job_history`.
    pub state: Option<String>,
    /// The jobs that it waits for, or waited for.
    pub needs: Vec<i64>,
    /// What came of it.
    pub result: Option<Value>,
}

/// Enqueues jobs of which some wait for others, in the caller's transaction. Gives the workflow and the id of each job, in
/// their order.
///
/// # Errors
///
/// [`QueueError::Invalid`] for a job that cannot be, with its name or number; [`QueueError::Database`] otherwise. Nothing is
/// enqueued then.
pub async fn enqueue_workflow(
    connection: &mut PgConnection,
    name: Option<&str>,
    jobs: &[WorkflowJob<'_>],
    source: Source,
    traceparent: Option<&str>,
) -> Result<(WorkflowId, Vec<JobId>), QueueError> {
    let jobs: Vec<(WorkflowId, JobId)> = sqlx::query_as(sql(
        "select workflow, id from botticelli.enqueue_workflow($1, $2, $3, $4)",
    ))
    .bind(to_json(jobs)?)
    .bind(name)
    .bind(traceparent)
    .bind(source.as_str())
    .persistent(false)
    .fetch_all(connection)
    .await
    .map_err(refused("enqueue a workflow"))?;
    let workflow = jobs.first().map_or(WorkflowId(0), |(workflow, _)| *workflow);
    Ok((workflow, jobs.into_iter().map(|(_, job)| job).collect()))
}

/// The running job asks for others and waits for them: it gives its slot back, and runs again when all of them have ended,
/// without having used a try. Then [`needs_of`] tells what came of them. It does not wait when it has been cancelled, and
/// the others are not enqueued.
///
/// # Errors
///
/// As [`complete`](crate::complete()), and as [`enqueue_workflow`] for a job that cannot be.
pub async fn await_children(
    connection: &mut PgConnection,
    lease: Lease,
    children: &[WorkflowJob<'_>],
    on_failure: OnFailure,
    traceparent: Option<&str>,
) -> Result<PutBack, QueueError> {
    let waits: Vec<Option<String>> = sqlx::query_scalar(sql(
        "select reason from botticelli.await_children($1, $2, $3::bit varying, $4, $5, $6)",
    ))
    .bind(lease.worker)
    .bind(lease.claim)
    .bind(place(lease))
    .bind(to_json(children)?)
    .bind(on_failure.as_str())
    .bind(traceparent)
    .fetch_all(connection)
    .await
    .map_err(refused("let a job wait for others"))?;
    PutBack::read(&waits, lease)
}

fn to_json(jobs: &[WorkflowJob<'_>]) -> Result<Value, QueueError> {
    jobs.iter().map(WorkflowJob::to_json).collect()
}

/// The jobs that a job waits for, or waited for, in the order in which they were asked for.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn needs_of(executor: impl PgExecutor<'_>, job: JobId) -> Result<Vec<Need>, QueueError> {
    sqlx::query_as(sql(
        "select id, name, is_child, outcome, result, reason from botticelli.needs_of($1)",
    ))
    .bind(job)
    .fetch_all(executor)
    .await
    .map_err(QueueError::while_doing("look for the jobs that a job waits for"))
}

/// The jobs of a workflow, in the order in which they were enqueued; none when it is unknown or pruned.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn workflow(pool: &PgPool, workflow: WorkflowId) -> Result<Vec<WorkflowStep>, QueueError> {
    sqlx::query_as(sql(
        "select id, name, parent_id, queue, state, needs, result from botticelli.workflow($1)",
    ))
    .bind(workflow)
    .fetch_all(sessionless(pool))
    .await
    .map_err(QueueError::while_doing("look for a workflow"))
}

/// Cancels all jobs of a workflow that have not ended, and gives their number.
///
/// # Errors
///
/// [`QueueError::Invalid`] when it is unknown, [`QueueError::Database`] otherwise.
pub async fn cancel_workflow(
    pool: &PgPool,
    workflow: WorkflowId,
    reason: Option<&str>,
    by: &str,
) -> Result<u64, QueueError> {
    let cancelled: i64 = sqlx::query_scalar(sql("select botticelli.cancel_workflow($1, $2, $3)"))
        .bind(workflow)
        .bind(reason)
        .bind(by)
        .fetch_one(sessionless(pool))
        .await
        .map_err(refused("cancel a workflow"))?;
    Ok(u64::try_from(cancelled).unwrap_or(0))
}
