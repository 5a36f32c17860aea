//! Turns notifications of the database into messages.

use std::time::Duration;

use botticelli_queue::Wakeups;
use sqlx::PgPool;

use crate::outcome::chain;

/// Listens for as long as the process lives, and calls `wake` with the queue that changed, or with `None` when any may
/// have. Meant to be spawned; ends only by being aborted.
pub(super) async fn listen(pool: PgPool, wake: impl Fn(Option<String>) + Send) {
    let mut said = false;
    loop {
        match Wakeups::listen(&pool).await {
            Ok(mut wakeups) => {
                if std::mem::take(&mut said) {
                    tracing::info!("Listening for new jobs again");
                }
                // What was enqueued before the LISTEN was heard by nobody.
                wake(None);
                loop {
                    match wakeups.next().await {
                        Ok(queue) => wake(queue),
                        Err(error) => {
                            tracing::warn!(
                                error = chain(&error),
                                "Lost the connection that listens for jobs; the poll goes on"
                            );
                            said = true;
                            break;
                        }
                    }
                }
            }
            Err(error) if !said => {
                tracing::warn!(error = chain(&error), "Cannot listen for new jobs; the poll goes on");
                said = true;
            }
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
