//! Signals move a process from running to draining to stopping.

use botticelli_lifecycle::{Shutdown, shut_down_on_signals};
use rustix::process::{Signal, getpid, kill_process};

#[tokio::test]
async fn the_first_signal_drains_and_the_second_stops() -> std::io::Result<()> {
    let shutdown = Shutdown::new();
    shut_down_on_signals(&shutdown)?;

    kill_process(getpid(), Signal::TERM)?;
    shutdown.draining().await;
    assert!(!shutdown.is_stopping());

    kill_process(getpid(), Signal::INT)?;
    shutdown.stopping().await;
    Ok(())
}
