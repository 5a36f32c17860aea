//! Jobs that make and change the same targets at the same time.

use std::sync::Arc;

use botticelli_content::{Batch, BatchError, Shape, Target, store_batches};
use botticelli_narrative::Row;
use botticelli_testkit::database;
use serde_json::json;
use sqlx::PgPool;
use tokio::{sync::Barrier, task::JoinSet};

use crate::shelf::{ORIGIN, SCHEMA, rows, shape_of, store};

async fn store_both(pool: &PgPool, tables: [&str; 2], rows: [&[Row]; 2]) -> Result<u64, BatchError> {
    let mut transaction = pool.begin().await.unwrap();
    let batches = [0, 1].map(|place| Batch {
        target: Target {
            table: tables[place],
            shape: Shape::Inferred,
        },
        rows: rows[place],
        origin: ORIGIN,
    });
    let stored = store_batches(&mut transaction, &batches).await?;
    transaction.commit().await.unwrap();
    Ok(stored)
}

/// In each round each job brings one column that all others bring too, and one that none else does, to two tables, which it
/// names in its own order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_jobs_that_make_the_same_targets_at_once_succeed() {
    const JOBS: usize = 8;
    const ROUNDS: usize = 4;
    let database = database().await;
    // Or they would wait for the schema one by one.
    store(&database, "others", Shape::Inferred, json!([])).await.unwrap();
    let start = Arc::new(Barrier::new(JOBS));
    let mut jobs = JoinSet::new();
    for job in 0..JOBS {
        let (pool, start) = (database.pool.clone(), Arc::clone(&start));
        jobs.spawn(async move {
            for round in 0..ROUNDS {
                start.wait().await;
                let given = rows(json!([{format!("of_all_{round}"): "a", format!("of_{job}_{round}"): round}]));
                let tables = if (job + round) % 2 == 0 {
                    ["tips", "facts"]
                } else {
                    ["facts", "tips"]
                };
                store_both(&pool, tables, [&given, &given]).await.unwrap();
            }
        });
    }
    while let Some(ended) = jobs.join_next().await {
        ended.unwrap();
    }
    for table in ["tips", "facts"] {
        assert_eq!(
            database
                .row(&format!("select count(*), count(distinct id) from {SCHEMA}.{table}"))
                .await,
            format!("{0}|{0}", JOBS * ROUNDS)
        );
        assert_eq!(shape_of(&database, table).await.len(), ROUNDS + JOBS * ROUNDS);
    }
}

/// The one that makes the target is not done yet when the other wants it.
#[tokio::test]
async fn who_comes_second_waits_for_the_first_and_finds_its_table_or_makes_its_own() {
    for first_commits in [true, false] {
        let database = database().await;
        let given = rows(json!([{"title": "a"}]));
        let batch = Batch {
            target: Target {
                table: "tips",
                shape: Shape::Inferred,
            },
            rows: &given,
            origin: ORIGIN,
        };
        let mut first = database.pool.begin().await.unwrap();
        store_batches(&mut first, &[batch]).await.unwrap();
        let second = tokio::spawn({
            let (pool, given) = (database.pool.clone(), rows(json!([{"title": "b", "score": 1}])));
            async move { store_both(&pool, ["tips", "tips"], [&given, &given]).await }
        });
        database.until_waiting_for_locks(1).await;
        if first_commits {
            first.commit().await.unwrap();
        } else {
            first.rollback().await.unwrap();
        }
        assert_eq!(second.await.unwrap().unwrap(), 2);
        let expected = if first_commits { "3|2" } else { "2|2" };
        assert_eq!(
            database
                .row(&format!("select count(*), count(score) from {SCHEMA}.tips"))
                .await,
            expected
        );
    }
}

/// Rows for a target that is as it should be hold nobody up.
#[tokio::test]
async fn two_jobs_store_in_one_target_side_by_side() {
    let database = database().await;
    let given = rows(json!([{"title": "a"}]));
    store_both(&database.pool, ["tips", "tips"], [&given, &given])
        .await
        .unwrap();
    let batch = Batch {
        target: Target {
            table: "tips",
            shape: Shape::Inferred,
        },
        rows: &given,
        origin: ORIGIN,
    };
    let mut open = database.pool.begin().await.unwrap();
    store_batches(&mut open, &[batch]).await.unwrap();
    store_both(&database.pool, ["tips", "tips"], [&given, &given])
        .await
        .unwrap();
    open.commit().await.unwrap();
    assert_eq!(database.row(&format!("select count(*) from {SCHEMA}.tips")).await, "5");
}
