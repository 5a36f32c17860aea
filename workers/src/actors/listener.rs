//! Turns notifications of the database into messages.

use std::time::Duration;

use botticelli_queue::{Wakeup, Wakeups};
use sqlx::PgPool;

use crate::outcome::chain;

/// Listens for as long as the process lives, and calls `wake` with what was heard, or with `None` when anything may have
/// been missed. Meant to be spawned; ends only by being aborted.
pub(super) async fn listen(pool: PgPool, wake: impl Fn(Option<Wakeup>) + Send) {
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
                        Ok(heard) => wake(heard),
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
