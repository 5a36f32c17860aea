//! The files of a data directory and who may touch them.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::account::Account;
use super::{ClusterError, diagnosis};

/// Lines of the log that an error repeats.
const TAIL_LINES: usize = 12;

/// Where a private cluster lives when nobody says otherwise: `/var/lib/botticelli` for root, else `botticelli` in the
/// data home of the user (`XDG_DATA_HOME`, or `.local/share` in the home).
///
/// An empty value counts as absent. `None` when a plain user has neither.
pub fn default_data_dir(is_root: bool, xdg_data_home: Option<&Path>, home: Option<&Path>) -> Option<PathBuf> {
    if is_root {
        return Some(PathBuf::from("/var/lib/botticelli"));
    }
    // The XDG base directory specification tells to ignore a relative path, which an empty one is too.
    let data_home = xdg_data_home.filter(|path| path.is_absolute()).map(Path::to_owned);
    let home = home.filter(|path| path.is_absolute());
    data_home
        .or_else(|| home.map(|home| home.join(".local/share")))
        .map(|data_home| data_home.join("botticelli"))
}

/// A data directory that exists and that the server's account can reach.
#[derive(Debug, Clone)]
pub(super) struct DataDir {
    /// Absolute and without links, so that it can be compared with what the server reports.
    path: PathBuf,
}

/// Proof that no other process owns the cluster. The operating system gives it up when the process dies.
#[derive(Debug)]
pub(super) struct OwnerLock {
    _file: File,
}

impl DataDir {
    pub(super) fn open(path: &Path, account: &Account) -> Result<Self, ClusterError> {
        if !path.exists() {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(failed("create", parent))?;
            }
            // A foreign account has to walk through; every secret inside is a file of mode 0600.
            let mode = if account.is_foreign { 0o755 } else { 0o700 };
            fs::DirBuilder::new()
                .mode(mode)
                .create(path)
                .map_err(failed("create", path))?;
            // Once more, because the umask may have taken away what the account needs.
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed("open", path))?;
        }
        let path = path.canonicalize().map_err(failed("resolve", path))?;
        let owner = fs::metadata(&path).map_err(failed("read", &path))?.uid();
        let own = rustix::process::geteuid().as_raw();
        if owner != own && owner != account.uid {
            return Err(ClusterError::WrongOwner {
                path,
                owner,
                expected: own,
            });
        }
        account.check_can_enter(&path)?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What Postgres calls its data directory.
    pub(super) fn cluster(&self) -> PathBuf {
        self.path.join("cluster")
    }

    pub(super) fn password_file(&self) -> PathBuf {
        self.path.join("password")
    }

    pub(super) fn postmaster_pid(&self) -> PathBuf {
        self.cluster().join("postmaster.pid")
    }

    /// Takes the cluster for this process, or names the process that has it.
    pub(super) fn lock(&self) -> Result<OwnerLock, ClusterError> {
        let path = self.path.join("lock");
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // The owner may not have written its pid yet; the directory is named in any case.
                let _ = file.read_to_string(&mut pid);
                let pid = if pid.trim().is_empty() { "unknown" } else { pid.trim() };
                return Err(ClusterError::InUse {
                    data_dir: self.path.clone(),
                    pid: pid.to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock", &path)(source)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(failed("write", &path))?;
        Ok(OwnerLock { _file: file })
    }

    /// The major version of the cluster with the data directory, for messages; `None` before `initdb`.
    pub(super) fn cluster_major(&self) -> Result<Option<(u16, &Path)>, ClusterError> {
        let cluster = self.cluster();
        if !cluster.exists() {
            return Ok(None);
        }
        let version = fs::read_to_string(cluster.join("PG_VERSION")).unwrap_or_default();
        match version.trim().parse() {
            Ok(major) => Ok(Some((major, &self.path))),
            Err(_) => Err(ClusterError::Incomplete { cluster }),
        }
    }

    /// The password of the cluster; a new random one when there is no cluster yet.
    pub(super) fn password(&self, account: &Account) -> Result<String, ClusterError> {
        let path = self.password_file();
        match fs::read_to_string(&path) {
            Ok(password) if !password.trim().is_empty() => return Ok(password.trim().to_owned()),
            Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(failed("read", &path)(source)),
            _ if self.cluster().exists() => return Err(ClusterError::PasswordMissing { password: path }),
            _ => {}
        }
        let password = Uuid::new_v4().simple().to_string();
        self.write_secret("password", &password)?;
        // `initdb` reads it as that account.
        account.give(&path)?;
        Ok(password)
    }

    pub(super) fn check_owner_of_cluster(&self, account: &Account) -> Result<(), ClusterError> {
        let path = self.cluster();
        let owner = fs::metadata(&path).map_err(failed("read", &path))?.uid();
        if owner == account.uid {
            Ok(())
        } else {
            Err(ClusterError::WrongOwner {
                path,
                owner,
                expected: account.uid,
            })
        }
    }

    /// The port last used, if it is on record.
    pub(super) fn last_port(&self) -> Option<u16> {
        fs::read_to_string(self.path.join("port")).ok()?.trim().parse().ok()
    }

    pub(super) fn write_port(&self, port: u16) -> Result<(), ClusterError> {
        let path = self.path.join("port");
        fs::write(&path, format!("{port}\n")).map_err(failed("write", &path))
    }

    /// Writes a file that only its owner may read. A reader sees the old content or the new, never a part.
    pub(super) fn write_secret(&self, name: &str, secret: &str) -> Result<(), ClusterError> {
        let path = self.path.join(name);
        let draft = self.path.join(format!("{name}.new"));
        self.remove(&format!("{name}.new"))?;
        let written = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut file| writeln!(file, "{secret}").and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&draft, &path));
        written.map_err(failed("write", &path))
    }

    /// Removes a file; that it is gone already is fine.
    pub(super) fn remove(&self, name: &str) -> Result<(), ClusterError> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(failed("remove", &path)(source)),
            _ => Ok(()),
        }
    }

    /// A fresh log for the next server; the one before it is kept as `postgres.log.1`.
    pub(super) fn open_log(&self) -> Result<File, ClusterError> {
        let path = self.path.join("postgres.log");
        if path.exists() {
            fs::rename(&path, self.path.join("postgres.log.1")).map_err(failed("rename", &path))?;
        }
        let opened = File::options().append(true).create(true).mode(0o600).open(&path);
        opened.map_err(failed("create", &path))
    }

    /// The end of the server's log, for an error.
    pub(super) fn log_tail(&self) -> String {
        let path = self.path.join("postgres.log");
        match fs::read(&path) {
            Ok(log) => diagnosis::tail(&String::from_utf8_lossy(&log), TAIL_LINES),
            Err(error) => format!("(`{}` cannot be read: {error})", path.display()),
        }
    }
}

/// Wraps the refusal of the operating system to `action` the file at `path`.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ClusterError + use<> {
    let path = path.to_owned();
    move |source| ClusterError::File { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_keeps_its_cluster_under_var_and_a_user_under_the_data_home() {
        let (xdg, home) = (Path::new("/data"), Path::new("/home/ada"));
        assert_eq!(
            default_data_dir(true, Some(xdg), Some(home)),
            Some("/var/lib/botticelli".into())
        );
        assert_eq!(
            default_data_dir(false, Some(xdg), Some(home)),
            Some("/data/botticelli".into())
        );
        assert_eq!(
            default_data_dir(false, None, Some(home)),
            Some("/home/ada/.local/share/botticelli".into())
        );
        assert_eq!(default_data_dir(false, None, None), None);
    }

    #[test]
    fn an_empty_or_relative_data_home_is_ignored() {
        let home = Path::new("/home/ada");
        for odd in ["", "data"] {
            let expected = Some("/home/ada/.local/share/botticelli".into());
            assert_eq!(default_data_dir(false, Some(Path::new(odd)), Some(home)), expected);
        }
    }
}
