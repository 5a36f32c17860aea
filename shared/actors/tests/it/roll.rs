//! A database with actors in it.

use botticelli_actors::{Registration, register};
use botticelli_testkit::{TestDatabase, database};

/// The actors `generation` and `posting`, each with its queue.
pub(crate) async fn with_actors() -> TestDatabase {
    let database = database().await;
    for name in ["generation", "posting"] {
        let queue = format!("insert into botticelli.queues values ('{name}', '{name}', 5)");
        database.execute(&queue).await;
        enrol(&database, name, "every 2 hours", true).await;
    }
    database
}

pub(crate) async fn enrol(database: &TestDatabase, name: &str, schedule: &str, enabled: bool) {
    let registration = Registration {
        name,
        kind: name,
        enabled,
        schedule,
        schedule_type: "Interval",
    };
    let mut connection = database.pool.acquire().await.unwrap();
    register(&mut connection, &registration).await.unwrap();
}
