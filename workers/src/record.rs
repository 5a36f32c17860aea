//! Recording the ends of runs: the work, the execution, the breaker and the job, in a fenced transaction.

use std::time::Duration;

use botticelli_actors::{Ending, finish_execution, record_failure, record_success, remove_checkpoint};
use botticelli_content::{Batch, BatchError, StoreError, store_batches};
use botticelli_jobs::ARGS_VERSION;
use botticelli_posts::{Verdict, decide, store_drafts};
use botticelli_queue::{
    ClaimedJob, Finished, JobOptions, LogLevel, NewJob, OnFailure, PutBack, QueueError, Retried, Source, WorkflowJob,
    add_to_log, await_children, complete, discard, enqueue_unless_waiting, hand_back, hold, retry, save_result,
    settle_cancelled, snooze,
};
use serde_json::{Value, json};
use sqlx::{Acquire, PgConnection};

mod leftovers;
mod recorded;

use self::leftovers::{give_up, let_go};
pub(crate) use self::recorded::Recorded;
use crate::{
    handlers::{TargetRows, is_of_answer},
    outcome::{JobFailure, Outcome, Rounds, Work, chain, one_line},
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
    /// checkpoints.
    async fn write(shop: &Shop, ends: &[&Self]) -> Result<Vec<Result<Recorded, RecordError>>, RecordError> {
        let mut transaction = botticelli_database::transaction(&shop.pool).await?;
        let mut recorded = Vec::with_capacity(ends.len());
        for end in ends {
            recorded.push(Ok(record(&mut transaction, shop, end).await?));
        }
        transaction.commit().await?;
        Ok(recorded)
    }
}

/// Records the end of a run: the work, the execution, the breaker and the job.
async fn record(transaction: &mut PgConnection, shop: &Shop, ended: &EndedRun<'_>) -> Result<Recorded, RecordError> {
    let EndedRun { actor, finished } = ended;
    match &finished.result {
        Ok(outcome) => match store_targets(transaction, shop, &finished.job, &outcome.rows).await? {
            Ok(()) => record_outcome(transaction, actor, &finished.job, outcome).await,
            Err(failure) => record_failed(transaction, actor, &finished.job, &failure).await,
        },
        Err(error) => {
            if let Some(failure) = error.downcast_ref::<JobFailure>() {
                return record_failed(transaction, actor, &finished.job, failure).await;
            }
            // A layer around the handler answered: the timeout, or the panic guard.
            let error = if error.is::<tower::timeout::error::Elapsed>() {
                let limit = shop.job_timeout;
                format!("the run took longer than `[queue] job_timeout` = {limit:?}")
            } else {
                chain(&**error)
            };
            record_retry(transaction, actor, &finished.job, one_line(&error), None).await
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
        end(&mut rest, actor, job, &mut recorded, &json!({})).await?;
        give_up(&mut rest, job).await
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

/// Stores the rows of a run, all of them or none. Of what cannot be stored the answer is forgotten, so that the next try asks
/// for another one.
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
        remove_checkpoint(&mut *connection, job.lease.job.0, rows.step()).await?;
    }
    Ok(Err(JobFailure::retry(&error)))
}

/// What becomes of a job whose rounds were all cancelled.
const ALL_CANCELLED: &str = "all of its rounds were cancelled";

async fn record_outcome(
    connection: &mut PgConnection,
    actor: &ActorSpec,
    job: &ClaimedJob,
    outcome: &Outcome,
) -> Result<Recorded, RecordError> {
    for failure in &outcome.failures {
        add_to_log(&mut *connection, job.lease, LogLevel::Warn, &one_line(failure)).await?;
    }
    if let Work::Rounds(rounds) = &outcome.work {
        return record_rounds(connection, actor, job, rounds, outcome).await;
    }
    let (is_given_up, has_result, tells_breaker) = match outcome.work {
        Work::Wasted => (true, false, false),
        Work::Gathered => (false, true, false),
        Work::Nothing(_) => (false, false, true),
        Work::Drafts(_) | Work::Verdicts(_) | Work::Stored | Work::Rounds(_) => (false, true, true),
    };
    // The fence: it locks the job's claim, or ends all of this. What was said above is fenced by itself.
    if is_given_up && outcome.failures.is_empty() {
        settle_cancelled(connection, job.lease, ALL_CANCELLED).await?;
    } else if is_given_up {
        discard(connection, job.lease, &one_line(&outcome.failures.join("; "))).await?;
    } else {
        complete(connection, job.lease).await?;
    }
    let job_id = job.lease.job.0;
    let traceparent = outcome.traceparent.as_deref();
    let mut metadata = outcome.metadata.clone();
    // Whether other actors have something to go on with.
    let has_output = match &outcome.work {
        Work::Drafts(drafts) => {
            let stored = store_drafts(connection, &actor.name, job_id, drafts, traceparent).await?;
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
                if decide(connection, job_id, &actor.name, &verdict).await? {
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
            call(connection, follower, traceparent).await?;
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
        keep_result(connection, job, &metadata).await?;
    }
    if tells_breaker {
        end(connection, actor, job, &mut recorded, &metadata).await?;
    } else {
        close(connection, job, &recorded, &metadata).await?;
    }
    if is_given_up {
        give_up(connection, job).await?;
    } else {
        let_go(connection, job).await?;
    }
    Ok(recorded)
}

/// Keeps what came of a job for those that wait for it. What is too large stays with the execution alone.
async fn keep_result(connection: &mut PgConnection, job: &ClaimedJob, metadata: &Value) -> Result<(), RecordError> {
    match save_result(connection, job.lease, metadata).await {
        Err(QueueError::Invalid(reason)) => {
            tracing::warn!(job.id = %job.lease.job, "Did not keep a result: {reason}");
            Ok(())
        }
        saved => Ok(saved?),
    }
}

/// Lets the job wait for its rounds, which go the way of all jobs of the actor.
async fn record_rounds(
    connection: &mut PgConnection,
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
    let waits = await_children(connection, job.lease, &children, OnFailure::Run, traceparent).await?;
    let reason = match waits {
        PutBack::Waits => format!("it waits for its {} rounds", children.len()),
        PutBack::Cancelled { reason } => {
            give_up(connection, job).await?;
            one_line(&reason)
        }
    };
    interrupted(connection, job, reason, &outcome.metadata).await
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
    connection: &mut PgConnection,
    actor: &ActorSpec,
    job: &ClaimedJob,
    failure: &JobFailure,
) -> Result<Recorded, RecordError> {
    match failure {
        JobFailure::Interrupted => record_interruption(connection, job).await,
        JobFailure::TooNew(reason) => record_wait(connection, actor, job, &one_line(reason), None).await,
        JobFailure::Wait { reason, after } => record_wait(connection, actor, job, &one_line(reason), *after).await,
        JobFailure::Discard(reason) => record_discard(connection, actor, job, one_line(reason)).await,
        JobFailure::Retry { error, after } => record_retry(connection, actor, job, one_line(error), *after).await,
    }
}

/// The longest wait before a next try that another side may ask for, unless the queue's own back-off may be longer.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

async fn record_retry(
    connection: &mut PgConnection,
    actor: &ActorSpec,
    job: &ClaimedJob,
    error: String,
    after: Option<Duration>,
) -> Result<Recorded, RecordError> {
    let delay = after.map_or_else(
        || actor.backoff.delay(job.tries, jitter()),
        |asked| asked.min(actor.backoff.cap.max(LONGEST_WAIT)),
    );
    let is_over = !matches!(retry(connection, job, delay, &error).await?, Retried::Later(_));
    record_failed_try(connection, actor, job, error, is_over).await
}

async fn record_discard(
    connection: &mut PgConnection,
    actor: &ActorSpec,
    job: &ClaimedJob,
    error: String,
) -> Result<Recorded, RecordError> {
    discard(connection, job.lease, &error).await?;
    record_failed_try(connection, actor, job, error, true).await
}

/// The rest of it, once the job waits for its next try, or is over: none is left, or the job was cancelled.
async fn record_failed_try(
    connection: &mut PgConnection,
    actor: &ActorSpec,
    job: &ClaimedJob,
    error: String,
    is_over: bool,
) -> Result<Recorded, RecordError> {
    let mut recorded = Recorded::failure(error);
    let metadata = json!({ "try": job.tries, "final": is_over });
    end(connection, actor, job, &mut recorded, &metadata).await?;
    if is_over {
        give_up(connection, job).await?;
    }
    Ok(recorded)
}

async fn record_interruption(connection: &mut PgConnection, job: &ClaimedJob) -> Result<Recorded, RecordError> {
    let reason = match hand_back(connection, job.lease).await? {
        PutBack::Waits => "the worker stopped; the job goes on elsewhere".to_owned(),
        PutBack::Cancelled { reason } => {
            give_up(connection, job).await?;
            one_line(&reason)
        }
    };
    interrupted(connection, job, reason, &json!({})).await
}

/// Puts the job back for a while, which costs it no try: until a limit is open again, or, less and less often, until a newer
/// program takes it.
async fn record_wait(
    connection: &mut PgConnection,
    actor: &ActorSpec,
    job: &ClaimedJob,
    reason: &str,
    after: Option<Duration>,
) -> Result<Recorded, RecordError> {
    add_to_log(&mut *connection, job.lease, LogLevel::Warn, reason).await?;
    let times_put_back = job.lease.attempt.saturating_sub(job.tries);
    let delay = after.map_or_else(
        || actor.backoff.delay(times_put_back.saturating_add(1), jitter()),
        |asked| asked.min(LONGEST_WAIT),
    );
    let reason = match snooze(connection, job.lease, delay).await? {
        PutBack::Waits => reason.to_owned(),
        PutBack::Cancelled { reason } => {
            give_up(connection, job).await?;
            one_line(&reason)
        }
    };
    interrupted(connection, job, reason, &json!({})).await
}

/// Closes the execution of a job that goes on later.
async fn interrupted(
    connection: &mut PgConnection,
    job: &ClaimedJob,
    reason: String,
    metadata: &Value,
) -> Result<Recorded, RecordError> {
    let recorded = Recorded {
        outcome: botticelli_actors::Outcome::Interrupted,
        message: Some(reason),
        succeeded: 0,
        failed: 0,
        breaker_tripped: false,
        consecutive_failures: None,
    };
    close(connection, job, &recorded, metadata).await?;
    Ok(recorded)
}

/// Closes the execution and tells the breaker.
async fn end(
    connection: &mut PgConnection,
    actor: &ActorSpec,
    job: &ClaimedJob,
    recorded: &mut Recorded,
    metadata: &Value,
) -> Result<(), RecordError> {
    use botticelli_actors::Outcome as Ended;
    close(connection, job, recorded, metadata).await?;
    match recorded.outcome {
        Ended::Success => {
            record_success(connection, &actor.name).await?;
            recorded.consecutive_failures = Some(0);
        }
        Ended::Failure => {
            let change = record_failure(connection, &actor.name, actor.breaker).await?;
            recorded.breaker_tripped = change.tripped;
            recorded.consecutive_failures = Some(change.consecutive_failures);
        }
        Ended::Skipped | Ended::Interrupted => {}
    }
    Ok(())
}

/// Closes the execution.
async fn close(
    connection: &mut PgConnection,
    job: &ClaimedJob,
    recorded: &Recorded,
    metadata: &Value,
) -> Result<(), RecordError> {
    let failed = recorded.outcome == botticelli_actors::Outcome::Failure;
    let ending = Ending {
        outcome: recorded.outcome,
        error_message: recorded.message.as_deref().filter(|_| failed),
        reason: recorded.message.as_deref().filter(|_| !failed),
        skills_succeeded: i32::try_from(recorded.succeeded).unwrap_or(i32::MAX),
        skills_failed: i32::try_from(recorded.failed).unwrap_or(i32::MAX),
        metadata,
    };
    finish_execution(connection, job.lease.job.0, job.lease.attempt, &ending).await?;
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
