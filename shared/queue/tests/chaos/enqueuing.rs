//! Jobs come in at a steady pace, through the same bad network.

use std::{path::PathBuf, time::Duration};

use botticelli_testkit::history::{Event, EventLog};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::{PATIENCE, QUEUE};

/// Jobs in one transaction.
const BATCH: i64 = 15;
/// Between two transactions.
pub(crate) const PACE: Duration = Duration::from_millis(90);

/// Enqueues `jobs`, some due a little later and with various priorities. One whose answer is lost is not tried again: it is
/// there or not, and either is right.
pub(crate) async fn enqueue(url: String, log: PathBuf, jobs: i64) {
    let options = PgPoolOptions::new().max_connections(2).acquire_timeout(PATIENCE);
    let pool = options.connect_lazy(&url).unwrap();
    let mut log = EventLog::append_to(&log).unwrap();
    let mut pace = interval(PACE);
    // Those that a blow has held up come after it all at once, or the test would take longer than planned.
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for first in (1..=jobs).step_by(usize::try_from(BATCH).unwrap_or(1)) {
        pace.tick().await;
        let offers: Vec<i64> = (first..(first + BATCH).min(jobs + 1)).collect();
        let offered: Vec<Event> = offers.iter().map(|offer| Event::Offered { offer: *offer }).collect();
        log.record(&offered).unwrap();
        if let Ok(Ok(ids)) = timeout(PATIENCE, enqueue_batch(&pool, &offers)).await {
            let accepted = offers.into_iter().zip(ids);
            let accepted: Vec<Event> = accepted.map(|(offer, job)| Event::Accepted { offer, job }).collect();
            log.record(&accepted).unwrap();
        }
    }
}

async fn enqueue_batch(pool: &PgPool, offers: &[i64]) -> Result<Vec<i64>, sqlx::Error> {
    let late = offers[0] / BATCH % 4 == 1;
    let mut transaction = botticelli_database::transaction(pool).await?;
    let ids = sqlx::query_scalar(
        "select job.id
         from botticelli.enqueue_many($1, array(select jsonb_build_object('offer', offer) from unnest($2::bigint[]) as offer),
           run_at => now() + $3 * interval '1 millisecond', priority => $4) as job",
    )
    .bind(QUEUE)
    .bind(offers)
    .bind(if late { 500 } else { 0 })
    .bind(i32::try_from(offers[0] % 5).unwrap_or(0))
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(ids)
}
