//! What jobs tell about themselves, and who can see it.

use std::time::Duration;

use botticelli_queue::{
    ClaimedJob, Consumer, ConsumerOptions, JobBackend, JobOptions, LogLevel, NewJob, Progress, QueueError, Report,
    add_to_log, complete, enqueue, find_job, job_log, prune, report_all, report_progress, save_result,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::Bench;

#[tokio::test]
async fn progress_is_seen_while_the_job_runs_and_what_is_not_told_again_stays() {
    let bench = Bench::new().await;
    let job = bench.claim_one().await;
    let pool = &bench.database.pool;
    let told = Progress {
        done: Some(1),
        total: Some(3),
        note: Some("the first of three"),
    };
    report_progress(pool, job.lease, told).await.unwrap();
    let seen = "select id, done, total, note from botticelli.running_jobs";
    assert_eq!(
        bench.database.row(seen).await,
        format!("{}|1|3|the first of three", job.lease.job)
    );
    let more = Progress {
        done: Some(2),
        ..Progress::default()
    };
    report_progress(pool, job.lease, more).await.unwrap();
    let details = find_job(pool, job.lease.job).await.unwrap().unwrap();
    assert_eq!(
        (details.done, details.total, details.note.as_deref()),
        (Some(2), Some(3), Some("the first of three"))
    );
}

#[tokio::test]
async fn the_log_of_a_job_is_kept_in_order_and_only_its_last_thousand_lines() {
    let bench = Bench::new().await;
    let job = bench.claim_one().await;
    let pool = &bench.database.pool;
    add_to_log(pool, job.lease, LogLevel::Warn, "nul\0 and a line")
        .await
        .unwrap();
    let lines = job_log(pool, job.lease.job).await.unwrap();
    assert_eq!(
        (lines[0].level.as_str(), lines[0].message.as_str(), lines[0].attempt),
        ("warn", "nul\u{fffd} and a line", 1)
    );
    bench
        .database
        .execute(&format!(
            "insert into botticelli.job_logs (job_id, attempt, level, message)
             select {}, 1, 'info', 'line ' || n from generate_series(1, 1000) as n",
            job.lease.job
        ))
        .await;
    add_to_log(pool, job.lease, LogLevel::Info, &"x".repeat(9000))
        .await
        .unwrap();
    let lines = job_log(pool, job.lease.job).await.unwrap();
    assert_eq!((lines.len(), lines[0].message.as_str()), (1000, "line 2"));
    assert_eq!(lines[999].message.len(), 8000);
}

#[tokio::test]
async fn what_jobs_tell_together_is_kept_as_if_each_had_told_it_alone() {
    let bench = Bench::new().await;
    let (one, other) = (bench.claim_one().await, bench.claim_one().await);
    let mut connection = bench.database.pool.acquire().await.unwrap();
    for (job, lines) in [(&one, 1000), (&other, 1)] {
        bench
            .database
            .execute(&format!(
                "insert into botticelli.job_logs (job_id, attempt, level, message)
                 select {}, 1, 'info', 'old ' || n from generate_series(1, {lines}) n",
                job.lease.job
            ))
            .await;
    }
    let first = Progress {
        done: Some(1),
        total: Some(3),
        note: Some("first"),
    };
    report_all(
        &mut connection,
        &[report(&one, first, "a\0"), report(&other, first, "b")],
    )
    .await
    .unwrap();
    let (second, third) = (
        Progress {
            done: Some(2),
            ..Progress::default()
        },
        Progress {
            done: Some(3),
            ..Progress::default()
        },
    );
    report_all(&mut connection, &[report(&one, second, "c"), report(&one, third, "d")])
        .await
        .unwrap();
    let told = find_job(&bench.database.pool, one.lease.job).await.unwrap().unwrap();
    assert_eq!(
        (told.done, told.total, told.note.as_deref()),
        (Some(3), Some(3), Some("first"))
    );
    let lines = job_log(&bench.database.pool, one.lease.job).await.unwrap();
    let said: Vec<&str> = lines.iter().map(|line| line.message.as_str()).collect();
    assert_eq!((said.len(), said[0]), (1000, "old 4"));
    assert_eq!(said[997..], ["a\u{fffd}", "c", "d"]);
    let lines = job_log(&bench.database.pool, other.lease.job).await.unwrap();
    assert_eq!((lines.len(), lines[1].message.as_str()), (2, "b"));
}

fn report<'a>(job: &ClaimedJob, progress: Progress<'a>, line: &'a str) -> Report<'a> {
    Report {
        lease: job.lease,
        progress,
        level: LogLevel::Info,
        line,
    }
}

#[tokio::test]
async fn a_worker_that_has_lost_a_job_can_tell_nothing_of_it_any_more() {
    let bench = Bench::new().await;
    let job = bench.claim_one().await;
    bench.finish(&job).await;
    let pool = &bench.database.pool;
    let progress = report_progress(pool, job.lease, Progress::default()).await;
    assert!(matches!(progress, Err(QueueError::LeaseLost(_))));
    let line = add_to_log(pool, job.lease, LogLevel::Info, "late").await;
    assert!(matches!(line, Err(QueueError::LeaseLost(_))));
    assert!(job_log(pool, job.lease.job).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_result_is_there_exactly_if_its_job_is_completed() {
    let bench = Bench::new().await;
    let job = bench.claim_one().await;
    let pool = &bench.database.pool;
    let result = json!({"posts": [1, 2]});
    let mut transaction = pool.begin().await.unwrap();
    complete(&mut transaction, job.lease).await.unwrap();
    save_result(&mut transaction, job.lease, &result).await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(find_job(pool, job.lease.job).await.unwrap().unwrap().result, None);

    let mut transaction = pool.begin().await.unwrap();
    complete(&mut transaction, job.lease).await.unwrap();
    save_result(&mut transaction, job.lease, &result).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(
        find_job(pool, job.lease.job).await.unwrap().unwrap().result,
        Some(result)
    );
}

#[tokio::test]
async fn a_result_that_cannot_be_kept_is_refused_with_the_reason() {
    let bench = Bench::new().await;
    let job = bench.claim_one().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    for (result, reason) in [
        (
            json!("x".repeat(300_000)),
            "takes 300002 bytes, more than the limit of 262144 (256 KiB)",
        ),
        (
            json!({"text": ["a\0b"]}),
            "holds the character U+0000, which PostgreSQL does not keep",
        ),
    ] {
        let refused = save_result(&mut connection, job.lease, &result).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("the result of job {} {reason}", job.lease.job)
        );
    }
}

#[tokio::test]
async fn what_a_handler_of_a_consumer_answers_is_the_result_of_its_job() {
    let bench = Bench::new().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let mut jobs = Vec::new();
    for limit in [1, 2] {
        let job = NewJob {
            options: JobOptions::default(),
            ..NewJob::new("posting", json!({ "limit": limit }))
        };
        jobs.push(enqueue(&mut connection, &job).await.unwrap());
    }
    drop(connection);
    let stop = CancellationToken::new();
    let consumer = Consumer::new(
        bench.database.pool.clone(),
        bench.queue.clone(),
        bench.worker,
        ConsumerOptions::default(),
    );
    let working = tokio::spawn(consumer.run(stop.clone(), async |backend: JobBackend<Value>| {
        let handler = |job: botticelli_queue::ClaimedJob| async move {
            let args: Value = serde_json::from_str(&job.args)?;
            // The second answer is more than can be kept.
            let times = if args["limit"] == json!(2) { 300_000 } else { 1 };
            Ok::<Value, serde_json::Error>(json!("x".repeat(times)))
        };
        apalis_core::worker::builder::WorkerBuilder::new("posting")
            .backend(backend)
            .build(handler)
            .run()
            .await
            .ok();
    }));
    bench
        .database
        .until("(select count(*) from botticelli.job_history) = 2")
        .await;
    stop.cancel();
    working.await.unwrap();
    let pool = &bench.database.pool;
    assert_eq!(find_job(pool, jobs[0]).await.unwrap().unwrap().result, Some(json!("x")));
    let refused = find_job(pool, jobs[1]).await.unwrap().unwrap();
    assert_eq!(
        (refused.state.as_str(), refused.reason.as_deref()),
        (
            "discarded",
            Some("the result takes 300002 bytes, more than the limit of 262144 (256 KiB)")
        )
    );
}

#[tokio::test]
async fn what_jobs_told_goes_with_their_history_and_not_before_their_end() {
    let bench = Bench::new().await;
    let (old, running) = (bench.claim_one().await, bench.claim_one().await);
    let pool = &bench.database.pool;
    for job in [&old, &running] {
        report_progress(pool, job.lease, Progress::default()).await.unwrap();
        add_to_log(pool, job.lease, LogLevel::Info, "said").await.unwrap();
    }
    bench.finish(&old).await;
    bench
        .execute(
            "update botticelli.job_reports set updated_at = now() - interval '3 days';
             update botticelli.job_logs set at = now() - interval '3 days'",
        )
        .await;
    let day = Duration::from_hours(24);
    assert_eq!(prune(pool, day, day).await.unwrap().reports_deleted, 1);
    let left = "select job_id from botticelli.job_reports";
    assert_eq!(bench.database.row(left).await, running.lease.job.to_string());
    let left = "select job_id from botticelli.job_logs";
    assert_eq!(bench.database.row(left).await, running.lease.job.to_string());
}
