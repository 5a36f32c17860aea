//! Statements that the server gives up, because others were in the way (SQLSTATE 40001, 40P01): nothing is done then, and
//! the next try does it once.

use std::time::Duration;

use botticelli_queue::{QueueError, claim, complete, rescue};
use sqlx::{Connection, PgConnection};

use crate::{Bench, room};

/// Whose transactions see one snapshot to their end.
const REPEATABLE_READ: &str = "set default_transaction_isolation = 'repeatable read'";
/// What an end runs into: the key of its unique job.
const HOLD_KEY: &str = "update botticelli.job_keys set expires_at = expires_at";
/// What a claim runs into: the workflow of a job that expires in it. For keys it does not wait.
const HOLD_WORKFLOW: &str = "update botticelli.workflows set name = name";
const WAITS: &str = "select from pg_stat_activity
    where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0 and wait_event_type = 'Lock'";

/// What is in the way.
#[derive(Debug, Clone, Copy)]
enum Conflict {
    /// A row that is changed under the statement's snapshot.
    Serialization,
    /// A transaction that then wants what the statement has.
    Deadlock,
}

impl Conflict {
    fn code(self) -> &'static str {
        match self {
            Self::Serialization => "40001",
            Self::Deadlock => "40P01",
        }
    }
}

/// Lets `statement` run into the conflict, by way of what another holds and of what it has locked before, which `crossing`
/// wants; and asserts that the server gave it up.
async fn give_up<T: std::fmt::Debug>(
    bench: &Bench,
    conflict: Conflict,
    hold: &'static str,
    crossing: &'static str,
    statement: impl AsyncFn(&mut PgConnection) -> Result<T, QueueError>,
) {
    loop {
        let mut connection = PgConnection::connect(&bench.database.url).await.unwrap();
        sqlx::raw_sql(REPEATABLE_READ).execute(&mut connection).await.unwrap();
        let mut other = bench.database.pool.begin().await.unwrap();
        // Of two that wait for each other, the one that looks first is given up.
        let patient = "set local deadlock_timeout = '10s'";
        sqlx::raw_sql(patient).execute(&mut *other).await.unwrap();
        sqlx::raw_sql(hold).execute(&mut *other).await.unwrap();
        let in_the_way = async {
            // The server announces to nobody that somebody waits for a lock.
            while bench.database.rows(WAITS).await.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            match conflict {
                Conflict::Serialization => other.commit().await,
                Conflict::Deadlock => {
                    let crossed = sqlx::raw_sql(crossing).execute(&mut *other).await;
                    other.rollback().await.and(crossed.map(drop))
                }
            }
        };
        let (given_up, crossed) = futures_util::future::join(statement(&mut connection), in_the_way).await;
        // The server tells of its error before it gives the statement's locks up.
        sqlx::raw_sql("rollback").execute(&mut connection).await.ok();
        connection.close().await.ok();
        if crossed.is_err() {
            // On a slow machine it was the other one.
            continue;
        }
        let Err(QueueError::Database { source, .. }) = given_up else {
            panic!("{conflict:?}: {given_up:?}");
        };
        let code = source
            .as_database_error()
            .and_then(|error| error.code().map(std::borrow::Cow::into_owned));
        return assert_eq!(code.as_deref(), Some(conflict.code()));
    }
}

/// A unique job, whose key is in the way of its end.
async fn enqueue_unique(bench: &Bench, unique_while: &str) {
    let enqueue =
        format!("select botticelli.enqueue('posting', unique_by => '{{}}', unique_while => '{unique_while}')");
    bench.database.execute(&enqueue).await;
}

/// How each job ended, in what attempt, and how many attempts ended of all.
async fn ends(bench: &Bench) -> Vec<String> {
    let ends = "select state, attempt, (
                  select count(*) from (
                    select endings from botticelli.claims union all select endings from botticelli.claim_history
                  ) as claim, unnest(endings)
                )
                from botticelli.job_history order by id";
    bench.database.rows(ends).await
}

#[tokio::test]
async fn a_claim_that_was_given_up_has_claimed_nothing_and_the_next_one_claims_the_job_once() {
    for conflict in [Conflict::Serialization, Conflict::Deadlock] {
        let bench = Bench::new().await;
        bench
            .execute(
                r#"select botticelli.enqueue('posting');
                   select from botticelli.enqueue_workflow('[{"name": "late", "queue": "posting"}]');
                   update botticelli.waiting_jobs set not_after = now() where workflow is not null"#,
            )
            .await;
        let crossing = "update botticelli.waiting_jobs set priority = priority";
        give_up(&bench, conflict, HOLD_WORKFLOW, crossing, async |connection| {
            claim(connection, &bench.queue, room(10), bench.worker).await
        })
        .await;
        let job = bench.claim().await.pop().expect("the job still waits");
        let mut connection = bench.database.pool.acquire().await.unwrap();
        complete(&mut connection, job.lease).await.unwrap();
        assert_eq!(ends(&bench).await, ["completed|1|1", "expired|0|1"], "{conflict:?}");
    }
}

#[tokio::test]
async fn an_end_that_was_given_up_has_ended_nothing_and_the_next_try_ends_the_job_once() {
    for conflict in [Conflict::Serialization, Conflict::Deadlock] {
        let bench = Bench::new().await;
        enqueue_unique(&bench, "unfinished").await;
        let job = bench.claim().await.pop().expect("the job is due");
        let crossing = "update botticelli.claims set queue = queue";
        give_up(&bench, conflict, HOLD_KEY, crossing, async |connection| {
            complete(connection, job.lease).await
        })
        .await;
        let mut connection = bench.database.pool.acquire().await.unwrap();
        complete(&mut connection, job.lease).await.unwrap();
        assert_eq!(ends(&bench).await, ["completed|1|1"], "{conflict:?}");
    }
}

#[tokio::test]
async fn a_rescue_that_was_given_up_has_rescued_nothing_and_the_next_one_rescues_the_job_once() {
    for conflict in [Conflict::Serialization, Conflict::Deadlock] {
        let bench = Bench::new().await;
        enqueue_unique(&bench, "unfinished").await;
        // On its last try, for it is then that a rescue gives the key back.
        bench
            .execute("update botticelli.waiting_jobs set max_attempts = 1")
            .await;
        assert_eq!(bench.claim().await.len(), 1);
        bench.execute("delete from botticelli.workers").await;
        let crossing = "update botticelli.claims set queue = queue";
        give_up(&bench, conflict, HOLD_KEY, crossing, async |connection| {
            rescue(connection, 10).await
        })
        .await;
        let mut connection = bench.database.pool.acquire().await.unwrap();
        assert_eq!(rescue(&mut connection, 10).await.unwrap().len(), 1);
        assert_eq!(ends(&bench).await, ["discarded|1|1"], "{conflict:?}");
    }
}

#[tokio::test]
async fn a_job_that_is_cancelled_while_it_is_put_back_under_one_snapshot_does_not_wait_again() {
    let bench = Bench::new().await;
    let job = bench.claim_one().await;
    let mut connection = PgConnection::connect(&bench.database.url).await.unwrap();
    sqlx::raw_sql(REPEATABLE_READ).execute(&mut connection).await.unwrap();
    let mut canceller = bench.database.pool.begin().await.unwrap();
    sqlx::query("select botticelli.cancel($1)")
        .bind(job.lease.job)
        .execute(&mut *canceller)
        .await
        .unwrap();
    let cancelling = async {
        while bench.database.rows(WAITS).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        canceller.commit().await.unwrap();
    };
    let putting_back = botticelli_queue::hand_back(&mut connection, job.lease);
    let (put_back, ()) = futures_util::future::join(putting_back, cancelling).await;
    // Given up by the server, it is to be asked for again, and then sees the cancellation.
    if put_back.is_err() {
        botticelli_queue::hand_back(&mut connection, job.lease).await.unwrap();
    }
    assert_eq!(bench.state(job.lease.job).await, "cancelled");
}
