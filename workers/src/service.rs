//! One actor's jobs as a tower service, and the apalis worker that drives it.

use std::{
    any::Any,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use apalis::layers::{WorkerBuilderExt, catch_panic::CatchPanicLayer};
use apalis_core::{task::Task, worker::builder::WorkerBuilder};
use botticelli_actors::{NewExecution, start_executions};
use botticelli_queue::{ClaimedJob, Finished, JobBackend, Lease, hold_all};
use botticelli_telemetry::{
    context::{ParentMode, current_traceparent, set_parent},
    names,
};
use chrono::TimeDelta;
use sqlx::PgPool;
use tokio::sync::mpsc;
use tower::Service;
use tracing::Instrument;

use crate::{
    handlers,
    outcome::{JobFailure, Outcome},
    record_error::RecordError,
    shop::{ActorSpec, Shop, TraceJobs},
    together::{Entry, each},
};

/// Runs the jobs of one actor.
#[derive(Clone)]
pub(crate) struct JobService {
    shop: Arc<Shop>,
    actor: Arc<ActorSpec>,
}

impl Service<Task<ClaimedJob>> for JobService {
    type Response = Outcome;
    type Error = JobFailure;
    type Future = Pin<Box<dyn Future<Output = Result<Outcome, JobFailure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), JobFailure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, task: Task<ClaimedJob>) -> Self::Future {
        let (shop, actor, job) = (Arc::clone(&self.shop), Arc::clone(&self.actor), task.args);
        let span = span_of(&shop, &job);
        let run = async move { run(&shop, &actor, &job).await };
        Box::pin(run.instrument(span))
    }
}

/// Runs one job until it ends or this process may not hold it any more.
async fn run(shop: &Shop, actor: &ActorSpec, job: &ClaimedJob) -> Result<Outcome, JobFailure> {
    let lost = shop.identity.lost_token(job.lease.worker);
    let running = shop.running.begin(job.lease);
    let traceparent = current_traceparent();
    let _active = shop.metrics.execution_started(&actor.name);
    let waited = (job.claimed_at - job.run_at).to_std().unwrap_or_default();
    shop.metrics.job_waited(waited);
    let work = async {
        let begun = BegunRun {
            actor: Arc::clone(&actor.name),
            job: job.lease,
            worker_name: Arc::clone(&shop.worker_name),
            traceparent: traceparent.clone(),
        };
        let begun = shop.begun_runs.write(begun).await;
        begun.map_err(|error| JobFailure::retry(&error))?;
        handlers::run(shop, actor, job).await
    };
    let mut outcome = tokio::select! {
        biased;
        () = lost.cancelled() => Err(JobFailure::Interrupted),
        () = running.interrupted() => Err(JobFailure::Interrupted),
        outcome = work => outcome,
    }?;
    outcome.traceparent = traceparent;
    Ok(outcome)
}

/// A job's run that begins. One that has ended meanwhile is not begun any more.
#[derive(Debug, Clone)]
pub(crate) struct BegunRun {
    actor: Arc<str>,
    job: Lease,
    worker_name: Arc<str>,
    traceparent: Option<String>,
}

impl Entry for BegunRun {
    type Tools = PgPool;
    type Answer = ();

    async fn write(pool: &PgPool, begun: &[&Self]) -> Result<Vec<Result<(), RecordError>>, RecordError> {
        let leases: Vec<Lease> = begun.iter().map(|run| run.job).collect();
        let mut transaction = botticelli_database::transaction(pool).await?;
        let lost = hold_all(&mut transaction, &leases).await?;
        let held = begun.iter().filter(|run| !lost.contains(&run.job));
        let runs = held.map(|run| NewExecution {
            actor: &run.actor,
            job_id: run.job.job.0,
            attempt: run.job.attempt,
            worker_name: &run.worker_name,
            traceparent: run.traceparent.as_deref(),
        });
        start_executions(&mut transaction, &runs.collect::<Vec<_>>()).await?;
        transaction.commit().await?;
        Ok(each(&leases, &lost))
    }
}

/// The span of a job's run, tied to the trace of whoever enqueued it.
fn span_of(shop: &Shop, job: &ClaimedJob) -> tracing::Span {
    let span = tracing::info_span!(
        parent: None,
        names::span::JOB_RUN,
        otel.kind = "consumer",
        queue.name = %job.queue,
        job.id = %job.lease.job,
        job.kind = %job.kind,
        job.attempt = job.lease.attempt,
    );
    if let Some(traceparent) = &job.traceparent {
        let soon = job.tries == 1 && job.claimed_at - job.run_at <= TimeDelta::seconds(60);
        let mode = match shop.trace_jobs {
            TraceJobs::Parent => ParentMode::ParentAndLink,
            TraceJobs::Auto if soon => ParentMode::ParentAndLink,
            TraceJobs::Auto | TraceJobs::Link => ParentMode::Link,
        };
        set_parent(&span, traceparent, mode);
    }
    span
}

/// A handler panicked; its message.
#[derive(Debug, thiserror::Error)]
#[error("the handler panicked: {0}")]
pub(crate) struct Panicked(String);

fn panicked(panic: &Box<dyn Any + Send>) -> Panicked {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    Panicked(text.unwrap_or_else(|| "it gave no message".to_owned()))
}

/// Drives an actor's jobs through the tower stack until `jobs` is closed and the ones in hand are done.
///
/// From the outside in: the settle layer (every end becomes a value), the panic guard, the timeout, the handler.
pub(crate) async fn drive(
    shop: Arc<Shop>,
    actor: Arc<ActorSpec>,
    jobs: mpsc::Receiver<ClaimedJob>,
    finished: mpsc::UnboundedSender<Finished<Outcome>>,
) {
    let name = actor.name.to_string();
    let timeout = shop.job_timeout;
    let worker = WorkerBuilder::new(name.as_str())
        .backend(JobBackend::new(jobs, finished))
        .layer(CatchPanicLayer::with_panic_handler(panicked))
        .timeout(timeout)
        .build(JobService { shop, actor });
    if let Err(error) = worker.run().await {
        // Nothing is lost: jobs in hand return by their lease.
        tracing::error!(queue.name = %name, error = %error, "The apalis worker of queue {name} ended: {error}");
    }
}
