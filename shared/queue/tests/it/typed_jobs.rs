//! Jobs as types, and what cannot be read as one.

use std::time::Duration;

use botticelli_queue::{
    Enqueued, Job, JobOptions, NewJob, NewJobs, Source, Unique, UniqueDuring, UnreadableJob, enqueue, enqueue_many,
    register_queue,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Bench;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SendReport {
    to: Vec<Address>,
    #[serde(default)]
    urgent: bool,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Address {
    name: String,
}

impl Job for SendReport {
    const KIND: &'static str = "report";
    const VERSION: i16 = 2;
}

fn report() -> SendReport {
    SendReport {
        to: vec![Address {
            name: "Alice".to_owned(),
        }],
        urgent: true,
    }
}

async fn bench() -> Bench {
    let bench = Bench::new().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    register_queue(&mut connection, "posting", "report", 3).await.unwrap();
    bench
}

#[tokio::test]
async fn a_typed_job_is_read_as_it_was_enqueued() {
    let bench = bench().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let id = enqueue(&mut connection, &NewJob::of("posting", &report()).unwrap())
        .await
        .unwrap();
    let [job] = bench.claim().await.try_into().unwrap();
    assert_eq!((job.lease.job, job.version), (id, 2));
    assert_eq!(job.read::<SendReport>().unwrap(), report());
}

#[tokio::test]
async fn a_job_that_cannot_be_read_says_which_kind_version_or_field_is_wrong() {
    let bench = bench().await;
    let args =
        |args: &str, version: i32| format!("select botticelli.enqueue('posting', '{args}', version => {version})");
    for (statement, reason) in [
        (
            args(r#"{"to": [{"name": 7}]}"#, 1),
            "the arguments of the job are not those of kind `report`: field `to[0].name`: invalid type: integer `7`, expected \
             a string at line 1 column 18",
        ),
        (
            args(r#"{"to": [], "urgnt": true}"#, 1),
            "the arguments of the job are not those of kind `report`: field `urgnt`: unknown field `urgnt`, expected `to` or \
             `urgent` at line 1 column 18",
        ),
        (
            args(r#"{"to": []}"#, 3),
            "the job's arguments have version 3, and this program reads `report` up to version 2; it takes a newer one",
        ),
    ] {
        bench.database.execute(&statement).await;
        let [job] = bench.claim().await.try_into().unwrap();
        assert_eq!(job.read::<SendReport>().unwrap_err().to_string(), reason);
    }
    bench
        .database
        .execute("insert into botticelli.waiting_jobs (queue, kind, max_attempts) values ('posting', 'letter', 1)")
        .await;
    let [job] = bench.claim().await.try_into().unwrap();
    assert!(matches!(job.read::<SendReport>(), Err(UnreadableJob::Kind { found, .. }) if found == "letter"));
}

#[tokio::test]
async fn everything_that_sql_can_ask_for_can_be_asked_for_from_rust() {
    let bench = bench().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let unique = Unique {
        by: &["n"],
        during: UniqueDuring::Unfinished,
        period: Some(Duration::from_mins(1)),
    };
    let options = JobOptions {
        run_at: Some("2126-01-01T00:00:00Z".parse().unwrap()),
        priority: 5,
        max_attempts: Some(7),
        not_after: Some("2126-01-02T00:00:00Z".parse().unwrap()),
        unique: Some(unique),
        limit_key: Some("tenant"),
        version: Some(2),
    };
    let args = [json!({"n": 1}), json!({"n": 2}), json!({"n": 1})];
    let jobs = NewJobs {
        queue: "posting",
        args: &args,
        source: Source::Sql,
        traceparent: None,
        options: options.clone(),
    };
    let enqueued = enqueue_many(&mut connection, &jobs).await.unwrap();
    assert_eq!(
        enqueued.iter().map(|job| job.is_new).collect::<Vec<_>>(),
        [true, true, false]
    );
    assert_eq!(enqueued[0].id, enqueued[2].id);
    let one = NewJob {
        options,
        ..NewJob::new("posting", json!({"n": 2}))
    };
    assert_eq!(enqueue(&mut connection, &one).await.unwrap(), enqueued[1].id);
    let Enqueued { id, .. } = enqueued[0];
    let stored = format!(
        "select priority, max_attempts, run_at > now(), not_after > run_at, unique_key is not null, limit_key, version
         from botticelli.waiting_jobs where id = {id}"
    );
    assert_eq!(bench.database.row(&stored).await, "5|7|t|t|t|tenant|2");
}
