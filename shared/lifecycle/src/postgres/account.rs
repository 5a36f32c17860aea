//! The account that the server runs as.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as StdCommand;

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;

use super::ClusterError;

/// Whether this process runs as root, for [`super::default_data_dir`].
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Who the server runs as: this process, or the account `postgres` when this process is root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Whether files have to be given to it and programs started as it.
    pub(super) is_foreign: bool,
}

impl Account {
    pub(super) fn for_server() -> Result<Self, ClusterError> {
        if !is_root() {
            let uid = rustix::process::geteuid().as_raw();
            let gid = rustix::process::getegid().as_raw();
            return Ok(Self {
                name: format!("uid {uid}"),
                uid,
                gid,
                is_foreign: false,
            });
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        Self::in_passwd("postgres", &passwd).ok_or(ClusterError::NoAccount)
    }

    fn in_passwd(name: &str, passwd: &str) -> Option<Self> {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            if fields.next()? != name {
                return None;
            }
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            Some(Self {
                name: name.to_owned(),
                uid,
                gid,
                is_foreign: true,
            })
        })
    }

    /// Makes `command` run as this account, in a directory it can be in.
    pub(super) fn apply(&self, command: &mut StdCommand, working_dir: &Path) {
        if self.is_foreign {
            command.uid(self.uid).gid(self.gid);
        }
        command.current_dir(working_dir);
        // Whoever starts us may have aimed these at another server.
        for variable in [
            "PGDATA",
            "PGHOST",
            "PGPORT",
            "PGUSER",
            "PGPASSWORD",
            "PGDATABASE",
            "PGOPTIONS",
        ] {
            command.env_remove(variable);
        }
    }

    /// Gives `path` to this account when it is not ours already.
    pub(super) fn give(&self, path: &Path) -> Result<(), ClusterError> {
        if self.is_foreign {
            std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid)).map_err(|source| ClusterError::File {
                action: "give away",
                path: path.to_owned(),
                source,
            })?;
        }
        Ok(())
    }

    /// Refuses a `path` that this account cannot walk down to. `path` is absolute and without links.
    pub(super) fn check_can_enter(&self, path: &Path) -> Result<(), ClusterError> {
        if !self.is_foreign {
            return Ok(());
        }
        match first_closed(path, self.uid, self.gid) {
            Some(blocked) => Err(ClusterError::Unreachable {
                account: self.name.clone(),
                blocked,
            }),
            None => Ok(()),
        }
    }
}

/// The topmost directory on the way to `path` that `uid` may not enter.
fn first_closed(path: &Path, uid: u32, gid: u32) -> Option<PathBuf> {
    let mut ancestors: Vec<&Path> = path.ancestors().collect();
    ancestors.reverse();
    ancestors
        .into_iter()
        .find(|ancestor| !may_enter(ancestor, uid, gid))
        .map(Path::to_owned)
}

fn may_enter(directory: &Path, uid: u32, gid: u32) -> bool {
    let Ok(metadata) = fs::metadata(directory) else {
        return false;
    };
    let execute = if metadata.uid() == uid {
        0o100
    } else if metadata.gid() == gid {
        0o010
    } else {
        0o001
    };
    metadata.mode() & execute != 0
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_account_is_read_from_its_passwd_line() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\npostgres:x:101:104:admin,,,:/var/lib/postgresql:/bin/bash\n";
        let account = Account::in_passwd("postgres", passwd).unwrap();
        assert_eq!((account.uid, account.gid), (101, 104));
        assert_eq!(Account::in_passwd("nobody", passwd), None);
    }

    #[test]
    fn a_parent_that_is_closed_to_the_account_is_named() {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().canonicalize().unwrap();
        let closed = root.join("closed");
        let inner = closed.join("inner");
        fs::create_dir_all(&inner).unwrap();
        for (directory, mode) in [(&root, 0o755), (&inner, 0o755), (&closed, 0o700)] {
            fs::set_permissions(directory, fs::Permissions::from_mode(mode)).unwrap();
        }
        // An id that owns nothing in a temporary directory.
        let (uid, gid) = (4_000_000_001, 4_000_000_001);
        assert_eq!(first_closed(&inner, uid, gid), Some(closed.clone()));

        fs::set_permissions(&closed, fs::Permissions::from_mode(0o711)).unwrap();
        assert_eq!(first_closed(&inner, uid, gid), None);
    }
}
