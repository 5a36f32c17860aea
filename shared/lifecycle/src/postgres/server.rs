//! The server process: started or adopted, watched, stopped.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command as StdCommand, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tokio::process::{Child, Command};

use super::account::Account;
use super::adoption::silent;
use super::binaries::Binaries;
use super::data_dir::{DataDir, failed};
use super::session::{Answer, Login};
use super::{ClusterError, ClusterOptions, postmaster};

/// How often a server that cannot tell us is looked at.
pub(super) const POLL: Duration = Duration::from_millis(30);
/// Time to answer, crash recovery included.
pub(super) const STARTUP_TIMEOUT: Duration = Duration::from_mins(2);
/// Time for a fast shutdown: its checkpoint may have much to write.
const FAST_SHUTDOWN: Duration = Duration::from_secs(30);
/// Time for an immediate shutdown, which writes nothing.
const IMMEDIATE_SHUTDOWN: Duration = Duration::from_secs(5);
/// Starts with another port each, when other programs keep taking the chosen one.
const PORT_ATTEMPTS: u32 = 5;

/// A running `postgres`.
#[derive(Debug)]
pub(super) struct Server {
    pid: u32,
    /// The directory it serves, by which it is told from a later process of the same pid.
    cluster: PathBuf,
    /// `None` when another process started it.
    child: Option<Child>,
    /// Whether to ask it to shut down on drop.
    is_ours: bool,
}

impl Server {
    pub(super) fn adopted(pid: u32, cluster: PathBuf) -> Self {
        Self {
            pid,
            cluster,
            child: None,
            is_ours: true,
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn is_adopted(&self) -> bool {
        self.child.is_none()
    }

    pub(super) fn leave_running(&mut self) {
        self.is_ours = false;
    }

    /// Waits until the process is gone.
    pub(super) async fn exited(&mut self) {
        if let Some(child) = &mut self.child {
            // An error means that it was waited for already.
            let _ = child.wait().await;
        } else {
            while postmaster::serves(self.pid, &self.cluster) {
                tokio::time::sleep(POLL).await;
            }
        }
    }

    pub(super) async fn stop(&mut self) -> Result<(), ClusterError> {
        // SIGINT disconnects the clients and writes a checkpoint; SIGTERM would wait for the clients to leave.
        for (signal, patience) in [(Signal::INT, FAST_SHUTDOWN), (Signal::QUIT, IMMEDIATE_SHUTDOWN)] {
            postmaster::send(self.pid, signal);
            if tokio::time::timeout(patience, self.exited()).await.is_ok() {
                self.is_ours = false;
                return Ok(());
            }
            tracing::warn!("The server (process {}) did not end within {patience:?}", self.pid);
        }
        Err(ClusterError::StillRunning { pid: self.pid })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let has_ended = match &mut self.child {
            Some(child) => matches!(child.try_wait(), Ok(Some(_))),
            None => false,
        };
        if self.is_ours && !has_ended {
            postmaster::send(self.pid, Signal::INT);
        }
    }
}

/// Starts a server on `data_dir` and waits until it answers.
pub(super) async fn start(
    binaries: &Binaries,
    data_dir: &DataDir,
    account: &Account,
    options: &ClusterOptions,
    password: &str,
) -> Result<(Server, Login), ClusterError> {
    let mut attempt = 1;
    loop {
        let port = free_port(data_dir)?;
        let mut server = spawn(binaries, data_dir, account, options, port)?;
        let login = Login {
            port,
            password: password.to_owned(),
        };
        match until_ready(&mut server, &login, data_dir).await {
            Ok(()) => {
                data_dir.write_port(port)?;
                return Ok((server, login));
            }
            // Between the choice of the port and its use anybody may take it.
            Err(ClusterError::Start { log, .. })
                if log.contains("Address already in use") && attempt < PORT_ATTEMPTS =>
            {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn spawn(
    binaries: &Binaries,
    data_dir: &DataDir,
    account: &Account,
    options: &ClusterOptions,
    port: u16,
) -> Result<Server, ClusterError> {
    let log = data_dir.open_log()?;
    let log_of_stdout = log.try_clone().map_err(failed("open", data_dir.path()))?;
    let program = binaries.program("postgres");
    let mut command = StdCommand::new(&program);
    command.arg("-D").arg(data_dir.cluster());
    for (name, value) in settings(options, port) {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    account.apply(&mut command, &data_dir.cluster());
    command
        // Ctrl-C in the terminal reaches a whole process group; the database must outlive the drain.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(log_of_stdout)
        .stderr(log);
    let child = Command::from(command).spawn().map_err(|source| ClusterError::Spawn {
        program: program.clone(),
        source,
    })?;
    let pid = child.id().unwrap_or_default();
    Ok(Server {
        pid,
        cluster: data_dir.cluster(),
        child: Some(child),
        is_ours: true,
    })
}

/// The settings of a private server: on the loopback only, and small.
fn settings(options: &ClusterOptions, port: u16) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("listen_addresses", "127.0.0.1".to_owned()),
        ("port", port.to_string()),
        // The default directory of the sockets may belong to the server of the system.
        ("unix_socket_directories", String::new()),
        ("max_connections", options.max_connections.to_string()),
        ("shared_buffers", "32MB".to_owned()),
        ("max_wal_size", "256MB".to_owned()),
        // Nobody replicates a private cluster.
        ("wal_level", "minimal".to_owned()),
        ("max_wal_senders", "0".to_owned()),
        // The statements of a queue are short; compiling them costs more than running them.
        ("jit", "off".to_owned()),
        ("timezone", "UTC".to_owned()),
        ("logging_collector", "off".to_owned()),
        // The phrases that we look for in the log are English.
        ("lc_messages", "C".to_owned()),
    ];
    if options.fast_unsafe {
        for name in ["fsync", "synchronous_commit", "full_page_writes"] {
            settings.push((name, "off".to_owned()));
        }
    }
    settings
}

async fn until_ready(server: &mut Server, login: &Login, data_dir: &DataDir) -> Result<(), ClusterError> {
    let pid = server.pid();
    let ready = async {
        loop {
            if matches!(login.knock().await, Answer::Ready(_)) {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::select! {
        // Its end is looked at first: what answers on the port after that is somebody else.
        biased;
        () = server.exited() => Err(ClusterError::Start {
            data_dir: data_dir.path().to_owned(),
            log: data_dir.log_tail(),
        }),
        () = ready => Ok(()),
        () = tokio::time::sleep(STARTUP_TIMEOUT) => Err(silent(data_dir, pid, STARTUP_TIMEOUT)),
    }
}

/// The port of the last run when it is still free, so that URLs people wrote down stay good; else any free one.
fn free_port(data_dir: &DataDir) -> Result<u16, ClusterError> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|listener| listener.local_addr());
    let kept = data_dir
        .last_port()
        .filter(|port| *port != 0)
        .and_then(|port| bind(port).ok());
    let address = match kept {
        Some(address) => address,
        None => bind(0).map_err(failed("find a free port on 127.0.0.1 for", data_dir.path()))?,
    };
    Ok(address.port())
}
