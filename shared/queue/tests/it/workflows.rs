//! Jobs that wait for other jobs.

mod children;
mod refusals;

use botticelli_queue::{
    ClaimedJob, JobId, OnFailure, QueueError, Source, WorkflowId, WorkflowJob, cancel, cancel_workflow, complete,
    discard, enqueue_workflow, needs_of, prune, redrive, save_result, workflow,
};
use futures_util::future::join_all;
use serde_json::json;

use crate::Bench;

/// A job of the workflow that needs these.
fn step(name: &str, needs: &[&str]) -> WorkflowJob<'static> {
    WorkflowJob {
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        ..WorkflowJob::new(name, "posting", json!({}))
    }
}

/// The same that runs whatever becomes of them.
fn patient(name: &str, needs: &[&str]) -> WorkflowJob<'static> {
    WorkflowJob {
        on_failure: OnFailure::Run,
        ..step(name, needs)
    }
}

impl Bench {
    async fn workflow(&self, jobs: &[WorkflowJob<'_>]) -> (WorkflowId, Vec<JobId>) {
        let mut connection = self.database.pool.acquire().await.unwrap();
        enqueue_workflow(&mut connection, Some("a test"), jobs, Source::Sql, None)
            .await
            .unwrap()
    }

    /// Each job of the workflow as `name state`.
    async fn steps(&self, flow: WorkflowId) -> Vec<String> {
        let steps = workflow(&self.database.pool, flow).await.unwrap();
        let text = |state: Option<String>| state.unwrap_or_else(|| "gone".to_owned());
        steps
            .into_iter()
            .map(|step| format!("{} {}", step.name, text(step.state)))
            .collect()
    }

    pub(crate) async fn give_up(&self, job: &ClaimedJob, reason: &str) {
        let mut connection = self.database.pool.acquire().await.unwrap();
        discard(&mut connection, job.lease, reason).await.unwrap();
    }
}

#[tokio::test]
async fn a_job_runs_when_the_last_of_those_it_needs_has_ended() {
    let bench = Bench::new().await;
    let (flow, ids) = bench
        .workflow(&[
            step("a", &[]),
            step("b", &[]),
            step("both", &["a", "b"]),
            step("end", &["both"]),
        ])
        .await;
    assert_eq!(
        bench.steps(flow).await,
        ["a available", "b available", "both pending", "end pending"]
    );
    let [a, b] = bench.claim().await.try_into().unwrap();
    bench.finish(&a).await;
    assert!(bench.claim().await.is_empty());
    bench.finish(&b).await;
    let [both] = bench.claim().await.try_into().unwrap();
    assert_eq!((both.lease.job, both.tries), (ids[2], 1));
    bench.finish(&both).await;
    let [end] = bench.claim().await.try_into().unwrap();
    let ended = "select count(*) from botticelli.workflows where ended_at is not null";
    assert_eq!(bench.database.row(ended).await, "0");
    bench.finish(&end).await;
    assert_eq!(bench.database.row(ended).await, "1");
    assert_eq!(
        bench.steps(flow).await,
        ["a completed", "b completed", "both completed", "end completed"]
    );
}

#[tokio::test]
async fn results_of_needed_jobs_can_be_read_by_the_job_that_needs_them() {
    let bench = Bench::new().await;
    let (_, ids) = bench
        .workflow(&[step("a", &[]), patient("b", &[]), patient("sum", &["a", "b"])])
        .await;
    let [a, b] = bench.claim().await.try_into().unwrap();
    let mut transaction = bench.database.pool.begin().await.unwrap();
    complete(&mut transaction, a.lease).await.unwrap();
    save_result(&mut transaction, a.lease, &json!({"words": 7}))
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    bench.give_up(&b, "it never will").await;
    let [sum] = bench.claim().await.try_into().unwrap();
    assert_eq!(sum.lease.job, ids[2]);
    let needs = needs_of(&bench.database.pool, sum.lease.job).await.unwrap();
    assert_eq!(
        needs.iter().map(|need| need.result.clone()).collect::<Vec<_>>(),
        [Some(json!({"words": 7})), None]
    );
    assert_eq!(needs[1].outcome.as_deref(), Some("discarded"));
    assert_eq!(needs[1].reason.as_deref(), Some("it never will"));
}

#[tokio::test]
async fn however_many_needed_jobs_end_at_once_the_one_that_waits_for_all_of_them_runs_once() {
    let bench = Bench::new().await;
    let names: Vec<String> = (0..40).map(|number| format!("part {number}")).collect();
    let mut jobs: Vec<WorkflowJob<'_>> = names.iter().map(|name| step(name, &[])).collect();
    jobs.push(step("all", &names.iter().map(String::as_str).collect::<Vec<_>>()));
    let (_, ids) = bench.workflow(&jobs).await;
    let parts = bench.claim().await;
    join_all(parts.iter().map(|part| bench.finish(part))).await;
    let [all] = bench.claim().await.try_into().unwrap();
    assert_eq!(all.lease.job, ids[40]);
    bench.finish(&all).await;
    assert!(bench.claim().await.is_empty());
}

#[tokio::test]
async fn a_job_whose_need_fails_is_cancelled_with_those_that_wait_for_it_unless_it_is_to_run_all_the_same() {
    let bench = Bench::new().await;
    let (flow, ids) = bench
        .workflow(&[
            step("a", &[]),
            step("b", &["a"]),
            step("c", &["b"]),
            patient("cleanup", &["c"]),
        ])
        .await;
    let [a] = bench.claim().await.try_into().unwrap();
    bench.give_up(&a, "no").await;
    assert_eq!(
        bench.steps(flow).await,
        ["a discarded", "b cancelled", "c cancelled", "cleanup available"]
    );
    let reasons = "select id, reason from botticelli.dead_jobs order by id";
    assert_eq!(
        bench.database.rows(reasons).await[1..],
        [
            format!("{}|job {} (a), which it waited for, was discarded", ids[1], ids[0]),
            format!("{}|job {} (b), which it waited for, was cancelled", ids[2], ids[1]),
        ]
    );
    let [cleanup] = bench.claim().await.try_into().unwrap();
    bench.finish(&cleanup).await;
    let ended = "select count(*) from botticelli.workflows where ended_at is not null";
    assert_eq!(bench.database.row(ended).await, "1");
}

#[tokio::test]
async fn a_needed_job_that_expires_or_takes_its_worker_down_on_every_try_has_failed() {
    let bench = Bench::new().await;
    let (late, _) = bench.workflow(&[step("a", &[]), step("b", &["a"])]).await;
    bench
        .execute("update botticelli.waiting_jobs set not_after = now() where run_at <= now()")
        .await;
    assert!(bench.claim().await.is_empty());
    assert_eq!(bench.steps(late).await, ["a expired", "b cancelled"]);

    let (poison, _) = bench.workflow(&[step("a", &[]), step("b", &["a"])]).await;
    bench
        .execute("update botticelli.waiting_jobs set max_attempts = 1")
        .await;
    assert_eq!(bench.claim().await.len(), 1);
    bench.execute("delete from botticelli.workers").await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    botticelli_queue::rescue(&mut connection, 10).await.unwrap();
    assert_eq!(bench.steps(poison).await, ["a discarded", "b cancelled"]);
}

#[tokio::test]
async fn a_redriven_job_brings_back_those_that_were_cancelled_because_of_it() {
    let bench = Bench::new().await;
    let (flow, ids) = bench
        .workflow(&[
            step("a", &[]),
            step("b", &["a"]),
            step("c", &["a", "b"]),
            patient("d", &["a", "c"]),
        ])
        .await;
    let [a] = bench.claim().await.try_into().unwrap();
    bench.give_up(&a, "not yet").await;
    let [d] = bench.claim().await.try_into().unwrap();
    assert_eq!(d.lease.job, ids[3]);

    let refused = redrive(&bench.database.pool, ids[1]).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!(
            "job {} waits for job {} (a), which was discarded; Redrive that one, and this one comes with it.",
            ids[1], ids[0]
        )
    );
    redrive(&bench.database.pool, ids[0]).await.unwrap();
    assert_eq!(
        bench.steps(flow).await,
        ["a available", "b pending", "c pending", "d running"]
    );
    bench.finish(&d).await;
    for _ in 0..3 {
        let [next] = bench.claim().await.try_into().unwrap();
        bench.finish(&next).await;
    }
    assert_eq!(
        bench.steps(flow).await,
        ["a completed", "b completed", "c completed", "d completed"]
    );
}

#[tokio::test]
async fn a_job_that_still_waits_for_others_waits_for_a_redriven_one_again() {
    let bench = Bench::new().await;
    let (flow, ids) = bench
        .workflow(&[step("a", &[]), step("b", &[]), patient("c", &["a", "b"])])
        .await;
    let [a, b] = bench.claim().await.try_into().unwrap();
    bench.give_up(&a, "not yet").await;
    redrive(&bench.database.pool, ids[0]).await.unwrap();
    bench.finish(&b).await;
    assert_eq!(bench.steps(flow).await, ["a available", "b completed", "c pending"]);
    let [a] = bench.claim().await.try_into().unwrap();
    bench.finish(&a).await;
    assert_eq!(bench.claim().await.len(), 1);
}

#[tokio::test]
async fn a_pending_job_is_cancelled_at_once_and_so_is_what_is_left_of_a_workflow() {
    let bench = Bench::new().await;
    let (flow, ids) = bench
        .workflow(&[step("a", &[]), step("b", &["a"]), step("c", &["a"]), step("d", &["c"])])
        .await;
    cancel(&bench.database.pool, ids[1], Some("not needed"), "alice")
        .await
        .unwrap();
    assert_eq!(
        bench.steps(flow).await,
        ["a available", "b cancelled", "c pending", "d pending"]
    );
    let [a] = bench.claim().await.try_into().unwrap();
    let cancelled = cancel_workflow(&bench.database.pool, flow, Some("over"), "alice")
        .await
        .unwrap();
    assert_eq!(cancelled, 3);
    assert_eq!(
        bench.steps(flow).await,
        ["a running", "b cancelled", "c cancelled", "d cancelled"]
    );
    // It was told, and ends when it would wait again.
    let mut connection = bench.database.pool.acquire().await.unwrap();
    botticelli_queue::hand_back(&mut connection, a.lease).await.unwrap();
    assert_eq!(bench.steps(flow).await[0], "a cancelled");
    let unknown = cancel_workflow(&bench.database.pool, WorkflowId(99), None, "alice").await;
    assert!(matches!(unknown, Err(QueueError::Invalid(reason)) if reason.starts_with("unknown workflow 99")));
}

#[tokio::test]
async fn of_many_that_cancel_and_end_jobs_of_one_workflow_none_waits_for_ever() {
    let bench = Bench::new().await;
    for _ in 0..5 {
        let names: Vec<String> = (0..12).map(|number| format!("part {number}")).collect();
        let mut jobs: Vec<WorkflowJob<'_>> = names.iter().map(|name| step(name, &[])).collect();
        jobs.extend(names.iter().map(|name| patient(&format!("after {name}"), &[name])));
        let (flow, ids) = bench.workflow(&jobs).await;
        let parts = bench.claim().await;
        let ending = join_all(parts.iter().map(|part| bench.finish(part)));
        let cancelling = join_all(ids.iter().map(|id| cancel(&bench.database.pool, *id, None, "alice")));
        let (_, cancelled) = tokio::join!(ending, cancelling);
        for refused in cancelled.into_iter().filter_map(Result::err) {
            assert!(refused.to_string().contains("has ended"), "{refused:?}");
        }
        for job in bench.claim().await {
            bench.finish(&job).await;
        }
        let unfinished = format!(
            "select count(*) from botticelli.workflow_jobs where workflow = {} and outcome is null",
            flow.0
        );
        assert_eq!(bench.database.row(&unfinished).await, "0");
        bench.execute("delete from botticelli.cancellations").await;
    }
}

#[tokio::test]
async fn a_workflow_is_kept_as_long_as_its_history_and_its_dead_jobs() {
    let bench = Bench::new().await;
    let day = std::time::Duration::from_hours(24);
    bench.workflow(&[step("a", &[]), step("b", &["a"])]).await;
    let [a] = bench.claim().await.try_into().unwrap();
    bench.give_up(&a, "no").await;
    bench
        .execute("update botticelli.workflows set ended_at = ended_at - interval '3 days'")
        .await;
    let pruned = prune(&bench.database.pool, day, 10 * day).await.unwrap();
    assert_eq!(pruned.workflows_deleted, 0);
    bench.execute("delete from botticelli.dead_jobs").await;
    let pruned = prune(&bench.database.pool, day, 10 * day).await.unwrap();
    assert_eq!(pruned.workflows_deleted, 1);
    let left = "select (select count(*) from botticelli.workflow_jobs) + (select count(*) from botticelli.job_needs)";
    assert_eq!(bench.database.row(left).await, "0");
}

#[tokio::test]
async fn a_job_that_waits_for_one_which_stays_dead_stays_dead_with_all_that_wait_for_it() {
    let bench = Bench::new().await;
    let (flow, ids) = bench
        .workflow(&[
            step("a", &[]),
            step("d", &[]),
            step("c", &["a", "d"]),
            step("e", &["c"]),
        ])
        .await;
    for job in bench.claim().await {
        bench.give_up(&job, "no").await;
    }
    redrive(&bench.database.pool, ids[0]).await.unwrap();
    assert_eq!(
        bench.steps(flow).await,
        ["a available", "d discarded", "c cancelled", "e cancelled"]
    );
    redrive(&bench.database.pool, ids[1]).await.unwrap();
    assert_eq!(
        bench.steps(flow).await,
        ["a available", "d available", "c pending", "e pending"]
    );
}

#[tokio::test]
async fn a_workflow_is_cancelled_as_a_whole_while_workers_claim_and_complete_its_jobs() {
    let bench = Bench::new().await;
    let names: Vec<String> = (0..400).map(|number| format!("part {number}")).collect();
    let mut jobs: Vec<WorkflowJob<'_>> = names.iter().map(|name| step(name, &[])).collect();
    jobs.push(step("all", &names.iter().map(String::as_str).collect::<Vec<_>>()));
    let (flow, _) = bench.workflow(&jobs).await;
    let working = async {
        loop {
            let jobs = bench.claim_up_to(7).await;
            if jobs.is_empty() {
                return;
            }
            join_all(jobs.iter().map(|job| bench.finish(job))).await;
        }
    };
    let cancelling = async {
        tokio::task::yield_now().await;
        cancel_workflow(&bench.database.pool, flow, Some("over"), "alice")
            .await
            .unwrap()
    };
    let ((), cancelled) = tokio::join!(working, cancelling);
    assert!(cancelled > 0);
    let unfinished = "select count(*) from botticelli.workflow_jobs where outcome is null";
    assert_eq!(bench.database.row(unfinished).await, "0");
    assert!(bench.claim().await.is_empty());
}

#[tokio::test]
async fn a_job_whose_need_has_been_purged_says_that_it_can_never_run() {
    let bench = Bench::new().await;
    let (_, ids) = bench.workflow(&[step("a", &[]), step("b", &["a"])]).await;
    bench.execute("select botticelli.cancel(1)").await;
    bench
        .execute("delete from botticelli.dead_jobs where reason not like '%waited for%'")
        .await;
    let refused = redrive(&bench.database.pool, ids[1]).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "job 2 waits for job 1 (a), which was cancelled; That one has been purged, so this one can never run; enqueue both anew."
    );
}
