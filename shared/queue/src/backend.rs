//! The queue as an apalis backend: claimed jobs come in through a channel, results go out through another.
//!
//! Claiming and settling belong to the actors that own these channels. apalis drives the jobs through the tower stack
//! and never talks to the database, so none of its own storage rules (attempts, heartbeats, acknowledgement) apply.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use apalis_core::{
    backend::{Backend, BackendConfig},
    error::BoxDynError,
    task::{Task, builder::TaskBuilder, task_id::RandomId},
    worker::context::WorkerContext,
};
use tokio::sync::mpsc;
use tower::{Layer, Service};

use crate::ClaimedJob;

/// A job that ran, and how it ended.
#[derive(Debug)]
pub struct Finished<R> {
    /// The job.
    pub job: ClaimedJob,
    /// What the handler, or a layer around it (timeout, panic), answered.
    pub result: Result<R, BoxDynError>,
}

/// Feeds an apalis worker from a channel of claimed jobs and sends what becomes of them to another.
///
/// The worker ends when the channel of jobs is closed and the jobs in hand are done.
#[derive(Debug)]
pub struct JobBackend<R> {
    jobs: mpsc::Receiver<ClaimedJob>,
    finished: mpsc::UnboundedSender<Finished<R>>,
}

impl<R> JobBackend<R> {
    /// Joins the two channels. The one of results needs no bound: it holds at most as many as there were claimed jobs.
    pub fn new(jobs: mpsc::Receiver<ClaimedJob>, finished: mpsc::UnboundedSender<Finished<R>>) -> Self {
        Self { jobs, finished }
    }
}

impl<R> Backend for JobBackend<R> {
    type Task = Task<ClaimedJob>;
    type Error = Infallible;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        worker: &WorkerContext,
    ) -> Poll<Option<Result<Self::Task, Infallible>>> {
        let job = ready!(self.jobs.poll_recv(cx));
        if job.is_none() {
            // The end of a backend does not end its apalis worker; being told to stop does, after the jobs in hand. The
            // only refusal is that it is stopping already.
            worker.stop().ok();
        }
        Poll::Ready(job.map(|job| Ok(TaskBuilder::new(job).build())))
    }

    fn poll_close(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

impl<R> BackendConfig for JobBackend<R> {
    type Args = ClaimedJob;
    type Id = RandomId;
    // Ephemeral: apalis is handed jobs as they are and never decodes a row, so a bad one cannot end its worker.
    type Kind = apalis_core::backend::finalize::Ephemeral;
    type Config = ();
    type Layer = SettleLayer<R>;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> SettleLayer<R> {
        SettleLayer {
            finished: self.finished.clone(),
        }
    }
}

/// The outermost layer: whatever happens inside is sent on as a value, so no error ends the apalis worker.
#[derive(Debug)]
pub struct SettleLayer<R> {
    finished: mpsc::UnboundedSender<Finished<R>>,
}

impl<R, S> Layer<S> for SettleLayer<R> {
    type Service = SettleService<R, S>;

    fn layer(&self, inner: S) -> Self::Service {
        SettleService {
            inner,
            finished: self.finished.clone(),
        }
    }
}

/// What [`SettleLayer`] makes of a service.
#[derive(Debug)]
pub struct SettleService<R, S> {
    inner: S,
    finished: mpsc::UnboundedSender<Finished<R>>,
}

impl<R, S> Service<Task<ClaimedJob>> for SettleService<R, S>
where
    R: Send + 'static,
    S: Service<Task<ClaimedJob>, Response = R>,
    S::Error: Into<BoxDynError>,
    S::Future: Send + 'static,
{
    type Response = ();
    type Error = BoxDynError;
    type Future = Pin<Box<dyn Future<Output = Result<(), BoxDynError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, task: Task<ClaimedJob>) -> Self::Future {
        let job = task.args.clone();
        let finished = self.finished.clone();
        let running = self.inner.call(task);
        Box::pin(async move {
            let result = running.await.map_err(Into::into);
            // Nobody listens only when the process is past its drain; the lease then returns the job.
            finished.send(Finished { job, result }).ok();
            Ok(())
        })
    }
}
