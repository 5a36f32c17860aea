//! Why a private cluster does not run, and what to do about it.

use std::io;
use std::path::PathBuf;

use super::diagnosis;

/// Why a private Postgres cluster could not be started, kept or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No usable `initdb` and `postgres` on this machine.
    #[error(
        "no PostgreSQL {min} to {max} found in {searched}; install one with `apt-get install postgresql`, \
         or point to a running server instead",
        min = super::binaries::OLDEST, max = super::binaries::NEWEST
    )]
    NoBinaries {
        /// Where they were looked for.
        searched: String,
    },

    /// The cluster was made by a major version that is not installed.
    #[error(
        "the cluster in `{}` was made by PostgreSQL {cluster}, which is not installed (found: {found}); install it with \
         `apt-get install postgresql-{cluster}`, or move the directory away to start with an empty cluster",
        data_dir.display()
    )]
    OtherMajor {
        /// The data directory.
        data_dir: PathBuf,
        /// The major version that made the cluster.
        cluster: u16,
        /// The major versions found on this machine.
        found: String,
    },

    /// This process is root and the account for the server is missing.
    #[error(
        "PostgreSQL refuses to run as root and there is no account `postgres` in /etc/passwd to run it as; \
         make one with `apt-get install postgresql`, or run as another user"
    )]
    NoAccount,

    /// The account of the server cannot get into the data directory.
    #[error(
        "account `{account}`, which runs the server, cannot enter `{}`; choose another place with \
         `--data-dir /var/lib/botticelli`, or open that directory with `chmod o+x`",
        blocked.display()
    )]
    Unreachable {
        /// The account that the server runs as.
        account: String,
        /// The directory that keeps it out.
        blocked: PathBuf,
    },

    /// The files belong to somebody else.
    #[error(
        "`{}` belongs to uid {owner}, but the server runs as uid {expected}; give it back with \
         `chown -R {expected} {}`, or choose another place with `--data-dir`",
        path.display(), path.display()
    )]
    WrongOwner {
        /// The file or directory.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who has to.
        expected: u32,
    },

    /// Another process owns the cluster.
    #[error("data directory `{}` is in use by process {pid}; stop that one, or choose another with `--data-dir`", data_dir.display())]
    InUse {
        /// The data directory.
        data_dir: PathBuf,
        /// The pid in the lock file, or `unknown`.
        pid: String,
    },

    /// The directory of the cluster is there, but it is not a cluster.
    #[error(
        "`{}` has no `PG_VERSION`, so it is not a complete cluster; restore a backup, or move the directory away \
         to start with an empty cluster",
        cluster.display()
    )]
    Incomplete {
        /// The directory of the cluster.
        cluster: PathBuf,
    },

    /// The cluster is there, but its password is not.
    #[error(
        "`{}` is missing, and the cluster beside it cannot be opened without; restore that file, or move the \
         directory away to start with an empty cluster",
        password.display()
    )]
    PasswordMissing {
        /// Where the password was looked for.
        password: PathBuf,
    },

    /// A file of the data directory cannot be read or written.
    #[error("could not {action} `{}`", path.display())]
    File {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The refusal of the operating system.
        #[source]
        source: io::Error,
    },

    /// A program of Postgres could not be run at all.
    #[error("could not run `{}`", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The refusal of the operating system.
        #[source]
        source: io::Error,
    },

    /// `initdb` gave up.
    #[error("`initdb` could not make a cluster in `{}`{}:\n{output}", data_dir.display(), diagnosis::hint(output))]
    Initdb {
        /// The data directory.
        data_dir: PathBuf,
        /// The end of what it wrote.
        output: String,
    },

    /// The server ended before it answered.
    #[error("the server in `{}` ended while starting{}:\n{log}", data_dir.display(), diagnosis::hint(log))]
    Start {
        /// The data directory.
        data_dir: PathBuf,
        /// The end of its log.
        log: String,
    },

    /// The server runs but did not answer in time.
    #[error("the server in `{}` (process {pid}) did not answer within {seconds} s{}:\n{log}", data_dir.display(), diagnosis::hint(log))]
    Silent {
        /// The data directory.
        data_dir: PathBuf,
        /// Its process id.
        pid: u32,
        /// How long it was waited for.
        seconds: u64,
        /// The end of its log.
        log: String,
    },

    /// The server is there but does not know our password.
    #[error(
        "process {pid} serves the cluster in `{}` but refuses the password kept in `password` beside it; \
         restore that file, or stop the process with `kill -INT {pid}` and move the directory away",
        data_dir.display()
    )]
    PasswordRefused {
        /// The data directory.
        data_dir: PathBuf,
        /// The process id of the server.
        pid: u32,
    },

    /// The server refused a statement.
    #[error("the private server refused to {action}")]
    Statement {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The refusal.
        #[source]
        source: sqlx::Error,
    },

    /// The server went away by itself.
    #[error("the private server (process {pid}) ended by itself{}:\n{log}", diagnosis::hint(log))]
    Died {
        /// Its process id.
        pid: u32,
        /// The end of its log.
        log: String,
    },

    /// The server cannot be stopped.
    #[error(
        "the private server (process {pid}) outlived a fast and an immediate shutdown; end it with `kill -KILL {pid}`"
    )]
    StillRunning {
        /// Its process id.
        pid: u32,
    },
}
