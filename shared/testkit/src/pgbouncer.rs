//! A real PgBouncer in front of a database.

use std::fmt;
use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::geteuid;
use tempfile::TempDir;
use tokio::process::Command;

use crate::fault_proxy::host_and_port;
use crate::process::Process;

/// Where Debian has the program, which only root has on its path.
const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// For how long a client of PgBouncer has a connection to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMode {
    /// As long as it is connected itself.
    Session,
    /// For a transaction.
    Transaction,
}

impl fmt::Display for PoolMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Session => "session",
            Self::Transaction => "transaction",
        })
    }
}

/// A PgBouncer on a free port of the loopback, as Debian configures it but for the mode. It ends when this is dropped.
#[derive(Debug)]
pub struct PgBouncer {
    url: String,
    _process: Process,
    _directory: TempDir,
}

impl PgBouncer {
    /// Starts one in front of the database that `url` names, with its user and password.
    ///
    /// # Panics
    ///
    /// When `url` has no user, password, host and port, or there is no PgBouncer on this machine.
    pub async fn before(url: &str, mode: PoolMode) -> Self {
        let directory = tempfile::tempdir().unwrap_or_else(|error| panic!("no directory for PgBouncer: {error}"));
        let port = free_port();
        let config = write_config(directory.path(), url, mode, port)
            .unwrap_or_else(|error| panic!("PgBouncer cannot be configured: {error}"));
        let program = if Path::new(PROGRAM).is_file() {
            PROGRAM
        } else {
            "pgbouncer"
        };
        let mut command = Command::new(program);
        command.arg(config);
        let process = Process::spawn(command);
        process.line("process up").await;
        Self {
            url: url.replacen(host_and_port(url), &format!("127.0.0.1:{port}"), 1),
            _process: process,
            _directory: directory,
        }
    }

    /// The URL by which clients reach the database through it.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// A port that was free a moment ago: PgBouncer cannot choose one itself.
fn free_port() -> u16 {
    let bound = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    bound
        .unwrap_or_else(|error| panic!("no port on 127.0.0.1 for PgBouncer: {error}"))
        .port()
}

/// Writes the files of a PgBouncer and gives the path of the first one.
fn write_config(directory: &Path, url: &str, mode: PoolMode, port: u16) -> std::io::Result<std::path::PathBuf> {
    let server = host_and_port(url);
    let (host, server_port) = server.rsplit_once(':').unwrap_or((server, "5432"));
    let credentials = url.split("://").nth(1).and_then(|rest| rest.split('@').next());
    let (user, password) = credentials
        .and_then(|credentials| credentials.split_once(':'))
        .unwrap_or_else(|| panic!("the URL of the database has no user and password"));

    let users = directory.join("userlist.txt");
    fs::write(&users, format!("\"{user}\" \"{password}\"\n"))?;
    // It does not run as root; then it is the account of the server, which has to get at the files.
    let account = if geteuid().is_root() { "user = postgres\n" } else { "" };
    let config = directory.join("pgbouncer.ini");
    let text = format!(
        "[databases]\n* = host={host} port={server_port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
         unix_socket_dir =\nauth_type = md5\nauth_file = {}\npool_mode = {mode}\n{account}",
        users.display()
    );
    fs::write(&config, text)?;
    for (path, mode) in [(directory, 0o755), (&users, 0o644), (&config, 0o644)] {
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    Ok(config)
}
