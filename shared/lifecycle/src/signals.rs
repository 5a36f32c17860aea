//! Signals of the operating system, turned into a [`Shutdown`].

use std::io;

use tokio::signal::unix::{SignalKind, signal};

use crate::Shutdown;

/// Makes SIGTERM and SIGINT drive `shutdown`: the first of either drains, the next stops at once.
///
/// The handlers are in place when this returns, so a signal that comes a moment later is not lost. They stay for the
/// life of the process; signals after the second change nothing.
///
/// # Errors
///
/// The error of the operating system when a handler cannot be registered.
pub fn shut_down_on_signals(shutdown: &Shutdown) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        while !shutdown.is_stopping() {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
                () = shutdown.stopping() => return,
            };
            shutdown.escalate();
            if shutdown.is_stopping() {
                tracing::warn!("Received {name} again: dropping the work in hand");
            } else {
                tracing::info!("Received {name}: draining; a second signal drops the work in hand");
            }
        }
    });
    Ok(())
}
