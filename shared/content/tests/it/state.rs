//! What narratives remember.

use std::sync::Arc;

use botticelli_content::{Scope, StateEntry, StateError, load_state, save_state};
use botticelli_testkit::database;
use serde_json::{Map, Value, json};
use sqlx::PgPool;
use tokio::{sync::Barrier, task::JoinSet};

async fn save(pool: &PgPool, entries: &[(Scope<'_>, &str, Value)]) -> Result<(), StateError> {
    let entries: Vec<StateEntry<'_>> = entries
        .iter()
        .map(|(scope, key, value)| StateEntry {
            scope: *scope,
            key,
            value,
            by: "job 7",
        })
        .collect();
    let mut transaction = pool.begin().await.unwrap();
    save_state(&mut transaction, &entries).await?;
    transaction.commit().await.unwrap();
    Ok(())
}

async fn load(pool: &PgPool, scope: Scope<'_>, keys: &[&str]) -> Map<String, Value> {
    load_state(pool, scope, keys).await.unwrap()
}

#[tokio::test]
async fn what_is_remembered_in_a_scope_is_recalled_there_alone() {
    let database = database().await;
    let pool = &database.pool;
    let (a, b) = (Scope::Narrative("a"), Scope::Narrative("b"));
    save(
        pool,
        &[
            (Scope::Global, "channel_id", json!("1")),
            (a, "channel_id", json!(2)),
            (a, "seen", json!([1, {"x": null}])),
            (Scope::Platform("a"), "channel_id", json!(null)),
        ],
    )
    .await
    .unwrap();
    assert_eq!(
        Value::from(load(pool, Scope::Global, &["channel_id", "seen"]).await),
        json!({"channel_id": "1"})
    );
    assert_eq!(
        Value::from(load(pool, a, &["seen", "channel_id", "other"]).await),
        json!({"channel_id": 2, "seen": [1, {"x": null}]})
    );
    assert_eq!(
        Value::from(load(pool, Scope::Platform("a"), &["channel_id"]).await),
        json!({"channel_id": null})
    );
    assert!(load(pool, b, &["channel_id"]).await.is_empty());
    assert!(load(pool, a, &[]).await.is_empty());
    assert_eq!(
        database
            .rows("select scope, key, updated_by from botticelli.narrative_state order by 1, 2")
            .await,
        [
            "global|channel_id|job 7",
            "narrative:a|channel_id|job 7",
            "narrative:a|seen|job 7",
            "platform:a|channel_id|job 7"
        ]
    );
}

#[tokio::test]
async fn the_last_value_of_a_key_counts_and_comes_with_its_transaction() {
    let database = database().await;
    let pool = &database.pool;
    save(pool, &[(Scope::Global, "k", json!(1)), (Scope::Global, "k", json!(2))])
        .await
        .unwrap();
    assert_eq!(load(pool, Scope::Global, &["k"]).await["k"], json!(2));
    let value = json!(3);
    let entry = StateEntry {
        scope: Scope::Global,
        key: "k",
        value: &value,
        by: "job 8",
    };
    let mut transaction = pool.begin().await.unwrap();
    save_state(&mut transaction, &[entry]).await.unwrap();
    assert_eq!(
        load_state(&mut *transaction, Scope::Global, &["k"]).await.unwrap()["k"],
        json!(3)
    );
    transaction.rollback().await.unwrap();
    assert_eq!(load(pool, Scope::Global, &["k"]).await["k"], json!(2));
    save(pool, &[]).await.unwrap();
}

#[tokio::test]
async fn keys_and_values_that_cannot_be_are_refused_and_hostile_ones_are_keys() {
    let database = database().await;
    let pool = &database.pool;
    let long = "x".repeat(10_000);
    for key in ["", "a\0b", long.as_str()] {
        let error = save(pool, &[(Scope::Global, key, json!(1))]).await.unwrap_err();
        assert!(matches!(error, StateError::Key { .. }), "{error}");
        assert!(matches!(
            load_state(pool, Scope::Narrative(key), &["k"]).await,
            Err(StateError::Key { .. })
        ));
        assert!(error.to_string().len() < 300, "{error}");
    }
    assert!(matches!(
        save(pool, &[(Scope::Global, "k", json!({"a": ["\0"]}))]).await,
        Err(StateError::Value(key)) if key == "k"
    ));
    let hostile = "'; drop table botticelli.narrative_state; --";
    save(pool, &[(Scope::Narrative(hostile), hostile, json!(hostile))])
        .await
        .unwrap();
    let found = load(pool, Scope::Narrative(hostile), &[hostile]).await;
    assert_eq!(found[hostile], json!(hostile));
}

#[tokio::test]
async fn the_table_itself_refuses_scopes_and_keys_that_are_none() {
    let database = database().await;
    for (scope, key) in [("other", "k"), ("narrative:", "k"), ("platform", "k"), ("global", "")] {
        let refused = sqlx::query(
            "insert into botticelli.narrative_state (scope, key, value, updated_by) values ($1, $2, '1', 'me')",
        )
        .bind(scope)
        .bind(key)
        .execute(&database.pool)
        .await;
        let refused = refused.unwrap_err().into_database_error().unwrap();
        assert!(
            ["scope_is_known", "key_is_short"].contains(&refused.constraint().unwrap()),
            "{scope}"
        );
    }
}

/// Each writes all keys, in an order of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_the_same_keys_do_not_wait_in_a_circle() {
    const WRITERS: usize = 6;
    let database = database().await;
    let start = Arc::new(Barrier::new(WRITERS));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (pool, start) = (database.pool.clone(), Arc::clone(&start));
        writers.spawn(async move {
            start.wait().await;
            for round in 0..20 {
                let mut keys: Vec<String> = (0..10).map(|key| format!("k{key}")).collect();
                keys.rotate_left((writer * 3 + round) % 10);
                let entries: Vec<_> = keys
                    .iter()
                    .map(|key| (Scope::Global, key.as_str(), json!([writer, round])))
                    .collect();
                save(&pool, &entries).await.unwrap();
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    // Whoever was last wrote all of them.
    assert_eq!(
        database
            .row("select count(*), count(distinct value) from botticelli.narrative_state")
            .await,
        "10|1"
    );
}
