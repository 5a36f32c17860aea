//! The port, from its opening to its end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{ServerOptions, router};

/// How long a client may take to read an answer that is ready, once the server is to stop.
const READING_LIMIT: Duration = Duration::from_secs(5);

/// Why a model cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Other machines could use the model, and nothing would keep anybody from it.
    #[error(
        "`--listen {address}` is open to other machines and there is no key; set `LLM_SERVER_KEY`, `LLM_SERVER_KEY_FILE` or \
         `llm.server_key_file`, or listen on the loopback, such as `--listen 127.0.0.1:{}`", address.port()
    )]
    Unprotected {
        /// The address.
        address: SocketAddr,
    },
    /// Another program has the port.
    #[error("port `{}` is taken; give it another one with `--listen` (port 0 takes any free one)", address.port())]
    Taken {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The system does not allow the port, or the address is not one of this machine.
    #[error("`--listen {address}` cannot be opened; check the address and who may use the port")]
    Refused {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The listener failed while it was serving.
    #[error("the model can no longer be served")]
    Broken(#[source] io::Error),
}

/// Opens `address`. Connections wait in the system's queue until [`serve`].
///
/// # Errors
///
/// [`ServeError::Unprotected`] when the address is not of the loopback and there is no key, [`ServeError::Taken`] when another
/// program has the port, [`ServeError::Refused`] when the system does not allow it.
pub async fn listen(address: SocketAddr, has_key: bool) -> Result<TcpListener, ServeError> {
    if !has_key && !address.ip().is_loopback() {
        return Err(ServeError::Unprotected { address });
    }
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::Taken { address, source },
        _ => ServeError::Refused { address, source },
    })
}

/// Serves the model of `options` until `drain` is cancelled; then takes no new connection and lets requests in progress come to
/// their end, which the options' time for a request bounds. Dropping the future drops them.
///
/// # Errors
///
/// [`ServeError::Broken`] when the listener fails for good.
pub async fn serve(listener: TcpListener, options: ServerOptions, drain: CancellationToken) -> Result<(), ServeError> {
    let limit = options.timeouts.total.saturating_add(READING_LIMIT);
    // Pieces of an answer are small, and each is to be seen when it is said.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "answers on a connection may come in larger pieces");
        }
    });
    let served = axum::serve(listener, router(options)).with_graceful_shutdown(drain.clone().cancelled_owned());
    let out_of_time = async {
        drain.cancelled().await;
        tokio::time::sleep(limit).await;
    };
    tokio::select! {
        ended = served => ended.map_err(ServeError::Broken),
        () = out_of_time => {
            tracing::warn!("requests were still open {limit:?} after the stop and are cut");
            Ok(())
        }
    }
}
