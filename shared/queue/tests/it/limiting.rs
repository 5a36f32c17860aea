mod setting;

use std::{collections::HashMap, time::Duration};

use botticelli_queue::{
    ClaimedJob, QueueLimits, Rate, Retried, WorkerId, claim, complete, complete_all, discard, hand_back, limit_queue,
    put_back_strays, register_worker, release_worker, rescue, retry, snooze,
};
use futures_util::future::join_all;

use crate::{Bench, room};

/// Whether the counts of the limits are those of the jobs that run, and how many those are.
const RECOUNT: &str = "
    with running as (
      select coalesce(job.limit_key, '') as key, count(*) as jobs
      from botticelli.claims, unnest(claims.jobs) with ordinality as job
      where get_bit(claims.open, job.ordinality::integer - 1) = 1
      group by 1
    ),
    used as (select limit_key as key, running as jobs from botticelli.limit_usage where running <> 0)
    select
      (select coalesce(sum(jobs), 0) from running) = (select coalesce(sum(jobs), 0) from used where key is null)
      and not exists (
        select from (select * from running where key <> '') as running
          full join (select * from used where key is not null) as used using (key)
        where running.jobs is distinct from used.jobs
      ),
      (select coalesce(sum(jobs), 0)::bigint from running),
      (select coalesce(max(jobs), 0)::bigint from running where key <> '')";

const HOUR: Duration = Duration::from_hours(1);

impl Bench {
    async fn limit(&self, limits: QueueLimits) {
        let mut connection = self.database.pool.acquire().await.unwrap();
        limit_queue(&mut connection, "posting", &limits).await.unwrap();
    }

    /// Enqueues so many jobs, with the keys `key-0`, `key-1` … in turn.
    async fn enqueue_keyed(&self, jobs: u32, keys: u32) {
        let statement = format!(
            "select botticelli.enqueue_many('posting', array_fill('{{}}'::jsonb, array[{jobs}]),
               limit_keys => array(select 'key-' || n % {keys} from generate_series(0, {jobs} - 1) as n))"
        );
        self.database.execute(&statement).await;
    }

    pub(crate) async fn claim_up_to(&self, jobs: u16) -> Vec<ClaimedJob> {
        let claimed = claim(&self.database.pool, &self.queue, room(jobs), self.worker).await;
        claimed.unwrap().jobs
    }

    /// How long a claim that finds nothing says that it is to the next job.
    async fn next_due(&self) -> Option<Duration> {
        let claimed = claim(&self.database.pool, &self.queue, room(100), self.worker)
            .await
            .unwrap();
        assert!(claimed.jobs.is_empty());
        claimed.next_due
    }

    /// What runs by the claims themselves: altogether, and of the key with the most. The counts must agree.
    async fn running(&self) -> (i64, i64) {
        let (agrees, running, of_a_key): (bool, i64, i64) =
            sqlx::query_as(RECOUNT).fetch_one(&self.database.pool).await.unwrap();
        assert!(
            agrees,
            "the counts are not those of the claims: {:?}",
            self.database
                .rows("select queue, limit_key, running from botticelli.limit_usage")
                .await
        );
        (running, of_a_key)
    }

    async fn complete(&self, jobs: &[ClaimedJob]) {
        let leases: Vec<_> = jobs.iter().map(|job| job.lease).collect();
        let mut connection = self.database.pool.acquire().await.unwrap();
        assert!(complete_all(&mut connection, &leases).await.unwrap().is_empty());
    }

    /// Claims by eight at the same time; gives all that they got.
    async fn claim_by_eight(&self) -> Vec<ClaimedJob> {
        join_all((0..8).map(|_| self.claim_up_to(7))).await.concat()
    }

    /// What a claim costs in pages, without its leaving a trace.
    async fn pages_of_a_claim(&self) -> i64 {
        let mut transaction = self.database.pool.begin().await.unwrap();
        let explain = format!(
            "explain (analyze, buffers, format json) select * from botticelli.claim_limited('posting', 1, '{}', 1)",
            self.worker
        );
        let mut pages = 0;
        // The first time the plans are made, for which the catalogue is read.
        for _ in 0..2 {
            sqlx::raw_sql("savepoint before")
                .execute(&mut *transaction)
                .await
                .unwrap();
            let plan: serde_json::Value = sqlx::query_scalar(sqlx::AssertSqlSafe(explain.clone()))
                .fetch_one(&mut *transaction)
                .await
                .unwrap();
            let buffers = |name: &str| plan[0]["Plan"][name].as_i64().unwrap();
            pages = buffers("Shared Hit Blocks") + buffers("Shared Read Blocks");
            sqlx::raw_sql("rollback to before")
                .execute(&mut *transaction)
                .await
                .unwrap();
        }
        pages
    }
}

fn at_most(max_running: u32) -> QueueLimits {
    QueueLimits {
        max_running: Some(max_running),
        ..QueueLimits::default()
    }
}

fn at_most_per_key(max_running_per_key: u32) -> QueueLimits {
    QueueLimits {
        max_running_per_key: Some(max_running_per_key),
        ..QueueLimits::default()
    }
}

fn five_an_hour() -> Rate {
    Rate {
        jobs: 5,
        period: HOUR,
        burst: None,
    }
}

#[tokio::test]
async fn eight_claimers_never_have_more_jobs_running_than_the_queue_allows() {
    let bench = Bench::new().await;
    bench.limit(at_most(10)).await;
    bench
        .execute("select botticelli.enqueue_many('posting', array_fill('{}'::jsonb, array[200]))")
        .await;
    assert_eq!(bench.claim_by_eight().await.len(), 10);
    assert!(bench.claim_by_eight().await.is_empty());
    assert_eq!(bench.running().await.0, 10);
    let stray = put_back_strays(&bench.database.pool, "posting", bench.worker, &[])
        .await
        .unwrap();
    assert_eq!(stray, 10);

    let most = join_all((0..8).map(|_| async {
        let (mut done, mut most) = (0, 0);
        while done < 25 {
            let jobs = bench.claim_up_to(7).await;
            most = most.max(bench.running().await.0);
            bench.complete(&jobs).await;
            done += jobs.len();
            let left: i64 = sqlx::query_scalar("select count(*) from botticelli.waiting_jobs")
                .fetch_one(&bench.database.pool)
                .await
                .unwrap();
            if left == 0 {
                break;
            }
        }
        most
    }))
    .await
    .into_iter()
    .max()
    .unwrap();
    assert!(most <= 10, "{most} ran at once");
    assert_eq!(bench.running().await.0, 0);
}

#[tokio::test]
async fn eight_claimers_never_have_more_jobs_of_a_key_running_than_it_may() {
    let bench = Bench::new().await;
    bench
        .limit(QueueLimits {
            max_running: Some(11),
            ..at_most_per_key(3)
        })
        .await;
    bench.enqueue_keyed(100, 5).await;
    let mut done = 0;
    while done < 100 {
        let jobs = bench.claim_by_eight().await;
        let (running, of_a_key) = bench.running().await;
        assert!(running <= 11 && of_a_key <= 3, "{running} ran, {of_a_key} of one key");
        // What could run does: all of the queue's limit, or what is left.
        assert!(
            running == 11 || done + jobs.len() >= 85,
            "only {running} ran with {done} done"
        );
        join_all(jobs.iter().map(|job| async {
            let mut connection = bench.database.pool.acquire().await.unwrap();
            complete(&mut connection, job.lease).await.unwrap();
        }))
        .await;
        done += jobs.len();
    }
    assert_eq!(bench.running().await, (0, 0));
}

#[tokio::test]
async fn after_any_mixture_of_ends_among_many_claimers_the_counts_are_those_of_the_claims() {
    let bench = Bench::new().await;
    bench
        .limit(QueueLimits {
            max_running: Some(30),
            ..at_most_per_key(4)
        })
        .await;
    bench.enqueue_keyed(300, 12).await;
    bench
        .execute("select botticelli.enqueue_many('posting', array_fill('{}'::jsonb, array[60]))")
        .await;
    // A deadlock would be an error, and an error the end of the test.
    join_all((0..8u16).map(|claimer| {
        let bench = &bench;
        async move {
            let pool = &bench.database.pool;
            for turn in 0..12u16 {
                let worker = WorkerId::random();
                register_worker(pool, worker, "mortal", Duration::from_mins(1))
                    .await
                    .unwrap();
                let jobs = claim(pool, &bench.queue, room(3 + claimer), worker).await.unwrap().jobs;
                let mut connection = pool.acquire().await.unwrap();
                for (job, how) in jobs.iter().zip(claimer + turn..) {
                    match how % 6 {
                        0 => complete(&mut connection, job.lease).await.unwrap(),
                        1 => drop(retry(&mut connection, job, Duration::ZERO, "no").await.unwrap()),
                        2 => drop(snooze(&mut connection, job.lease, HOUR).await.unwrap()),
                        3 => discard(&mut connection, job.lease, "no").await.unwrap(),
                        4 => drop(hand_back(&mut connection, job.lease).await.unwrap()),
                        // Left for the rescue.
                        _ => {}
                    }
                }
                if turn % 4 != 3 {
                    release_worker(pool, worker).await.unwrap();
                    rescue(&mut connection, 100).await.unwrap();
                }
                drop(connection);
                let (running, of_a_key) = bench.running().await;
                assert!(running <= 30 && of_a_key <= 4, "{running} ran, {of_a_key} of one key");
            }
        }
    }))
    .await;
    bench.running().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    bench.execute("delete from botticelli.workers").await;
    rescue(&mut connection, 1000).await.unwrap();
    drop(connection);
    assert_eq!(bench.running().await, (0, 0));
}

#[tokio::test]
async fn every_end_of_a_job_frees_its_slot() {
    let bench = Bench::new().await;
    bench
        .limit(QueueLimits {
            max_running: Some(1),
            ..at_most_per_key(1)
        })
        .await;
    bench.enqueue_keyed(20, 1).await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    for end in 0..7 {
        let worker = WorkerId::random();
        register_worker(&bench.database.pool, worker, "mortal", Duration::from_mins(1))
            .await
            .unwrap();
        let job = bench.claim_as(worker).await.pop().expect("a slot is free");
        assert!(bench.claim().await.is_empty(), "end {end}");
        match end {
            0 => complete(&mut connection, job.lease).await.unwrap(),
            1 => {
                let retried = retry(&mut connection, &job, Duration::ZERO, "no").await.unwrap();
                assert_eq!(retried, Retried::Later(Duration::ZERO));
            }
            2 => drop(snooze(&mut connection, job.lease, HOUR).await.unwrap()),
            3 => discard(&mut connection, job.lease, "no").await.unwrap(),
            4 => drop(hand_back(&mut connection, job.lease).await.unwrap()),
            5 => drop(
                put_back_strays(&bench.database.pool, "posting", worker, &[])
                    .await
                    .unwrap(),
            ),
            _ => {
                release_worker(&bench.database.pool, worker).await.unwrap();
                assert_eq!(rescue(&mut connection, 10).await.unwrap().len(), 1);
            }
        }
        assert_eq!(bench.running().await, (0, 0), "end {end}");
    }
    let keys = "select distinct limit_key from (
                  select limit_key from botticelli.waiting_jobs union all select limit_key from botticelli.dead_jobs) as jobs";
    assert_eq!(bench.database.rows(keys).await, ["key-0"]);
}

#[tokio::test]
async fn concurrent_claimers_together_start_no_more_than_the_rate() {
    let bench = Bench::new().await;
    let rate = Some(five_an_hour());
    bench
        .limit(QueueLimits {
            rate,
            ..QueueLimits::default()
        })
        .await;
    bench
        .execute("select botticelli.enqueue_many('posting', array_fill('{}'::jsonb, array[50]))")
        .await;
    assert_eq!(bench.claim_by_eight().await.len(), 5);
    for (minutes, tokens) in [(36, 3), (11, 0), (2, 1), (12, 1), (600, 5)] {
        let passed =
            format!("update botticelli.queue_limits set refilled_at = refilled_at - interval '{minutes} minutes'");
        bench.database.execute(&passed).await;
        assert_eq!(bench.claim_by_eight().await.len(), tokens, "after {minutes} minutes");
    }
    // A bucket that is set up anew is no fuller than it was.
    bench.limit(QueueLimits { rate, ..at_most(1000) }).await;
    assert!(bench.claim_by_eight().await.is_empty());
}

#[tokio::test]
async fn a_job_kept_back_by_a_rate_says_when_the_next_may_start() {
    let bench = Bench::new().await;
    bench
        .limit(QueueLimits {
            rate: Some(five_an_hour()),
            ..QueueLimits::default()
        })
        .await;
    for _ in 0..6 {
        bench.enqueue().await;
    }
    assert_eq!(bench.claim().await.len(), 5);
    let wait = bench.next_due().await.unwrap();
    assert!(
        wait > Duration::from_mins(11) && wait <= Duration::from_mins(12),
        "{wait:?}"
    );
}

#[tokio::test]
async fn a_rate_per_key_holds_back_that_key_alone_and_says_when_it_may_go_on() {
    let bench = Bench::new().await;
    bench
        .limit(QueueLimits {
            rate_per_key: Some(five_an_hour()),
            ..QueueLimits::default()
        })
        .await;
    bench.enqueue_keyed(20, 2).await;
    assert_eq!(bench.claim().await.len(), 10);
    assert!(bench.claim_by_eight().await.is_empty());
    bench
        .execute(
            "update botticelli.limited_keys set refilled_at = refilled_at - interval '24 minutes' where key = 'key-1'",
        )
        .await;
    assert_eq!(bench.claim_by_eight().await.len(), 2);
    let wait = bench.next_due().await.unwrap();
    assert!(
        wait > Duration::from_mins(11) && wait <= Duration::from_mins(12),
        "{wait:?}"
    );
}

#[tokio::test]
async fn a_blocked_key_with_ten_thousand_jobs_holds_up_no_other_key_and_costs_the_claim_nothing() {
    let bench = Bench::new().await;
    bench.limit(at_most_per_key(1)).await;
    bench.enqueue_keyed(11, 1).await;
    bench
        .execute("select botticelli.enqueue('posting', limit_key => 'other')")
        .await;
    assert_eq!(bench.claim_up_to(1).await.len(), 1);
    bench
        .execute("update botticelli.queue_limits set sweep_at = 'infinity'")
        .await;
    let among_ten = bench.pages_of_a_claim().await;
    bench.enqueue_keyed(10_000, 1).await;
    let among_ten_thousand = bench.pages_of_a_claim().await;
    // The index is deeper by a page or two.
    assert!(
        among_ten_thousand <= among_ten + 40,
        "{among_ten} pages, then {among_ten_thousand}"
    );
    let keys = bench.claim_up_to(10).await.len();
    assert_eq!(keys, 1);
    assert_eq!(bench.running().await, (2, 1));
}

#[tokio::test]
async fn keys_take_turns_however_many_jobs_one_has() {
    let bench = Bench::new().await;
    bench.limit(at_most_per_key(1_000)).await;
    bench.enqueue_keyed(500, 1).await;
    bench
        .execute(
            "select botticelli.enqueue('posting', limit_key => 'key-' || n % 9 + 1) from generate_series(0, 17) as n;
             select botticelli.enqueue('posting')",
        )
        .await;
    let mut claims_of_keys = HashMap::<String, usize>::new();
    for _ in 0..4 {
        for job in bench.claim_up_to(8).await {
            let key = format!(
                "select distinct coalesce(job.limit_key, '') from botticelli.claims, unnest(jobs) as job where job.id = {}",
                job.lease.job
            );
            *claims_of_keys.entry(bench.database.row(&key).await).or_default() += 1;
        }
    }
    // Eleven had their turns, the one without a key among them, and those with two jobs had two or three.
    assert_eq!(claims_of_keys.len(), 11, "{claims_of_keys:?}");
    assert!(claims_of_keys["key-0"] <= 13, "{claims_of_keys:?}");
}

#[tokio::test]
async fn a_job_without_a_key_is_limited_by_its_queue_alone() {
    let bench = Bench::new().await;
    // Two that wait before the limit comes, and two after.
    bench.enqueue().await;
    bench.enqueue().await;
    bench.limit(at_most_per_key(1)).await;
    bench.enqueue().await;
    bench.enqueue().await;
    assert_eq!(bench.claim().await.len(), 4);
    assert_eq!(bench.running().await, (4, 0));
}
