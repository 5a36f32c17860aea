use std::time::Duration;

use botticelli_queue::{
    JobOptions, NewJob, QueueError, Source, Wakeup, Wakeups, complete, enqueue, enqueue_unless_waiting, has_unfinished,
    retry,
};
use serde_json::{Value, json};

use crate::Bench;

async fn refusal(bench: &Bench, queue: &str, args: Value) -> String {
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let job = NewJob {
        queue,
        args,
        source: Source::Sql,
        traceparent: None,
        options: JobOptions::default(),
    };
    match enqueue(&mut connection, &job).await {
        Err(QueueError::Invalid(reason)) => reason,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// The SQLSTATE and the message of a statement that must fail.
pub(crate) async fn refused_sql(bench: &Bench, sql: &str) -> (String, String) {
    let error = sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(&bench.database.pool)
        .await
        .unwrap_err();
    let refusal = error.as_database_error().unwrap();
    (refusal.code().unwrap().into_owned(), refusal.message().to_owned())
}

#[tokio::test]
async fn a_job_exists_exactly_if_the_enqueuing_transaction_commits() {
    let bench = Bench::new().await;
    let job = NewJob {
        queue: "posting",
        args: json!({}),
        source: Source::Sql,
        traceparent: None,
        options: JobOptions::default(),
    };
    let mut transaction = bench.database.pool.begin().await.unwrap();
    enqueue(&mut transaction, &job).await.unwrap();
    assert!(bench.claim().await.is_empty());
    transaction.rollback().await.unwrap();
    assert!(bench.claim().await.is_empty());

    let mut transaction = bench.database.pool.begin().await.unwrap();
    enqueue(&mut transaction, &job).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(bench.claim().await.len(), 1);
}

#[tokio::test]
async fn an_unknown_queue_is_refused_with_the_known_ones() {
    let bench = Bench::new().await;
    assert_eq!(
        refusal(&bench, "postin", json!({})).await,
        r#"unknown queue "postin"; Known queues: posting."#
    );
}

#[tokio::test]
async fn bad_arguments_are_refused_by_name() {
    let bench = Bench::new().await;
    assert_eq!(
        refusal(&bench, "posting", json!({"limits": 1})).await,
        r#"unknown argument "limits" for queue "posting" (kind posting); Known arguments: limit."#
    );
    assert_eq!(
        refusal(&bench, "posting", json!({"limit": 0})).await,
        r#"argument "limit" of queue "posting" must be a whole number from 1 to 100, not 0"#
    );
    assert_eq!(
        refusal(&bench, "posting", json!({"limit": "many"})).await,
        r#"argument "limit" of queue "posting" must be a whole number from 1 to 100, not "many""#
    );
    for value in [json!(null), json!(2.5), json!(101)] {
        assert_eq!(
            refusal(&bench, "posting", json!({"limit": value})).await,
            format!(r#"argument "limit" of queue "posting" must be a whole number from 1 to 100, not {value}"#)
        );
    }
    assert_eq!(
        refused_sql(&bench, r#"select botticelli.enqueue('posting', '{"limit": 2.0}')"#).await,
        (
            "22023".to_owned(),
            r#"argument "limit" of queue "posting" must be a whole number from 1 to 100, not 2.0"#.to_owned()
        )
    );
    assert_eq!(
        refusal(&bench, "posting", json!([1])).await,
        r#"args of queue "posting" must be a JSON object, not array; Write for example '{}'."#
    );
}

#[tokio::test]
async fn arguments_over_256_kib_are_refused_with_their_size() {
    let bench = Bench::new().await;
    let reason = refusal(&bench, "posting", json!({"limit": "x".repeat(300_000)})).await;
    assert!(reason.contains("more than the limit of 262144 (256 KiB)"), "{reason}");
}

#[tokio::test]
async fn plain_sql_enqueues_with_defaults_and_with_arguments() {
    let bench = Bench::new().await;
    bench.execute("select botticelli.enqueue('posting')").await;
    bench
        .execute(r#"select botticelli.enqueue('posting', '{"limit": 2}', priority => 5)"#)
        .await;
    let args: Vec<String> = bench.claim().await.into_iter().map(|job| job.args).collect();
    assert_eq!(args, [r#"{"limit": 2}"#, "{}"]);
}

#[tokio::test]
async fn a_job_that_is_due_never_or_since_ever_is_refused() {
    let bench = Bench::new().await;
    for (sql, message) in [
        (
            "select botticelli.enqueue('posting', run_at => 'infinity')",
            r#"run_at of queue "posting" must be a point in time, not infinity"#,
        ),
        (
            "select botticelli.enqueue('posting', run_at => '-infinity')",
            r#"run_at of queue "posting" must be a point in time, not -infinity"#,
        ),
    ] {
        assert_eq!(refused_sql(&bench, sql).await, ("22023".to_owned(), message.to_owned()));
    }
}

#[tokio::test]
async fn a_row_made_by_hand_that_would_stop_the_claim_is_refused() {
    let bench = Bench::new().await;
    for (sql, constraint) in [
        (
            "insert into botticelli.waiting_jobs (queue, kind, max_attempts, run_at) values ('posting', 'posting', 1, '-infinity')",
            "run_at_is_finite",
        ),
        (
            "insert into botticelli.waiting_jobs (queue, kind, max_attempts, attempt) values ('posting', 'posting', 1, 2147483647)",
            "attempt_is_sane",
        ),
        (
            "insert into botticelli.waiting_jobs (queue, kind, max_attempts, interruptions) values ('posting', 'posting', 1, 1)",
            "interruptions_are_attempts",
        ),
    ] {
        let (code, message) = refused_sql(&bench, sql).await;
        assert_eq!(code, "23514");
        assert!(message.contains(constraint), "{message}");
    }
}

#[tokio::test]
async fn a_job_at_the_last_attempt_that_a_row_can_hold_does_not_stop_its_queue() {
    let bench = Bench::new().await;
    bench
        .execute(
            "insert into botticelli.waiting_jobs (queue, kind, max_attempts, attempt) values ('posting', 'posting', 1, 1000000)",
        )
        .await;
    let job = bench.enqueue().await;
    let claimed: Vec<_> = bench.claim().await.into_iter().map(|job| job.lease.job).collect();
    assert_eq!(claimed, [job]);
}

#[tokio::test]
async fn arguments_that_only_postgres_can_read_do_not_stop_the_claim() {
    let bench = Bench::new().await;
    bench
        .execute(
            r#"insert into botticelli.waiting_jobs (queue, kind, max_attempts, args)
               select 'posting', 'posting', 1, args::jsonb from (values
                 ('{"args": {"x": 1e400}}'),
                 ('{"args": {"x": ' || repeat('[', 200) || repeat(']', 200) || '}}')) as given (args)"#,
        )
        .await;
    let claimed = bench.claim().await;
    assert_eq!(claimed.len(), 2);
    for job in claimed {
        serde_json::from_str::<Value>(&job.args).unwrap_err();
    }
}

#[tokio::test]
async fn a_job_is_not_enqueued_behind_one_that_waits_already() {
    let bench = Bench::new().await;
    let job = NewJob {
        queue: "posting",
        args: json!({}),
        source: Source::After,
        traceparent: None,
        options: JobOptions::default(),
    };
    let mut connection = bench.database.pool.acquire().await.unwrap();
    assert!(enqueue_unless_waiting(&mut connection, &job).await.unwrap().is_some());
    assert!(enqueue_unless_waiting(&mut connection, &job).await.unwrap().is_none());
    assert_eq!(bench.claim().await.len(), 1);
    // One that runs may have looked already; a new one is needed.
    assert!(enqueue_unless_waiting(&mut connection, &job).await.unwrap().is_some());
}

#[tokio::test]
async fn a_waiting_job_that_stands_in_for_a_new_one_runs_after_the_commit() {
    let bench = Bench::new().await;
    bench.enqueue().await;
    let job = NewJob {
        queue: "posting",
        args: json!({}),
        source: Source::After,
        traceparent: None,
        options: JobOptions::default(),
    };
    let mut first = bench.database.pool.begin().await.unwrap();
    assert!(enqueue_unless_waiting(&mut first, &job).await.unwrap().is_none());
    // What `first` wrote is not visible yet, so a run that began now would miss it.
    assert!(bench.claim().await.is_empty());
    // The same goes for anybody else's work: the locked job may run before that is committed.
    let mut second = bench.database.pool.begin().await.unwrap();
    assert!(enqueue_unless_waiting(&mut second, &job).await.unwrap().is_some());
    second.rollback().await.unwrap();

    let mut wakeups = Wakeups::listen(&bench.database.pool).await.unwrap();
    first.commit().await.unwrap();
    assert_eq!(wakeups.next().await.unwrap(), Some(Wakeup::Queue("posting".to_owned())));
    assert_eq!(bench.claim().await.len(), 1);
}

#[tokio::test]
async fn a_job_that_is_due_later_is_not_unfinished_work_but_one_that_runs_or_is_tried_again_is() {
    let bench = Bench::new().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    assert!(!has_unfinished(&mut connection, "posting").await.unwrap());
    bench
        .execute("select botticelli.enqueue('posting', run_at => now() + interval '1 hour')")
        .await;
    assert!(!has_unfinished(&mut connection, "posting").await.unwrap());

    let waiting = bench.enqueue().await;
    assert!(has_unfinished(&mut connection, "posting").await.unwrap());
    let running = bench.claim().await.pop().unwrap();
    assert_eq!(running.lease.job, waiting);
    assert!(has_unfinished(&mut connection, "posting").await.unwrap());
    retry(&mut connection, &running, Duration::from_hours(1), "boom")
        .await
        .unwrap();
    assert!(has_unfinished(&mut connection, "posting").await.unwrap());
}

const BY_LIMIT: &str = "select id, is_new from botticelli.enqueue_many('posting',
    array['{\"limit\": 1}', '{\"limit\": 2}', '{\"limit\": 1}']::jsonb[], unique_by => '{limit}')";

#[tokio::test]
async fn a_unique_job_is_there_once_and_the_id_of_the_one_that_is_there_is_given() {
    let bench = Bench::new().await;
    assert_eq!(bench.database.rows(BY_LIMIT).await, ["1|t", "2|t", "1|f"]);
    let again = bench.database.rows(BY_LIMIT).await;
    assert_eq!(again, ["1|f", "2|f", "1|f"]);
    let one = "select botticelli.enqueue('posting', '{\"limit\": 2}', unique_by => '{*}')";
    // Another set of arguments to compare by is another key.
    let by_all = bench.database.row(one).await;
    assert_eq!(bench.database.row(one).await, by_all);
    assert_ne!(by_all, "2");
}

#[tokio::test]
async fn a_unique_job_may_follow_when_the_first_is_claimed_or_has_ended_as_asked() {
    let bench = Bench::new().await;
    let waiting = "select botticelli.enqueue('posting', unique_by => '{}', unique_while => 'waiting')";
    let first = bench.database.row(waiting).await;
    assert_eq!(bench.database.row(waiting).await, first);
    let job = bench.claim().await.pop().unwrap();
    assert_ne!(bench.database.row(waiting).await, first);
    let mut connection = bench.database.pool.acquire().await.unwrap();
    complete(&mut connection, job.lease).await.unwrap();

    let unfinished = "select botticelli.enqueue('posting', '{\"limit\": 7}', unique_by => '{*}')";
    let first = bench.database.row(unfinished).await;
    let job = bench.claim().await.pop().unwrap();
    assert_eq!(job.lease.job.to_string(), first);
    assert_eq!(bench.database.row(unfinished).await, first);
    retry(&mut connection, &job, Duration::ZERO, "no").await.unwrap();
    assert_eq!(bench.database.row(unfinished).await, first);
    let job = bench.claim().await.pop().unwrap();
    complete(&mut connection, job.lease).await.unwrap();
    assert_ne!(bench.database.row(unfinished).await, first);
}

#[tokio::test]
async fn a_unique_job_stays_the_only_one_for_its_period_whatever_becomes_of_it() {
    let bench = Bench::new().await;
    let hourly = "select botticelli.enqueue('posting', unique_by => '{}', unique_for => '1 hour')";
    let first = bench.database.row(hourly).await;
    let job = bench.claim().await.pop().unwrap();
    let mut connection = bench.database.pool.acquire().await.unwrap();
    complete(&mut connection, job.lease).await.unwrap();
    assert_eq!(bench.database.row(hourly).await, first);
    bench.execute("update botticelli.job_keys set expires_at = now()").await;
    assert_ne!(bench.database.row(hourly).await, first);
}

#[tokio::test]
async fn of_many_that_enqueue_the_same_unique_job_at_once_one_succeeds() {
    let bench = Bench::new().await;
    let enqueues = (0..20).map(|_| bench.database.rows(BY_LIMIT));
    let rows: Vec<String> = futures_util::future::join_all(enqueues).await.concat();
    assert_eq!(rows.iter().filter(|row| row.ends_with("|t")).count(), 2);
    assert_eq!(bench.claim().await.len(), 2);
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_with_the_way_out() {
    let bench = Bench::new().await;
    for (sql, message) in [
        (
            "select botticelli.enqueue('posting', not_after => now() - interval '1 hour')",
            "must be later than run_at",
        ),
        (
            "select botticelli.enqueue('posting', unique_for => '1 hour')",
            "unique_while and unique_for of queue \"posting\" need unique_by",
        ),
        (
            "select botticelli.enqueue('posting', unique_by => '{*}', unique_while => 'running')",
            r#"must be "waiting" or "unfinished", not "running""#,
        ),
        (
            "select botticelli.enqueue('posting', unique_by => array[null])",
            r#"unknown argument "NULL" in unique_by of queue "posting" (kind posting)"#,
        ),
        (
            "select botticelli.enqueue('posting', unique_by => '{limits}')",
            r#"unknown argument "limits" in unique_by of queue "posting" (kind posting)"#,
        ),
        (
            "select * from botticelli.enqueue_many('posting', array['{}', null]::jsonb[])",
            "must be a JSON object, not NULL",
        ),
    ] {
        let (code, text) = refused_sql(&bench, sql).await;
        assert_eq!(code, "22023");
        assert!(text.contains(message), "{text}");
    }
}

#[tokio::test]
async fn jobs_in_bulk_are_all_there_however_many_and_none_is_when_one_is_wrong() {
    let bench = Bench::new().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let count = "select count(*), count(distinct args ->> 'limit'), min(max_attempts) from botticelli.waiting_jobs";
    for jobs in [0_u32, 3, 20_000] {
        let args = (0..jobs).map(|number| json!({ "limit": number, "text": "ä\"\\" }));
        let enqueued = botticelli_queue::enqueue_bulk(&mut connection, "posting", args)
            .await
            .unwrap();
        assert_eq!(enqueued, u64::from(jobs));
        let tries = if jobs == 0 { "" } else { "3" };
        assert_eq!(bench.database.row(count).await, format!("{jobs}|{jobs}|{tries}"));
        bench.execute("delete from botticelli.waiting_jobs").await;
    }
    for wrong in [2, 20_000] {
        let args = (0..=wrong).map(|number| if number == wrong { json!([]) } else { json!({}) });
        let refused = botticelli_queue::enqueue_bulk(&mut connection, "posting", args)
            .await
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("args number {} of queue \"posting\" must be a JSON object", wrong + 1)
        );
        assert_eq!(bench.database.row("select count(*) from botticelli.jobs").await, "0");
    }
}

#[tokio::test]
async fn who_enqueues_a_job_that_is_there_keeps_nobody_from_settling_or_claiming() {
    let bench = Bench::new().await;
    let unfinished = "select botticelli.enqueue('posting', unique_by => '{}')";
    let waiting =
        r#"select botticelli.enqueue('posting', '{"limit": 2}', unique_by => '{*}', unique_while => 'waiting')"#;
    bench.execute(unfinished).await;
    let [running] = bench.claim().await.try_into().unwrap();
    bench.execute(waiting).await;
    bench
        .execute(r#"select botticelli.enqueue('posting', '{"limit": 3}')"#)
        .await;

    let mut producer = bench.database.pool.begin().await.unwrap();
    for statement in [unfinished, waiting] {
        sqlx::query(statement).execute(&mut *producer).await.unwrap();
    }
    // It ends, though somebody is told just now that it is there.
    bench.finish(&running).await;
    // The one whose claim would free the key waits for what its producer writes; the others do not.
    let [other] = bench.claim().await.try_into().unwrap();
    assert_eq!(other.args, r#"{"limit": 3}"#);
    let mut wakeups = botticelli_queue::Wakeups::listen(&bench.database.pool).await.unwrap();
    producer.commit().await.unwrap();
    wakeups.next().await.unwrap();
    let [waited] = bench.claim().await.try_into().unwrap();
    assert_eq!(waited.args, r#"{"limit": 2}"#);
    bench.finish(&waited).await;
    assert_eq!(
        bench
            .database
            .row("select count(*) from botticelli.job_keys where held_until is not null")
            .await,
        "0"
    );
}
