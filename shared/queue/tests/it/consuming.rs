//! A consumer with whatever is scarce or in the way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use apalis_core::{error::BoxDynError, task::Task, worker::builder::WorkerBuilder};
use botticelli_queue::{ClaimedJob, Consumer, ConsumerOptions};
use botticelli_testkit::PATIENCE;
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio_util::sync::CancellationToken;
use tower::service_fn;

use crate::Bench;

async fn pool(bench: &Bench, connections: u32) -> PgPool {
    let options = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(5));
    options.connect(&bench.database.url).await.unwrap()
}

/// Consumes on `pool` until `condition` is true, and gives how often the handler ran. The first try of every fifth job
/// fails.
async fn consume(bench: &Bench, pool: PgPool, condition: &str) -> usize {
    let options = ConsumerOptions {
        slots: 4,
        poll_interval: Duration::from_millis(50),
        backoff: botticelli_queue::Backoff {
            base: Duration::from_millis(10),
            cap: Duration::from_millis(10),
        },
    };
    let consumer = Consumer::new(pool, Arc::clone(&bench.queue), bench.worker, options);
    let stop = CancellationToken::new();
    let ran = Arc::new(AtomicUsize::new(0));
    let handler_ran = Arc::clone(&ran);
    let consuming = consumer.run(stop.clone(), |backend| async move {
        let worker = WorkerBuilder::new("posting")
            .backend(backend)
            .build(service_fn(move |task: Task<ClaimedJob>| {
                handler_ran.fetch_add(1, Ordering::SeqCst);
                let fails = task.args.tries == 1 && task.args.lease.job.0 % 5 == 0;
                async move {
                    if fails {
                        Err(BoxDynError::from("not yet"))
                    } else {
                        Ok(())
                    }
                }
            }));
        worker.run().await.unwrap();
    });
    let stopping = async {
        bench.database.until(condition).await;
        stop.cancel();
    };
    let all = futures_util::future::join(consuming, stopping);
    tokio::time::timeout(PATIENCE * 2, all)
        .await
        .expect("the consumer stops");
    ran.load(Ordering::SeqCst)
}

#[tokio::test]
async fn a_consumer_gets_by_with_one_connection() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.enqueue_many('posting', array_fill('{}'::jsonb, array[20]))")
        .await;
    let pool = pool(&bench, 1).await;
    let ran = consume(&bench, pool, "(select count(*) from botticelli.job_history) = 20").await;
    assert_eq!(ran, 24);
    let ends = "select distinct state from botticelli.job_history";
    assert_eq!(bench.database.rows(ends).await, ["completed"]);
}

#[tokio::test]
async fn two_consumers_share_one_connection() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.enqueue_many('posting', array_fill('{}'::jsonb, array[20]))")
        .await;
    let pool = pool(&bench, 1).await;
    let done = "(select count(*) from botticelli.job_history) = 20";
    let both = futures_util::future::join(consume(&bench, pool.clone(), done), consume(&bench, pool, done)).await;
    assert!(both.0 + both.1 >= 24, "{both:?}");
}

#[tokio::test]
async fn a_consumer_whose_claims_and_ends_are_given_up_by_the_server_runs_every_job_once() {
    for (unique_while, crossing) in [
        ("waiting", "update botticelli.waiting_jobs set priority = priority"),
        ("unfinished", "update botticelli.claims set queue = queue"),
    ] {
        for isolation in ["repeatable read", "serializable"] {
            let bench = Bench::new().await;
            let ten = format!(
                "select botticelli.enqueue_many('posting', array(select jsonb_build_object('limit', n) from generate_series(1, 10) as n),
                   unique_by => '{{*}}', unique_while => '{unique_while}');
                 do $$ begin
                   execute format('alter database %I set default_transaction_isolation = ''{isolation}''', current_database());
                 end $$"
            );
            bench.database.execute(&ten).await;
            let pool = pool(&bench, 2).await;
            let meddling = meddle(&bench, crossing);
            let consuming = consume(&bench, pool, "(select count(*) from botticelli.job_history) = 10");
            let ran = tokio::select! {
                ran = consuming => ran,
                () = meddling => unreachable!("it goes on for ever"),
            };
            assert_eq!(ran, 12, "{unique_while}, {isolation}");
            let ends = "select distinct state from botticelli.job_history";
            assert_eq!(bench.database.rows(ends).await, ["completed"]);
        }
    }
}

/// Changes and crosses what the consumer needs, over and over, and with a little time for it in between.
async fn meddle(bench: &Bench, crossing: &'static str) {
    loop {
        let mut transaction = bench.database.pool.begin().await.unwrap();
        for statement in ["update botticelli.job_keys set expires_at = expires_at", crossing] {
            tokio::time::sleep(Duration::from_millis(20)).await;
            // It may be the one that is given up.
            if sqlx::raw_sql(statement).execute(&mut *transaction).await.is_err() {
                break;
            }
        }
        transaction.commit().await.ok();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
