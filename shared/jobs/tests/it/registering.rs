use std::path::Path;

use botticelli_jobs::register_fleet;
use botticelli_settings::Settings;
use botticelli_testkit::database;

#[tokio::test]
async fn a_registration_and_a_pause_do_not_wait_for_each_other() {
    let database = database().await;
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let settings = Settings::load_in(root, None, []).unwrap();
    register_fleet(&database.pool, &settings, false).await.unwrap();
    // So that registering again has every queue to write.
    database
        .execute("update botticelli.queues set max_attempts = 1000")
        .await;

    let mut pause = database.pool.begin().await.unwrap();
    sqlx::query("select from botticelli.actor_server_state where task_id = 'posting' for update")
        .execute(&mut *pause)
        .await
        .unwrap();
    let pool = database.pool.clone();
    let registration = tokio::spawn(async move { register_fleet(&pool, &settings, false).await });
    database.until_waiting_for_locks(1).await;
    // The actor's queue is written here, while the registration waits for the actor.
    sqlx::query("update botticelli.actor_server_state set is_paused = true where task_id = 'posting'")
        .execute(&mut *pause)
        .await
        .unwrap();
    pause.commit().await.unwrap();
    registration.await.unwrap().unwrap();
    let queue = "select is_paused from botticelli.queues where name = 'posting' and max_attempts < 1000";
    assert_eq!(database.rows(queue).await, ["t"]);
}

#[tokio::test]
async fn any_number_of_processes_may_be_the_first() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let settings = Settings::load_in(root, None, []).unwrap();
    let database = database().await;
    for _ in 0..5 {
        let registering = (0..8).map(|process| register_fleet(&database.pool, &settings, process == 0));
        for registered in futures_util::future::join_all(registering).await {
            registered.unwrap();
        }
        database
            .execute("delete from botticelli.actor_server_state; delete from botticelli.queues")
            .await;
    }
}
