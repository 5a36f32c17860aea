//! The tables through which every job goes stay small, whoever looks at old times.

use botticelli_queue::{compact, complete, enqueue_bulk};
use serde_json::json;

use crate::Bench;

const BYTES: &str = "select pg_table_size('botticelli.waiting_jobs') + pg_table_size('botticelli.claims')";

impl Bench {
    /// Has many jobs gone through, so that more than 32 MB are taken by what is over, and leaves one waiting and one running.
    async fn after_many_jobs(&self) {
        let mut connection = self.database.pool.acquire().await.unwrap();
        // Long and not to be compressed, and yet no more than a row holds itself.
        let text = |number: u64| {
            (0..120).fold(String::new(), |text, n| {
                text + &format!("{:x}", (number + n).wrapping_mul(0x9e37_79b9_7f4a_7c15))
            })
        };
        let jobs = (0..20_000_u64).map(|number| json!({ "limit": number, "text": text(number) }));
        enqueue_bulk(&mut connection, "posting", jobs).await.unwrap();
        self.execute("delete from botticelli.waiting_jobs").await;
    }

    async fn bytes(&self) -> i64 {
        self.database.row(BYTES).await.parse().unwrap()
    }
}

/// A transaction that has taken a snapshot and keeps it.
async fn old_transaction(bench: &Bench) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let mut old = bench.database.pool.begin().await.unwrap();
    sqlx::raw_sql("set transaction isolation level repeatable read; select 1 from botticelli.queues")
        .execute(&mut *old)
        .await
        .unwrap();
    old
}

#[tokio::test]
async fn space_of_jobs_that_are_gone_is_given_back_although_an_old_transaction_is_open() {
    let bench = Bench::new().await;
    let old = old_transaction(&bench).await;
    bench.after_many_jobs().await;
    let running = bench.claim_one().await;
    bench.enqueue().await;
    let rows = "select id, queue, state, args, attempt, run_at from botticelli.jobs order by id";
    let before = (bench.database.rows(rows).await, bench.bytes().await);
    assert!(before.1 > 32 << 20, "{}", before.1);
    assert_eq!(compact(&bench.database.pool).await.unwrap(), 1);
    assert_eq!(bench.database.rows(rows).await, before.0);
    assert!(bench.bytes().await < 1 << 20);
    // There is nothing to do now.
    assert_eq!(compact(&bench.database.pool).await.unwrap(), 0);
    let mut connection = bench.database.pool.acquire().await.unwrap();
    complete(&mut connection, running.lease).await.unwrap();
    let next = bench.enqueue().await;
    assert_eq!(bench.claim().await.last().unwrap().lease.job, next);
    old.rollback().await.unwrap();
}

#[tokio::test]
async fn a_claim_that_runs_on_keeps_its_jobs_when_its_table_is_rewritten() {
    let bench = Bench::new().await;
    let _oldest = old_transaction(&bench).await;
    let running = bench.claim_one().await;
    let filler = "insert into botticelli.claims (queue, worker_id, jobs, open, first_job, last_job)
        select 'posting', gen_random_uuid(), array(
          select row(n, 'posting', jsonb_build_object('t', md5(n::text) || md5((n * claim)::text)), 0, now(), 1, 0, 3, now(), 'sql',
                     null, null, false, null, null, null, 1, null)::botticelli.claimed_job from generate_series(1, 1000) as n),
          repeat('1', 1000)::bit varying, 1000, 1999 from generate_series(1, 600) as claim";
    bench.execute(filler).await;
    bench
        .execute("delete from botticelli.claims where first_job = 1000")
        .await;
    assert_eq!(compact(&bench.database.pool).await.unwrap(), 1);
    let mut connection = bench.database.pool.acquire().await.unwrap();
    complete(&mut connection, running.lease).await.unwrap();
    assert_eq!(bench.state(running.lease.job).await, "completed");
}

#[tokio::test]
async fn a_table_that_somebody_reads_and_one_with_many_jobs_are_left_alone() {
    let bench = Bench::new().await;
    let _oldest = old_transaction(&bench).await;
    bench.after_many_jobs().await;
    let mut reading = bench.database.pool.begin().await.unwrap();
    sqlx::query("select from botticelli.waiting_jobs")
        .execute(&mut *reading)
        .await
        .unwrap();
    assert_eq!(compact(&bench.database.pool).await.unwrap(), 0);
    reading.rollback().await.unwrap();
    bench
        .execute("select count(*) from botticelli.enqueue_many('posting', array_fill('{}'::jsonb, array[50000]))")
        .await;
    assert_eq!(compact(&bench.database.pool).await.unwrap(), 0);
}

/// Sets the default of every connection that is opened from now on.
async fn default_isolation(bench: &Bench, level: &str) {
    let set = format!(
        "do $$ begin execute format('alter database %I set default_transaction_isolation = ''{level}''', current_database()); end $$"
    );
    bench.database.execute(&set).await;
}

#[tokio::test]
async fn no_job_is_lost_or_comes_back_while_others_enqueue_and_claim_whatever_the_default_isolation_is() {
    for level in ["read committed", "repeatable read", "serializable"] {
        let bench = Bench::new().await;
        default_isolation(&bench, level).await;
        let pool = sqlx::PgPool::connect(&bench.database.url).await.unwrap();
        // A table is always worth it here.
        bench
            .execute(
                "create or replace function botticelli.waiting_jobs_want_compaction(much bigint default 0, enough bigint default 0)
                   returns boolean language sql as 'select true';
                 create or replace function botticelli.claims_want_compaction(much bigint default 0)
                   returns boolean language sql as 'select true'",
            )
            .await;
        let compacting = async {
            let mut tables = 0;
            for _ in 0..40 {
                tables += compact(&pool).await.unwrap();
            }
            tables
        };
        let enqueuing = async {
            for _ in 0..150 {
                bench.enqueue().await;
            }
        };
        let claiming = async {
            let mut claimed = 0;
            for _ in 0..40 {
                let jobs = bench.claim_up_to(3).await;
                claimed += jobs.len();
                let mut connection = bench.database.pool.acquire().await.unwrap();
                for job in jobs {
                    complete(&mut connection, job.lease).await.unwrap();
                }
            }
            claimed
        };
        let (tables, (), claimed) = tokio::join!(compacting, enqueuing, claiming);
        assert!(tables > 0, "{level}");
        let left = bench
            .database
            .row("select count(*), count(distinct id) from botticelli.waiting_jobs")
            .await;
        assert_eq!(left, format!("{0}|{0}", 150 - claimed), "{level}");
        let completed = bench.database.row("select count(*) from botticelli.job_history").await;
        assert_eq!(completed, claimed.to_string(), "{level}");
    }
}

#[tokio::test]
async fn a_transaction_that_is_older_and_comes_late_to_the_table_sees_the_jobs_all_the_same() {
    let bench = Bench::new().await;
    // Keeps vacuum from being there first.
    let oldest = old_transaction(&bench).await;
    bench.after_many_jobs().await;
    bench.enqueue().await;
    let mut old = old_transaction(&bench).await;
    // It waits for others, as for the server's own vacuum, only 20 ms at a time.
    while compact(&bench.database.pool).await.unwrap() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let seen: i64 = sqlx::query_scalar("select count(*) from botticelli.waiting_jobs")
        .fetch_one(&mut *old)
        .await
        .unwrap();
    assert_eq!(seen, 1);
    oldest.rollback().await.unwrap();
}
