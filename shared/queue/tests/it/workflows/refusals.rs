//! Workflows that cannot be.

use botticelli_queue::{JobOptions, QueueError, Source, Unique, UniqueDuring, WorkflowJob, enqueue_workflow};
use serde_json::json;

use super::step;
use crate::{Bench, enqueuing::refused_sql};

#[tokio::test]
async fn what_cannot_be_meant_is_refused_by_its_name_and_nothing_is_enqueued() {
    let bench = Bench::new().await;
    for (jobs, reason) in [
        ("null", "jobs of a workflow must be a JSON array of 1 to 10000 objects"),
        ("[]", "jobs of a workflow must be a JSON array of 1 to 10000 objects"),
        ("[3]", "job number 1 of the workflow must be an object, not 3"),
        (
            r#"[{"name": "a", "queue": "posting", "need": []}]"#,
            r#"unknown key "need" in job number 1 of the workflow"#,
        ),
        (
            r#"[{"queue": "posting"}]"#,
            r#""name" of job number 1 of the workflow must have from 1 to 200 characters"#,
        ),
        (
            r#"[{"name": "a", "queue": "posting"}, {"name": "a", "queue": "posting"}]"#,
            r#"two jobs of the workflow are called "a""#,
        ),
        (
            r#"[{"name": "a", "queue": "posting", "needs": ["b"]}, {"name": "b", "queue": "posting"}]"#,
            r#"job "a" needs "b", which does not stand before it"#,
        ),
        (
            r#"[{"name": "a", "queue": "posting", "needs": ["a"]}]"#,
            r#"job "a" needs "a", which does not stand before it"#,
        ),
        (
            r#"[{"name": "a", "queue": "posting", "needs": "b"}]"#,
            r#""needs" of job "a" must be an array of names, not "b""#,
        ),
        (
            r#"[{"name": "a", "queue": "posting", "on_failure": "retry"}]"#,
            r#""on_failure" of job "a" must be "cancel" or "run", not "retry""#,
        ),
        (
            r#"[{"name": "a", "queue": "posting", "priority": "high"}]"#,
            r#""priority" of job number 1 of the workflow must be a whole number, not "high""#,
        ),
        (
            r#"[{"name": "a", "queue": "posting", "run_at": "soon"}]"#,
            r#"job "a" of the workflow: invalid input syntax for type timestamp with time zone: "soon""#,
        ),
        (
            r#"[{"name": "a", "queue": "postings"}]"#,
            r#"job "a" of the workflow: unknown queue "postings""#,
        ),
        (r#"[{"name": "a"}]"#, r#""queue" of job "a" is missing"#),
        (
            r#"[{"name": "a", "queue": "posting", "max_attempts": "3"}]"#,
            r#""max_attempts" of job number 1 of the workflow must be a whole number, not "3""#,
        ),
        (
            r#"[{"name": "a", "queue": "posting", "args": {"limits": 1}}]"#,
            r#"job "a" of the workflow: unknown argument "limits" for queue "posting" (kind posting)"#,
        ),
        (
            r#"[{"name": "a", "queue": "posting", "version": 0}]"#,
            r#"job "a" of the workflow: version of the args of queue "posting" must be from 1 to 32767, not 0"#,
        ),
    ] {
        let statement = format!("select botticelli.enqueue_workflow('{jobs}')");
        let (_, message) = refused_sql(&bench, &statement).await;
        assert_eq!(message, reason, "{jobs}");
    }
    let left = "select (select count(*) from botticelli.jobs) + (select count(*) from botticelli.workflows)";
    assert_eq!(bench.database.row(left).await, "0");
}

#[tokio::test]
async fn a_unique_job_cannot_be_part_of_a_workflow() {
    let bench = Bench::new().await;
    let unique = WorkflowJob {
        options: JobOptions {
            unique: Some(Unique {
                by: &["*"],
                during: UniqueDuring::Unfinished,
                period: None,
            }),
            ..JobOptions::default()
        },
        ..WorkflowJob::new("only", "posting", json!({}))
    };
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let refused = enqueue_workflow(&mut connection, None, &[step("a", &[]), unique], Source::Sql, None).await;
    assert!(matches!(refused, Err(QueueError::Invalid(reason)) if reason.contains("\"only\"")));
}
