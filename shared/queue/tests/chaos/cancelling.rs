//! Jobs are cancelled, some while they wait and some while they run, through the same bad network.

use std::{path::PathBuf, time::Duration};

use botticelli_testkit::history::{Event, EventLog};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::PATIENCE;

/// Between two cancellations.
const PACE: Duration = Duration::from_millis(80);

/// Cancels a job now and then until it is aborted. One whose answer is lost is not tried again: the job is cancelled or not,
/// and either is right.
pub(crate) async fn cancel(url: String, log: PathBuf) {
    let options = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE);
    let pool = options.connect_lazy(&url).unwrap();
    let mut log = EventLog::append_to(&log).unwrap();
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for is_running in [true, false].into_iter().cycle() {
        pace.tick().await;
        let chosen = sqlx::query_scalar(
            "select id from botticelli.jobs where (state = 'running') = $1 order by random() limit 1",
        )
        .bind(is_running)
        .fetch_optional(&pool);
        let Ok(Ok(Some(job))) = timeout(PATIENCE, chosen).await else {
            continue;
        };
        log.record(&[Event::Cancelling { job }]).unwrap();
        // Without an answer it is not known; with an error the job had come to its end.
        if let Ok(Ok(confirmed)) = timeout(PATIENCE, cancel_one(&pool, job)).await {
            log.record(&[confirmed]).unwrap();
        }
    }
}

async fn cancel_one(pool: &PgPool, job: i64) -> Result<Event, sqlx::Error> {
    let mut transaction = botticelli_database::transaction(pool).await?;
    let answer: String = sqlx::query_scalar("select botticelli.cancel($1, 'chaos', 'the siege')")
        .bind(job)
        .fetch_one(&mut *transaction)
        .await?;
    // What runs is locked until the commit, and what is dead stays as it is.
    let attempt = sqlx::query_scalar(
        "select attempt from botticelli.dead_jobs where id = $1
         union all
         select attempt from botticelli.jobs where id = $1",
    )
    .bind(job)
    .fetch_one(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(Event::Cancelled {
        job,
        attempt,
        was_running: answer == "cancelling",
    })
}
