//! The cluster that all test processes of a checkout share.

use std::fs::{self, DirBuilder, File, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use botticelli_lifecycle::{Cluster, ClusterOptions};

use super::Problem;

/// Stops the cluster once `users.lock` was free three times in a row, ten seconds apart.
///
/// The lock is held exclusively during the kill, so a test that begins in that moment waits for it, finds the server
/// shutting down, and starts another one.
const WATCHDOG: &str = r#"
cd "$0" || exit 0
idle=0
while sleep 10; do
  pid=$(head -n 1 data/cluster/postmaster.pid 2>/dev/null) || exit 0
  case $(readlink "/proc/$pid/cwd") in */data/cluster) ;; *) exit 0 ;; esac
  if flock --nonblock --exclusive users.lock true; then idle=$((idle + 1)); else idle=0; fi
  if [ "$idle" -ge 3 ]; then
    flock --nonblock --exclusive users.lock sh -c 'kill -INT "$0"' "$pid" && exit 0
    idle=0
  fi
done
"#;

/// Held shared for the life of this process: while anybody does, the watchdog lets the cluster live.
static IN_USE: Mutex<Option<File>> = Mutex::new(None);

/// Where the shared cluster answers.
#[derive(Debug)]
pub(super) struct SharedCluster {
    url: String,
}

impl SharedCluster {
    pub(super) fn url(&self, database: &str) -> String {
        // `Cluster::url` names the database of the product; every other one is a sibling.
        self.url.replacen("/botticelli?", &format!("/{database}?"), 1)
    }
}

/// Finds the cluster or starts it. It outlives this process.
pub(super) async fn shared() -> Result<SharedCluster, Problem> {
    let directory = directory()?;
    let (directory, start_lock) = tokio::task::spawn_blocking(move || -> io::Result<_> {
        mark_in_use(&directory)?;
        let start_lock = open(&directory.join("start.lock"))?;
        start_lock.lock()?;
        Ok((directory, start_lock))
    })
    .await??;

    let cluster = Cluster::start(ClusterOptions::for_tests(directory.join("data"))).await?;
    let url = cluster.url().to_owned();
    cluster.leave_running();
    watch(&directory)?;
    drop(start_lock);
    Ok(SharedCluster { url })
}

/// One directory per checkout and user, outside the checkout: when root runs the tests, the server is another account
/// and must be able to reach it.
fn directory() -> Result<PathBuf, Problem> {
    let mut checkout = DefaultHasher::new();
    env!("CARGO_MANIFEST_DIR").hash(&mut checkout);
    let user = rustix::process::geteuid();
    let name = format!("botticelli-testkit-{}-{:016x}", user.as_raw(), checkout.finish());
    let directory = std::env::temp_dir().join(name);

    let mode = if user.is_root() { 0o755 } else { 0o700 };
    match DirBuilder::new().mode(mode).create(&directory) {
        // Set once more, because the umask takes bits away.
        Ok(()) => fs::set_permissions(&directory, Permissions::from_mode(mode))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.into()),
    }
    if fs::symlink_metadata(&directory)?.uid() != user.as_raw() {
        return Err(format!("`{}` belongs to another user; remove it", directory.display()).into());
    }
    Ok(directory)
}

fn open(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

fn mark_in_use(directory: &Path) -> io::Result<()> {
    let mut in_use = IN_USE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if in_use.is_none() {
        let users = open(&directory.join("users.lock"))?;
        users.lock_shared()?;
        *in_use = Some(users);
    }
    Ok(())
}

/// Starts the watchdog unless one is there. It holds `watchdog.lock` as long as it lives.
fn watch(directory: &Path) -> io::Result<()> {
    let lock = directory.join("watchdog.lock");
    if open(&lock)?.try_lock().is_err() {
        return Ok(());
    }
    let spawned = Command::new("flock")
        .arg("--nonblock")
        .arg(&lock)
        .args(["sh", "-c", WATCHDOG])
        .arg(directory)
        .process_group(0)
        // An inherited pipe would make the test runner wait for it.
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match spawned {
        // It outlives this process on purpose; init reaps it.
        Ok(_) => Ok(()),
        // Without flock(1) the cluster stays until the machine goes down.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
