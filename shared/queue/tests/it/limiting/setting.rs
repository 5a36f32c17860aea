use std::time::Duration;

use botticelli_queue::{
    QueueError, QueueLimits, Rate, Room, Wakeup, Wakeups, WorkerId, claim, complete, limit_queue, register_worker,
    release_worker, rescue,
};

use super::{at_most, at_most_per_key, five_an_hour};
use crate::{Bench, room};

#[tokio::test]
async fn jobs_that_run_when_a_limit_is_set_count() {
    let bench = Bench::new().await;
    bench.enqueue_keyed(6, 2).await;
    let before = bench.claim_up_to(4).await;
    assert_eq!(before.len(), 4);
    let mut connection = bench.database.pool.acquire().await.unwrap();
    complete(&mut connection, before[0].lease).await.unwrap();
    bench
        .limit(QueueLimits {
            max_running: Some(3),
            ..at_most_per_key(2)
        })
        .await;
    assert_eq!(bench.running().await, (3, 2));
    assert!(bench.claim().await.is_empty());
    complete(&mut connection, before[1].lease).await.unwrap();
    assert_eq!(bench.claim().await.len(), 1);
    bench.limit(QueueLimits::default()).await;
    assert_eq!(bench.claim().await.len(), 1);
    let left = "select (select count(*) from botticelli.limit_usage), (select count(*) from botticelli.limit_releases),
                  (select count(*) from botticelli.limited_keys), (select count(*) from botticelli.claims where is_counted)";
    assert_eq!(bench.database.row(left).await, "0|0|0|0");
}

#[tokio::test]
async fn a_claim_that_races_with_the_setting_of_a_limit_is_counted_or_obeys_it() {
    let bench = Bench::new().await;
    let pool = &bench.database.pool;
    for _ in 0..9 {
        bench.enqueue().await;
    }
    // A claim that is not committed yet: the limit waits for it.
    let mut claiming = pool.begin().await.unwrap();
    let claimed = claim(&mut *claiming, &bench.queue, room(4), bench.worker)
        .await
        .unwrap();
    assert_eq!(claimed.jobs.len(), 4);
    let ((), ()) = tokio::join!(bench.limit(at_most(6)), async {
        bench.database.until_waiting_for_locks(1).await;
        claiming.commit().await.unwrap();
    });
    assert_eq!(bench.running().await.0, 4);
    // A limit that is not committed yet: the claim waits for it.
    bench.limit(QueueLimits::default()).await;
    let mut limiting = pool.begin().await.unwrap();
    limit_queue(&mut limiting, "posting", &at_most(6)).await.unwrap();
    let (claimed, ()) = tokio::join!(bench.claim(), async {
        bench.database.until_waiting_for_locks(1).await;
        limiting.commit().await.unwrap();
    });
    assert_eq!(claimed.len(), 2);
    assert_eq!(bench.running().await.0, 6);
}

#[tokio::test]
async fn a_slot_that_becomes_free_is_announced_only_where_slots_are_limited() {
    let bench = Bench::new().await;
    let mut wakeups = Wakeups::listen(&bench.database.pool).await.unwrap();
    let word = |text: &str| Some(Wakeup::Queue(text.to_owned()));
    let mut heard = Vec::new();
    for limits in [QueueLimits::default(), at_most(2), at_most_per_key(2)] {
        bench.limit(limits).await;
        let job = bench.claim_one().await;
        // What was said up to here.
        bench.execute("notify botticelli_jobs, 'claimed'").await;
        while wakeups.next().await.unwrap() != word("claimed") {}
        bench.complete(&[job]).await;
        bench.execute("notify botticelli_jobs, 'completed'").await;
        loop {
            let heard_now = wakeups.next().await.unwrap();
            if heard_now == word("completed") {
                break;
            }
            heard.push((limits, heard_now));
        }
    }
    assert_eq!(
        heard,
        [(at_most(2), word("posting")), (at_most_per_key(2), word("posting"))]
    );
}

#[tokio::test]
async fn without_limits_a_claim_goes_by_the_fast_index_and_never_asks_for_them() {
    let bench = Bench::new().await;
    bench.enqueue_keyed(5_000, 10).await;
    bench.execute("vacuum analyze botticelli.waiting_jobs").await;
    let mut transaction = bench.database.pool.begin().await.unwrap();
    sqlx::raw_sql("set local track_functions = 'all'")
        .execute(&mut *transaction)
        .await
        .unwrap();
    let claimed = claim(&mut *transaction, &bench.queue, room(10), bench.worker)
        .await
        .unwrap();
    assert_eq!(claimed.jobs.len(), 10);
    let (called, scans, fetched): (Vec<String>, i64, i64) = sqlx::query_as(
        "select array(select funcname::text from pg_stat_xact_user_functions where calls > 0 order by 1),
                sum(seq_scan)::bigint, sum(idx_tup_fetch)::bigint
         from pg_stat_xact_user_tables where relname in ('waiting_jobs', 'queue_limits', 'limited_keys', 'limit_releases')",
    )
    .fetch_one(&mut *transaction)
    .await
    .unwrap();
    assert_eq!((called, scans), (vec!["claim".to_owned()], 0));
    // Those that it took, and no more than a few pages' worth beside them.
    assert!(fetched <= 20, "{fetched} rows were looked at");
}

#[tokio::test]
async fn jobs_of_a_limited_queue_start_in_the_order_of_any_other() {
    let bench = Bench::new().await;
    bench.limit(at_most(100)).await;
    bench
        .execute(
            "select botticelli.enqueue_many('posting', array_fill('{}'::jsonb, array[20]));
             select botticelli.enqueue('posting', priority => 5)",
        )
        .await;
    let mut order = Vec::new();
    for _ in 0..3 {
        order.extend(bench.claim_up_to(7).await.into_iter().map(|job| job.lease.job.0));
    }
    assert_eq!(order, std::iter::once(21).chain(1..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_expired_job_takes_no_slot_and_no_token() {
    let bench = Bench::new().await;
    bench
        .limit(QueueLimits {
            rate: Some(five_an_hour()),
            ..at_most(5)
        })
        .await;
    bench
        .execute(
            "select botticelli.enqueue_many('posting', array_fill('{}'::jsonb, array[20]), not_after => clock_timestamp() + interval '1 millisecond'),
               pg_sleep(0.01)",
        )
        .await;
    for _ in 0..6 {
        bench.enqueue().await;
    }
    assert_eq!(bench.claim().await.len(), 5);
    assert_eq!(bench.running().await.0, 5);
    assert_eq!(
        bench
            .database
            .row("select count(*) from botticelli.dead_jobs where state = 'expired'")
            .await,
        "20"
    );
}

#[tokio::test]
async fn suspects_of_a_limited_queue_are_claimed_one_at_a_time_and_count() {
    let bench = Bench::new().await;
    bench.limit(at_most_per_key(3)).await;
    bench.enqueue_keyed(4, 2).await;
    let doomed = WorkerId::random();
    register_worker(&bench.database.pool, doomed, "doomed", Duration::from_mins(1))
        .await
        .unwrap();
    assert_eq!(bench.claim_as(doomed).await.len(), 4);
    release_worker(&bench.database.pool, doomed).await.unwrap();
    let mut connection = bench.database.pool.acquire().await.unwrap();
    assert_eq!(rescue(&mut connection, 10).await.unwrap().len(), 4);
    bench.enqueue_keyed(4, 1).await;
    let suspects = bench.claim().await.iter().filter(|job| job.is_suspect).count();
    assert_eq!(suspects, 1);
    let none = Room {
        jobs: 10,
        takes_suspect: false,
    };
    let more = claim(&bench.database.pool, &bench.queue, none, bench.worker)
        .await
        .unwrap();
    assert!(more.jobs.is_empty());
    assert_eq!(bench.running().await.1, 3);
}

#[tokio::test]
async fn a_limited_queue_that_is_paused_or_whose_worker_has_no_lease_gives_nothing() {
    let bench = Bench::new().await;
    bench.limit(at_most(10)).await;
    bench.enqueue().await;
    assert!(bench.claim_as(WorkerId::random()).await.is_empty());
    bench.execute("update botticelli.queues set is_paused = true").await;
    assert!(bench.claim().await.is_empty());
    bench.execute("update botticelli.queues set is_paused = false").await;
    assert_eq!(bench.claim().await.len(), 1);
}

#[tokio::test]
async fn an_idle_limited_queue_has_nothing_due() {
    let bench = Bench::new().await;
    bench.limit(at_most(5)).await;
    assert_eq!(bench.next_due().await, None);
    bench.enqueue_keyed(6, 1).await;
    assert_eq!(bench.claim().await.len(), 5);
    assert_eq!(bench.next_due().await, None);
}

#[tokio::test]
async fn jobs_in_bulk_have_their_turn_where_keys_take_turns() {
    let bench = Bench::new().await;
    bench.limit(at_most_per_key(1)).await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let args = (0..10).map(|_| serde_json::json!({}));
    botticelli_queue::enqueue_bulk(&mut connection, "posting", args)
        .await
        .unwrap();
    assert_eq!(bench.claim().await.len(), 10);
}

#[tokio::test]
async fn limits_and_keys_that_make_no_sense_are_refused_with_the_way_out() {
    let bench = Bench::new().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let burst = Rate {
        burst: Some(0),
        ..five_an_hour()
    };
    let no_time = Rate {
        period: Duration::ZERO,
        ..five_an_hour()
    };
    let wrong = [
        (
            at_most(0),
            "max_running of queue \"posting\" must be at least 1, not 0; Leave it out",
        ),
        (
            QueueLimits {
                rate: Some(burst),
                ..QueueLimits::default()
            },
            "burst of queue \"posting\" must be at least 1",
        ),
        (
            QueueLimits {
                rate_per_key: Some(no_time),
                ..QueueLimits::default()
            },
            "period_per_key of queue \"posting\" must be from",
        ),
    ];
    for (limits, words) in wrong {
        let refusal = limit_queue(&mut connection, "posting", &limits).await.unwrap_err();
        assert!(
            matches!(&refusal, QueueError::Invalid(text) if text.contains(words)),
            "{refusal}"
        );
    }
    let refusal = limit_queue(&mut connection, "postign", &at_most(1)).await.unwrap_err();
    assert!(refusal.to_string().contains("Known queues: posting."), "{refusal}");
    let too_long = format!(
        "select botticelli.enqueue('posting', limit_key => '{}')",
        "k".repeat(201)
    );
    let refused = [
        ("select botticelli.limit_queue('posting', burst => 3)", "needs its rate"),
        (
            "select botticelli.limit_queue('posting', max_running => 3, period => '1 minute')",
            "a period of queue \"posting\" needs its rate",
        ),
        (
            "select botticelli.limit_queue('posting', rate => 3, period_per_key => '1 minute')",
            "a period of queue \"posting\" needs its rate",
        ),
        (
            "select botticelli.enqueue('posting', limit_key => '')",
            "from 1 to 200 characters",
        ),
        (&*too_long, "from 1 to 200 characters"),
        (
            "select botticelli.enqueue_many('posting', array['{}', '{}']::jsonb[], limit_keys => array['a'])",
            "one element for each job",
        ),
    ];
    for (statement, words) in refused {
        let refusal = sqlx::query(sqlx::AssertSqlSafe(statement))
            .execute(&mut *connection)
            .await
            .unwrap_err();
        let refusal = refusal.as_database_error().unwrap();
        assert!(
            refusal.code().as_deref() == Some("22023") && refusal.message().contains(words),
            "{refusal}"
        );
    }
}
