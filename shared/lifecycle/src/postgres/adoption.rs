//! Taking over a server that an earlier owner left running.

use std::time::Duration;

use super::ClusterError;
use super::data_dir::{DataDir, failed};
use super::postmaster::{self, PostmasterPid};
use super::server::{POLL, STARTUP_TIMEOUT, Server};
use super::session::{Answer, Login};

/// Finds the server that runs on `data_dir` already; `None` when there is none and one may be started.
///
/// A server that is still starting or shutting down is waited for.
pub(super) async fn adopt(data_dir: &DataDir, password: &str) -> Result<Option<(Server, Login)>, ClusterError> {
    let path = data_dir.postmaster_pid();
    let mut pid = 0;
    let waited = tokio::time::timeout(STARTUP_TIMEOUT, async {
        loop {
            let Some(found) = PostmasterPid::read(&path) else {
                return Ok(None);
            };
            pid = found.pid;
            if !postmaster::serves(found.pid, &data_dir.cluster()) {
                postmaster::disown(&path).map_err(failed("rewrite", &path))?;
                return Ok(None);
            }
            if let Some(port) = found.port {
                let login = Login {
                    port,
                    password: password.to_owned(),
                };
                match login.knock().await {
                    Answer::Ready(_) => return Ok(Some((Server::adopted(pid, data_dir.cluster()), login))),
                    Answer::WrongPassword => {
                        let data_dir = data_dir.path().to_owned();
                        return Err(ClusterError::PasswordRefused { data_dir, pid });
                    }
                    Answer::NotYet => {}
                }
            }
            tokio::time::sleep(POLL).await;
        }
    });
    match waited.await {
        Ok(Ok(Some((server, login)))) => {
            tracing::info!("Adopted the server that runs as process {}", server.pid());
            data_dir.write_port(login.port)?;
            Ok(Some((server, login)))
        }
        Ok(outcome) => outcome,
        Err(_) => Err(silent(data_dir, pid, STARTUP_TIMEOUT)),
    }
}

pub(super) fn silent(data_dir: &DataDir, pid: u32, waited: Duration) -> ClusterError {
    ClusterError::Silent {
        data_dir: data_dir.path().to_owned(),
        pid,
        seconds: waited.as_secs(),
        log: data_dir.log_tail(),
    }
}
