//! A private Postgres cluster: one directory, one server on the loopback, started from the binaries of the machine.
//!
//! The files of a data directory:
//!
//! | file | holds |
//! |---|---|
//! | `cluster/` | what `initdb` made; owned by the account the server runs as |
//! | `password` | the password of the role `botticelli`, mode 0600 |
//! | `port` | the port last used, tried first by the next start |
//! | `database_url` | the URL of the running server, mode 0600; absent after a clean stop |
//! | `postgres.log`, `postgres.log.1` | what this server and the one before it wrote |
//! | `lock` | held by the process that owns the cluster, with its pid inside |

mod account;
mod adoption;
mod binaries;
mod cluster_error;
mod data_dir;
mod diagnosis;
mod initdb;
mod postmaster;
mod server;
mod session;

use std::path::{Path, PathBuf};

pub use account::is_root;
pub use cluster_error::ClusterError;
pub use data_dir::default_data_dir;

use account::Account;
use binaries::Binaries;
use data_dir::{DataDir, OwnerLock};
use server::Server;
use session::Login;

/// The database that [`Cluster::start`] makes and [`Cluster::url`] names.
const DATABASE: &str = "botticelli";

/// What a private cluster is made of.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// The directory that holds everything of this cluster. It is made when absent.
    pub data_dir: PathBuf,
    /// The directory with `initdb` and `postgres`; `None` searches the usual places, then `PATH`.
    pub binaries: Option<PathBuf>,
    /// Trades the safety of the data for speed: no fsync, no synchronous commit, no full pages. For tests only.
    pub fast_unsafe: bool,
    /// Connections the server accepts at once.
    pub max_connections: u16,
}

impl ClusterOptions {
    /// A durable cluster of 60 connections in `data_dir`, from whatever binaries the machine has.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            binaries: None,
            fast_unsafe: false,
            max_connections: 60,
        }
    }

    /// The same cluster for tests: 200 connections and no care for the data after a crash.
    pub fn for_tests(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            fast_unsafe: true,
            max_connections: 200,
            ..Self::new(data_dir)
        }
    }
}

/// A running private cluster, owned by this process.
///
/// [`Cluster::stop`] is the clean end. A value that is dropped asks its server to shut down but cannot wait for it;
/// the next start waits instead.
#[derive(Debug)]
pub struct Cluster {
    data_dir: DataDir,
    server: Server,
    login: Login,
    url: String,
    /// Given up last: whoever gets it next may trust that this owner has asked its server to stop.
    _lock: OwnerLock,
}

impl Cluster {
    /// Starts the cluster in `options.data_dir`, making it first when the directory is new.
    ///
    /// A server that a killed owner left running there is adopted with all its data, and stopped by this owner. When
    /// this returns, the server answers on 127.0.0.1 and the database `botticelli` exists. A process that runs as
    /// root starts the server as the account `postgres`, because Postgres refuses to run as root.
    ///
    /// # Errors
    ///
    /// [`ClusterError`], each variant with its way out. No server that this call started is left running.
    pub async fn start(options: ClusterOptions) -> Result<Self, ClusterError> {
        let account = Account::for_server()?;
        let data_dir = DataDir::open(&options.data_dir, &account)?;
        let lock = data_dir.lock()?;
        let binaries = Binaries::find(options.binaries.as_deref(), data_dir.cluster_major()?)?;
        let password = data_dir.password(&account)?;
        if data_dir.cluster_major()?.is_none() {
            initdb::run(&binaries, &data_dir, &account, options.fast_unsafe).await?;
        }
        data_dir.check_owner_of_cluster(&account)?;
        let (server, login) = match adoption::adopt(&data_dir, &password).await? {
            Some(adopted) => adopted,
            None => server::start(&binaries, &data_dir, &account, &options, &password).await?,
        };
        login.create_database(DATABASE).await?;
        let url = login.url(DATABASE);
        data_dir.write_secret("database_url", &url)?;
        Ok(Self {
            data_dir,
            server,
            login,
            url,
            _lock: lock,
        })
    }

    /// The URL of the database `botticelli`, password included.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of another database of this cluster, which need not exist.
    pub fn url_of(&self, database: &str) -> String {
        self.login.url(database)
    }

    /// The directory this cluster lives in.
    pub fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// The process id of the server.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Whether the server was found running, left behind by an owner that died or let go.
    pub fn is_adopted(&self) -> bool {
        self.server.is_adopted()
    }

    /// Waits until the server is gone without [`Cluster::stop`], and says what it wrote last.
    ///
    /// It may be raced against other work and called again.
    pub async fn died(&mut self) -> ClusterError {
        self.server.exited().await;
        ClusterError::Died {
            pid: self.server.pid(),
            log: self.data_dir.log_tail(),
        }
    }

    /// Shuts the server down and waits for it: fast shutdown first, immediate after 30 seconds.
    ///
    /// # Errors
    ///
    /// [`ClusterError::StillRunning`] when the server outlives both.
    pub async fn stop(mut self) -> Result<(), ClusterError> {
        self.data_dir.remove("database_url")?;
        self.server.stop().await
    }

    /// Lets go of the server: it runs on, and the next [`Cluster::start`] in this directory adopts it.
    pub fn leave_running(mut self) {
        self.server.leave_running();
    }
}
