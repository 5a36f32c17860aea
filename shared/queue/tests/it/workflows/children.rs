//! Jobs that ask for others while they run, and wait for them.

use botticelli_queue::{
    Cancelled, OnFailure, PutBack, QueueError, WorkflowJob, await_children, cancel, cancelled_of, has_unfinished,
    needs_of, redrive, retry,
};
use serde_json::json;

use crate::Bench;

fn child(name: &str) -> WorkflowJob<'static> {
    WorkflowJob::new(name, "posting", json!({"limit": 1}))
}

#[tokio::test]
async fn a_job_that_waits_for_its_children_gives_its_slot_back_and_runs_again_without_having_used_a_try() {
    let bench = Bench::new().await;
    let parent = bench.claim_one().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let waits = await_children(
        &mut connection,
        parent.lease,
        &[child("x"), child("y")],
        OnFailure::Cancel,
        None,
    )
    .await;
    assert_eq!(waits.unwrap(), PutBack::Waits);
    assert_eq!(bench.state(parent.lease.job).await, "pending");
    assert!(has_unfinished(&mut connection, "posting").await.unwrap());
    assert_eq!(bench.database.row("select count(*) from botticelli.claims").await, "0");

    let children = bench.claim().await;
    assert_eq!(
        children.iter().map(|job| job.source.as_str()).collect::<Vec<_>>(),
        ["workflow"; 2]
    );
    for job in &children {
        assert!(bench.claim().await.is_empty());
        bench.finish(job).await;
    }
    let [again] = bench.claim().await.try_into().unwrap();
    assert_eq!(
        (again.lease.job, again.lease.attempt, again.tries),
        (parent.lease.job, 2, 1)
    );
    let needs = needs_of(&bench.database.pool, again.lease.job).await.unwrap();
    assert!(
        needs
            .iter()
            .all(|need| need.is_child && need.outcome.as_deref() == Some("completed"))
    );
    // A try that fails is tried again; it does not wait for children that have ended.
    retry(&mut connection, &again, std::time::Duration::ZERO, "not yet")
        .await
        .unwrap();
    assert_eq!(bench.claim().await[0].lease.job, parent.lease.job);
}

#[tokio::test]
async fn a_child_that_fails_ends_its_parent_or_lets_it_run_as_was_asked() {
    let bench = Bench::new().await;
    for (on_failure, state) in [(OnFailure::Cancel, "cancelled"), (OnFailure::Run, "available")] {
        let parent = bench.claim_one().await;
        let mut connection = bench.database.pool.acquire().await.unwrap();
        await_children(&mut connection, parent.lease, &[child("x")], on_failure, None)
            .await
            .unwrap();
        let [x] = bench.claim().await.try_into().unwrap();
        bench.give_up(&x, "no").await;
        assert_eq!(bench.state(parent.lease.job).await, state);
    }
}

#[tokio::test]
async fn children_end_with_the_job_that_asked_for_them() {
    let bench = Bench::new().await;
    let parent = bench.claim_one().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    await_children(
        &mut connection,
        parent.lease,
        &[child("runs"), child("asks too"), child("waits")],
        OnFailure::Run,
        None,
    )
    .await
    .unwrap();
    let [runs, asks] = bench.claim_up_to(2).await.try_into().unwrap();
    await_children(
        &mut connection,
        asks.lease,
        &[child("grandchild")],
        OnFailure::Run,
        None,
    )
    .await
    .unwrap();

    let answer = cancel(&bench.database.pool, parent.lease.job, None, "alice")
        .await
        .unwrap();
    assert_eq!(answer, Cancelled::AtOnce);
    assert_eq!(
        cancelled_of(&bench.database.pool, bench.worker).await.unwrap(),
        [runs.lease.job]
    );
    assert_eq!(
        bench.database.rows("select state from botticelli.jobs").await,
        ["running"],
        "all others have ended"
    );
    let reason = format!("select reason from botticelli.dead_jobs where id = {}", asks.lease.job);
    assert_eq!(
        bench.database.row(&reason).await,
        format!(
            "cancelled by alice: job {}, which asked for it, was cancelled",
            parent.lease.job
        )
    );
    bench.finish(&runs).await;
    assert!(bench.claim().await.is_empty());
}

#[tokio::test]
async fn a_redriven_job_waits_again_for_those_that_it_asked_for_and_that_have_not_been_completed() {
    let bench = Bench::new().await;
    let parent = bench.claim_one().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let mut last = child("after both");
    last.needs.extend(["runs".to_owned(), "waits".to_owned()]);
    let children = [child("done"), child("runs"), child("waits"), last];
    await_children(&mut connection, parent.lease, &children, OnFailure::Run, None)
        .await
        .unwrap();
    let [done, runs] = bench.claim_up_to(2).await.try_into().unwrap();
    bench.finish(&done).await;
    cancel(&bench.database.pool, parent.lease.job, None, "alice")
        .await
        .unwrap();

    redrive(&bench.database.pool, parent.lease.job).await.unwrap();
    let states = "select name, state from botticelli.workflow(1)";
    assert_eq!(
        bench.database.rows(states).await,
        [
            "posting|pending",
            "done|completed",
            "runs|running",
            "waits|available",
            "after both|pending"
        ]
    );
    // A job that is cancelled never waits again; this one comes to its end before its worker hears of it.
    assert_eq!(
        cancelled_of(&bench.database.pool, bench.worker).await.unwrap(),
        [runs.lease.job]
    );
    bench.finish(&runs).await;
    for name in ["waits", "after both"] {
        let [next] = bench.claim().await.try_into().unwrap();
        assert_ne!(next.lease.job, parent.lease.job, "before {name}");
        bench.finish(&next).await;
    }
    let [again] = bench.claim().await.try_into().unwrap();
    assert_eq!((again.lease.job, again.tries), (parent.lease.job, 1));
    let needs = needs_of(&bench.database.pool, again.lease.job).await.unwrap();
    assert_eq!(needs.len(), 4);
    assert!(needs.iter().all(|need| need.outcome.as_deref() == Some("completed")));
}

#[tokio::test]
async fn a_job_whose_place_is_taken_stays_dead_with_those_that_it_asked_for() {
    let bench = Bench::new().await;
    let unique = "select botticelli.enqueue('posting', unique_by => '{}')";
    bench.execute(unique).await;
    let [parent] = bench.claim().await.try_into().unwrap();
    let mut connection = bench.database.pool.acquire().await.unwrap();
    await_children(&mut connection, parent.lease, &[child("x")], OnFailure::Cancel, None)
        .await
        .unwrap();
    cancel(&bench.database.pool, parent.lease.job, None, "alice")
        .await
        .unwrap();
    bench.execute(unique).await;
    let refused = redrive(&bench.database.pool, parent.lease.job).await.unwrap_err();
    assert!(refused.to_string().contains("has taken its place"), "{refused}");
    let dead = "select count(*) from botticelli.dead_jobs";
    assert_eq!(bench.database.row(dead).await, "2");
    // A job is redriven alone when it is asked for by itself.
    let [x] = needs_of(&bench.database.pool, parent.lease.job)
        .await
        .unwrap()
        .try_into()
        .unwrap();
    redrive(&bench.database.pool, botticelli_queue::JobId(x.id))
        .await
        .unwrap();
    assert_eq!(bench.database.row(dead).await, "1");
}

#[tokio::test]
async fn none_comes_without_the_job_that_it_comes_with_however_far_down() {
    let bench = Bench::new().await;
    let unique = "select botticelli.enqueue('posting', unique_by => '{}')";
    bench.execute(unique).await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let mut ask = async |name| {
        let [job] = bench.claim().await.try_into().unwrap();
        await_children(&mut connection, job.lease, &[child(name)], OnFailure::Cancel, None)
            .await
            .unwrap();
    };
    ask("middle").await;
    ask("leaf").await;
    let [leaf] = bench.claim().await.try_into().unwrap();
    bench.give_up(&leaf, "no").await;
    let dead = "select state from botticelli.dead_jobs order by id";
    assert_eq!(bench.database.rows(dead).await, ["cancelled", "cancelled", "discarded"]);
    bench.execute(unique).await;
    let root = "select botticelli.redrive(1)";
    let refused = sqlx::query(root).execute(&bench.database.pool).await.unwrap_err();
    assert!(refused.to_string().contains("has taken its place"), "{refused}");
    assert_eq!(bench.database.rows(dead).await.len(), 3);
    bench
        .execute("select botticelli.cancel(max(id)) from botticelli.waiting_jobs")
        .await;
    bench.execute(root).await;
    assert_eq!(
        bench.database.rows("select state from botticelli.workflow(1)").await,
        ["pending", "pending", "available"]
    );
}

#[tokio::test]
async fn a_job_without_a_key_asks_for_others_where_keys_have_limits_too() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.limit_queue('posting', max_running_per_key => 5)")
        .await;
    let parent = bench.claim_one().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let waits = await_children(&mut connection, parent.lease, &[child("x")], OnFailure::Run, None).await;
    assert_eq!(waits.unwrap(), PutBack::Waits);
    let [x] = bench.claim().await.try_into().unwrap();
    bench.finish(&x).await;
    assert_eq!(bench.claim().await[0].lease.job, parent.lease.job);
}

#[tokio::test]
async fn a_job_asks_for_each_name_once() {
    let bench = Bench::new().await;
    let parent = bench.claim_one().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let x = [child("x")];
    await_children(&mut connection, parent.lease, &x, OnFailure::Run, None)
        .await
        .unwrap();
    let [first] = bench.claim().await.try_into().unwrap();
    bench.finish(&first).await;
    let [again] = bench.claim().await.try_into().unwrap();
    let refused = await_children(&mut connection, again.lease, &x, OnFailure::Run, None).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "job 1 has asked for a job called \"x\" before; Give each job that it asks for a name of its own."
    );
    await_children(&mut connection, again.lease, &[child("y")], OnFailure::Run, None)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_cancelled_job_and_one_that_is_lost_ask_for_nothing() {
    let bench = Bench::new().await;
    let parent = bench.claim_one().await;
    cancel(&bench.database.pool, parent.lease.job, Some("no"), "alice")
        .await
        .unwrap();
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let asked = await_children(&mut connection, parent.lease, &[child("x")], OnFailure::Run, None).await;
    assert_eq!(
        asked.unwrap(),
        PutBack::Cancelled {
            reason: "cancelled by alice: no".to_owned()
        }
    );
    assert_eq!(bench.state(parent.lease.job).await, "cancelled");
    let again = await_children(&mut connection, parent.lease, &[child("x")], OnFailure::Run, None).await;
    assert!(matches!(again, Err(QueueError::LeaseLost(_))));
    assert_eq!(
        bench
            .database
            .row("select count(*) from botticelli.workflow_jobs")
            .await,
        "0"
    );
}

#[tokio::test]
async fn a_child_that_cannot_be_leaves_the_job_with_its_worker() {
    let bench = Bench::new().await;
    let parent = bench.claim_one().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let wrong = WorkflowJob::new("x", "postings", json!({}));
    let refused = await_children(&mut connection, parent.lease, &[wrong], OnFailure::Run, None).await;
    assert!(matches!(refused, Err(QueueError::Invalid(reason)) if reason.contains("unknown queue \"postings\"")));
    bench.finish(&parent).await;
}

#[tokio::test]
async fn children_are_as_urgent_as_the_job_and_have_its_limit_key() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.enqueue('posting', priority => 7, limit_key => 'tenant')")
        .await;
    let [parent] = bench.claim().await.try_into().unwrap();
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let mut urgent = child("urgent");
    urgent.options.priority = 9;
    await_children(
        &mut connection,
        parent.lease,
        &[child("x"), urgent],
        OnFailure::Run,
        None,
    )
    .await
    .unwrap();
    let waiting = "select priority, limit_key from botticelli.waiting_jobs order by id";
    assert_eq!(bench.database.rows(waiting).await, ["7|tenant", "9|tenant"]);
}

#[tokio::test]
async fn children_that_are_asked_for_while_the_job_is_being_cancelled_end_with_it() {
    let bench = Bench::new().await;
    let parent = bench.claim_one().await;
    let mut asking = bench.database.pool.begin().await.unwrap();
    await_children(
        &mut asking,
        parent.lease,
        &[child("x"), child("y")],
        OnFailure::Run,
        None,
    )
    .await
    .unwrap();
    let pool = bench.database.pool.clone();
    let job = parent.lease.job;
    let cancelling = tokio::spawn(async move { cancel(&pool, job, Some("no"), "alice").await });
    bench.database.until_waiting_for_locks(1).await;
    asking.commit().await.unwrap();
    assert_eq!(cancelling.await.unwrap().unwrap(), Cancelled::AtOnce);
    assert_eq!(bench.database.row("select count(*) from botticelli.jobs").await, "0");
    let reason = format!("select reason from botticelli.dead_jobs where id = {job}");
    assert_eq!(bench.database.row(&reason).await, "cancelled by alice: no");
}
