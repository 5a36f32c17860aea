//! The actors as configured.

use botticelli_actors::{get_actor, list_actors, retire_missing, set_next_runs};

use crate::roll::{enrol, with_actors};

#[tokio::test]
async fn an_actor_is_listed_as_it_was_registered_last() {
    let database = with_actors().await;
    enrol(&database, "posting", "every 5 minutes", true).await;
    let actors = list_actors(&database.pool).await.unwrap();
    let shown: Vec<(&str, &str, bool)> = actors
        .iter()
        .map(|actor| (actor.name.as_str(), actor.schedule.as_str(), actor.enabled))
        .collect();
    assert_eq!(
        shown,
        [
            ("generation", "every 2 hours", true),
            ("posting", "every 5 minutes", true)
        ]
    );
    assert!(get_actor(&database.pool, "curation").await.unwrap().is_none());
}

#[tokio::test]
async fn an_actor_that_the_settings_lack_is_disabled_and_its_history_stays() {
    let database = with_actors().await;
    let mut connection = database.pool.acquire().await.unwrap();
    let next_run = Some("2026-11-23T09:00:00Z".parse().unwrap());
    set_next_runs(&database.pool, &["generation"], &[next_run])
        .await
        .unwrap();
    let configured = ["posting".to_owned()];
    assert_eq!(
        retire_missing(&mut connection, &configured).await.unwrap(),
        ["generation"]
    );
    assert!(retire_missing(&mut connection, &configured).await.unwrap().is_empty());
    let retired = get_actor(&database.pool, "generation").await.unwrap().unwrap();
    assert_eq!((retired.enabled, retired.next_run), (false, None));
    let queue = "select is_paused from botticelli.queues where name = 'generation'";
    assert_eq!(database.row(queue).await, "t");
}
