//! Recording the ends of runs: the work, the execution, the breaker and the job, in a fenced transaction.

use std::time::Duration;

use botticelli_actors::{record_failure, remove_checkpoint, save_checkpoint};
use botticelli_content::{Batch, BatchError, StoreError, store_batches};
use botticelli_jobs::ARGS_VERSION;
use botticelli_posts::{Verdict, decide, store_drafts};
use botticelli_queue::{
    ClaimedJob, Finished, JobOptions, Lease, LogLevel, NewJob, OnFailure, PutBack, QueueError, Retried, Source,
    WorkflowJob, add_to_log, await_children, discard, enqueue_unless_waiting, hand_back, hold, retry, settle_cancelled,
    snooze,
};
use serde_json::{Value, json};
use sqlx::{Acquire, PgConnection};

mod recorded;
mod writing;

pub(crate) use self::recorded::Recorded;
use self::writing::Writing;
use crate::{
    handlers::{TargetRows, is_of_answer},
    outcome::{JobFailure, Outcome, Rounds, Work, chain, one_line},
    ports::refused_step,
    record_error::RecordError,
    shop::{ActorSpec, Shop},
    together::Entry,
};

/// A run that ended.
pub(crate) struct EndedRun<'a> {
    pub actor: &'a ActorSpec,
    pub finished: &'a Finished<Outcome>,
}

impl Entry for EndedRun<'_> {
    type Tools = Shop;
    type Answer = Recorded;

    /// One after the other. A crash in between leaves the jobs running under a lease that ends, and their acts' replies in their
    /// checkpoints. Of several, each only completes its job: whatever else an end locks is locked in an order of its own, and two that
    /// lock several things one after the other would wait for each other.
    async fn write(shop: &Shop, ends: &[&Self]) -> Result<Vec<Result<Recorded, RecordError>>, RecordError> {
        let mut transaction = botticelli_database::transaction(&shop.pool).await?;
        let mut writing = Writing::new(&mut transaction);
        let mut lost = Vec::new();
        if ends.len() > 1 {
            let leases: Vec<Lease> = ends.iter().map(|end| end.finished.job.lease).collect();
            lost = writing.complete_together(leases).await?;
        }
        let mut recorded = Vec::with_capacity(ends.len());
        for end in ends {
            let lease = end.finished.job.lease;
            recorded.push(if lost.contains(&lease) {
                Err(RecordError::LeaseLost(lease))
            } else {
                Ok(record(&mut writing, shop, end).await?)
            });
        }
        writing.finish().await?;
        transaction.commit().await?;
        Ok(recorded)
    }
}

impl EndedRun<'_> {
    /// Whether it can be recorded together with others: it completes its job, and writes nothing before that.
    pub(crate) fn only_completes(&self) -> bool {
        self.finished.result.as_ref().is_ok_and(|outcome| {
            let is_over = !matches!(outcome.work, Work::Rounds(_) | Work::Wasted);
            is_over && outcome.rows.is_empty() && outcome.failures.is_empty()
        })
    }
}

/// Records the end of a run: the work, the execution, the breaker and the job.
async fn record(writing: &mut Writing<'_>, shop: &Shop, ended: &EndedRun<'_>) -> Result<Recorded, RecordError> {
    let EndedRun { actor, finished } = ended;
    match &finished.result {
        Ok(outcome) => match store_targets(writing.connection, shop, &finished.job, &outcome.rows).await? {
            Ok(()) => record_outcome(writing, actor, &finished.job, outcome).await,
            Err(failure) => record_failed(writing, actor, &finished.job, &failure).await,
        },
        Err(error) => {
            if let Some(failure) = error.downcast_ref::<JobFailure>() {
                return record_failed(writing, actor, &finished.job, failure).await;
            }
            // A layer around the handler answered: the timeout, or the panic guard.
            let error = if error.is::<tower::timeout::error::Elapsed>() {
                let limit = shop.job_timeout;
                format!("the run took longer than `[queue] job_timeout` = {limit:?}")
            } else {
                chain(&**error)
            };
            record_retry(writing, actor, &finished.job, one_line(&error), None).await
        }
    }
}

/// Records a run whose end can never be recorded as it is: the job is discarded with `reason`, and whatever else of the end
/// can be written is.
///
/// # Errors
///
/// [`RecordError`]; nothing is recorded then.
pub(crate) async fn record_refused(
    shop: &Shop,
    actor: &ActorSpec,
    job: &ClaimedJob,
    reason: &str,
) -> Result<Recorded, RecordError> {
    let message = one_line(&format!("the end of the run could not be recorded: {reason}"));
    let mut transaction = botticelli_database::transaction(&shop.pool).await?;
    discard(&mut transaction, job.lease, &message).await?;
    let mut recorded = Recorded::failure(message);
    // What was refused may be refused again, and the job must end all the same.
    let mut rest = transaction.begin().await?;
    let closed = async {
        let mut writing = Writing::new(&mut rest);
        end(&mut writing, actor, job, &mut recorded, &json!({})).await?;
        writing.give_up(job).await?;
        writing.finish().await
    };
    match closed.await {
        Ok(()) => rest.commit().await?,
        Err(RecordError::Refused(error)) => {
            rest.rollback().await?;
            tracing::error!(job.id = %job.lease.job, error = chain(&*error), "Discarded job {} and could not close its run", job.lease.job);
        }
        Err(error) => return Err(error),
    }
    transaction.commit().await?;
    Ok(recorded)
}

/// Stores the rows of a run, all of them or none. Of what cannot be stored the answer is forgotten but for what is wrong with it, so
/// that the next try asks for another one, and tells the model why.
async fn store_targets(
    connection: &mut PgConnection,
    shop: &Shop,
    job: &ClaimedJob,
    rows: &[TargetRows],
) -> Result<Result<(), JobFailure>, RecordError> {
    if rows.is_empty() {
        return Ok(Ok(()));
    }
    hold(&mut *connection, job.lease).await?;
    let mut savepoint = connection.begin().await?;
    let readable = &shop.readable;
    let batches: Vec<Batch<'_>> = rows.iter().map(|rows| rows.batch(job.lease.job.0, readable)).collect();
    // In one call: what is stored one by one would lock tables in an order of its own.
    let Err(BatchError { batch, error }) = store_batches(&mut savepoint, &batches).await else {
        savepoint.commit().await?;
        return Ok(Ok(()));
    };
    if let StoreError::Database { .. } = error {
        return Err(error.into());
    }
    savepoint.rollback().await?;
    if !is_of_answer(&error) {
        return Ok(Err(JobFailure::discard(&error)));
    }
    if let Some(rows) = rows.get(batch) {
        let (job, step) = (job.lease.job.0, rows.step());
        let refused = json!(rows.refused(one_line(&chain(&error))));
        remove_checkpoint(&mut *connection, job, step).await?;
        let step = refused_step(step);
        remove_checkpoint(&mut *connection, job, &step).await?;
        save_checkpoint(&mut *connection, job, &step, &refused).await?;
    }
    Ok(Err(JobFailure::retry(&error)))
}

/// What becomes of a job whose rounds were all cancelled.
const ALL_CANCELLED: &str = "all of its rounds were cancelled";

async fn record_outcome(
    writing: &mut Writing<'_>,
    actor: &ActorSpec,
    job: &ClaimedJob,
    outcome: &Outcome,
) -> Result<Recorded, RecordError> {
    for failure in &outcome.failures {
        add_to_log(&mut *writing.connection, job.lease, LogLevel::Warn, &one_line(failure)).await?;
    }
    if let Work::Rounds(rounds) = &outcome.work {
        return record_rounds(writing, actor, job, rounds, outcome).await;
    }
    let (is_given_up, has_result, tells_breaker) = match outcome.work {
        Work::Wasted => (true, false, false),
        Work::Gathered => (false, true, false),
        Work::Nothing(_) => (false, false, true),
        Work::Drafts(_) | Work::Verdicts(_) | Work::Stored | Work::Rounds(_) => (false, true, true),
    };
    // The fence: it locks the job's claim, or ends all of this. What was said above is fenced by itself.
    if is_given_up && outcome.failures.is_empty() {
        settle_cancelled(writing.connection, job.lease, ALL_CANCELLED).await?;
    } else if is_given_up {
        discard(writing.connection, job.lease, &one_line(&outcome.failures.join("; "))).await?;
    } else {
        writing.complete(job).await?;
    }
    let job_id = job.lease.job.0;
    let traceparent = outcome.traceparent.as_deref();
    let mut metadata = outcome.metadata.clone();
    // Whether other actors have something to go on with.
    let has_output = match &outcome.work {
        Work::Drafts(drafts) => {
            let stored = store_drafts(writing.connection, &actor.name, job_id, drafts, traceparent).await?;
            note(&mut metadata, "potential_posts", json!(stored));
            !drafts.is_empty()
        }
        Work::Verdicts(verdicts) => {
            let (mut approved, mut rejected) = (Vec::new(), Vec::new());
            for verdict in verdicts {
                let verdict = Verdict {
                    reason: one_line(&verdict.reason),
                    ..verdict.clone()
                };
                if decide(writing.connection, job_id, &actor.name, &verdict).await? {
                    if verdict.approved { &mut approved } else { &mut rejected }.push(verdict.post_id);
                }
            }
            note(&mut metadata, "approved", json!(approved));
            note(&mut metadata, "rejected", json!(rejected));
            // What another job has decided on meanwhile is that job's output.
            !approved.is_empty()
        }
        Work::Stored => outcome.succeeded > 0,
        Work::Gathered | Work::Wasted | Work::Rounds(_) | Work::Nothing(_) => false,
    };
    if has_output {
        for follower in &actor.followers {
            // It waits from then on.
            if writing.called.insert(follower.clone()) {
                call(writing.connection, follower, traceparent).await?;
            }
        }
    }
    let (ended, message) = match (&outcome.work, outcome.failures.is_empty()) {
        (Work::Nothing(reason), true) => (botticelli_actors::Outcome::Skipped, Some(one_line(reason))),
        (Work::Wasted, true) => (botticelli_actors::Outcome::Skipped, Some(ALL_CANCELLED.to_owned())),
        (_, true) => (botticelli_actors::Outcome::Success, None),
        (_, false) => (
            botticelli_actors::Outcome::Failure,
            Some(one_line(&outcome.failures.join("; "))),
        ),
    };
    let failed = u32::try_from(outcome.failures.len()).unwrap_or(u32::MAX);
    let mut recorded = Recorded {
        outcome: ended,
        message,
        succeeded: outcome.succeeded,
        failed,
        breaker_tripped: false,
        consecutive_failures: None,
    };
    if has_result {
        writing.keep_result(job, &metadata);
    }
    if tells_breaker {
        end(writing, actor, job, &mut recorded, &metadata).await?;
    } else {
        writing.close(job, &recorded, &metadata);
    }
    if is_given_up {
        writing.give_up(job).await?;
    } else {
        writing.let_go(job);
    }
    Ok(recorded)
}

/// Lets the job wait for its rounds, which go the way of all jobs of the actor.
async fn record_rounds(
    writing: &mut Writing<'_>,
    actor: &ActorSpec,
    job: &ClaimedJob,
    rounds: &Rounds,
    outcome: &Outcome,
) -> Result<Recorded, RecordError> {
    let mut children: Vec<WorkflowJob<'_>> = Vec::with_capacity(rounds.args.len());
    for (args, number) in rounds.args.iter().zip(1..) {
        let mut child = WorkflowJob::new(format!("round {number}"), &actor.name, args.clone());
        if rounds.one_by_one {
            child.needs.extend(children.last().map(|before| before.name.clone()));
        }
        child.options.version = Some(ARGS_VERSION);
        child.options.max_attempts = u16::try_from(job.max_attempts).ok();
        children.push(child);
    }
    let traceparent = outcome.traceparent.as_deref();
    let waits = await_children(writing.connection, job.lease, &children, OnFailure::Run, traceparent).await?;
    let reason = match waits {
        PutBack::Waits => format!("it waits for its {} rounds", children.len()),
        PutBack::Cancelled { reason } => {
            writing.give_up(job).await?;
            one_line(&reason)
        }
    };
    Ok(interrupted(writing, job, reason, &outcome.metadata))
}

/// Enqueues a job of a follower. One that has no queue, or takes no jobs, is no reason to lose what was done.
async fn call(connection: &mut PgConnection, follower: &str, traceparent: Option<&str>) -> Result<(), RecordError> {
    let next = NewJob {
        queue: follower,
        args: json!({}),
        source: Source::After,
        traceparent,
        options: JobOptions::default(),
    };
    let mut savepoint = connection.begin().await?;
    match enqueue_unless_waiting(&mut savepoint, &next).await {
        Ok(_) => savepoint.commit().await?,
        Err(QueueError::Invalid(reason)) => {
            savepoint.rollback().await?;
            tracing::error!(
                queue.name = follower,
                error = reason,
                "Could not enqueue a job of {follower}: {reason}"
            );
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

async fn record_failed(
    writing: &mut Writing<'_>,
    actor: &ActorSpec,
    job: &ClaimedJob,
    failure: &JobFailure,
) -> Result<Recorded, RecordError> {
    match failure {
        JobFailure::Interrupted => record_interruption(writing, job).await,
        JobFailure::TooNew(reason) => record_wait(writing, actor, job, &one_line(reason), None).await,
        JobFailure::Wait { reason, after } => record_wait(writing, actor, job, &one_line(reason), *after).await,
        JobFailure::Discard(reason) => record_discard(writing, actor, job, one_line(reason)).await,
        JobFailure::Retry { error, after } => record_retry(writing, actor, job, one_line(error), *after).await,
    }
}

/// The longest wait before a next try that another side may ask for, unless the queue's own back-off may be longer.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

async fn record_retry(
    writing: &mut Writing<'_>,
    actor: &ActorSpec,
    job: &ClaimedJob,
    error: String,
    after: Option<Duration>,
) -> Result<Recorded, RecordError> {
    let delay = after.map_or_else(
        || actor.backoff.delay(job.tries, jitter()),
        |asked| asked.min(actor.backoff.cap.max(LONGEST_WAIT)),
    );
    let is_over = !matches!(retry(writing.connection, job, delay, &error).await?, Retried::Later(_));
    record_failed_try(writing, actor, job, error, is_over).await
}

async fn record_discard(
    writing: &mut Writing<'_>,
    actor: &ActorSpec,
    job: &ClaimedJob,
    error: String,
) -> Result<Recorded, RecordError> {
    discard(writing.connection, job.lease, &error).await?;
    record_failed_try(writing, actor, job, error, true).await
}

/// The rest of it, once the job waits for its next try, or is over: none is left, or the job was cancelled.
async fn record_failed_try(
    writing: &mut Writing<'_>,
    actor: &ActorSpec,
    job: &ClaimedJob,
    error: String,
    is_over: bool,
) -> Result<Recorded, RecordError> {
    let mut recorded = Recorded::failure(error);
    let metadata = json!({ "try": job.tries, "final": is_over });
    end(writing, actor, job, &mut recorded, &metadata).await?;
    if is_over {
        writing.give_up(job).await?;
    }
    Ok(recorded)
}

async fn record_interruption(writing: &mut Writing<'_>, job: &ClaimedJob) -> Result<Recorded, RecordError> {
    let reason = match hand_back(writing.connection, job.lease).await? {
        PutBack::Waits => "the worker stopped; the job goes on elsewhere".to_owned(),
        PutBack::Cancelled { reason } => {
            writing.give_up(job).await?;
            one_line(&reason)
        }
    };
    Ok(interrupted(writing, job, reason, &json!({})))
}

/// Puts the job back for a while, which costs it no try: until a limit is open again, or, less and less often, until a newer
/// program takes it.
async fn record_wait(
    writing: &mut Writing<'_>,
    actor: &ActorSpec,
    job: &ClaimedJob,
    reason: &str,
    after: Option<Duration>,
) -> Result<Recorded, RecordError> {
    add_to_log(&mut *writing.connection, job.lease, LogLevel::Warn, reason).await?;
    let times_put_back = job.lease.attempt.saturating_sub(job.tries);
    let delay = after.map_or_else(
        || actor.backoff.delay(times_put_back.saturating_add(1), jitter()),
        |asked| asked.min(LONGEST_WAIT),
    );
    let reason = match snooze(writing.connection, job.lease, delay).await? {
        PutBack::Waits => reason.to_owned(),
        PutBack::Cancelled { reason } => {
            writing.give_up(job).await?;
            one_line(&reason)
        }
    };
    Ok(interrupted(writing, job, reason, &json!({})))
}

/// Closes the execution of a job that goes on later.
fn interrupted(writing: &mut Writing<'_>, job: &ClaimedJob, reason: String, metadata: &Value) -> Recorded {
    let recorded = Recorded {
        outcome: botticelli_actors::Outcome::Interrupted,
        message: Some(reason),
        succeeded: 0,
        failed: 0,
        breaker_tripped: false,
        consecutive_failures: None,
    };
    writing.close(job, &recorded, metadata);
    recorded
}

/// Closes the execution and tells the breaker.
async fn end(
    writing: &mut Writing<'_>,
    actor: &ActorSpec,
    job: &ClaimedJob,
    recorded: &mut Recorded,
    metadata: &Value,
) -> Result<(), RecordError> {
    use botticelli_actors::Outcome as Ended;
    writing.close(job, recorded, metadata);
    match recorded.outcome {
        Ended::Success => {
            writing.tell_success(&actor.name).await?;
            recorded.consecutive_failures = Some(0);
        }
        Ended::Failure => {
            writing.forget_success();
            let change = record_failure(writing.connection, &actor.name, actor.breaker).await?;
            recorded.breaker_tripped = change.tripped;
            recorded.consecutive_failures = Some(change.consecutive_failures);
        }
        Ended::Skipped | Ended::Interrupted => {}
    }
    Ok(())
}

fn note(metadata: &mut Value, key: &str, value: Value) {
    if let Some(object) = metadata.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

/// A random number in 0..1 from the randomness that an identifier carries; nothing here needs a better one.
fn jitter() -> f64 {
    let random = uuid::Uuid::new_v4().as_u128();
    f64::from(u32::try_from(random & 0xffff_ffff).unwrap_or(0)) / f64::from(u32::MAX)
}
