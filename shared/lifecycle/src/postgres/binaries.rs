//! Finding `initdb` and `postgres` on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::ClusterError;

/// The oldest major version the migrations are known to work on.
pub(super) const OLDEST: u16 = 14;
/// The newest major version known when this was written.
pub(super) const NEWEST: u16 = 18;

/// Where packages put the programs: a directory, and what stands before and after the major version below it.
const PLACES: &[(&str, &str, &str)] = &[
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
];

/// The programs of one Postgres installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    /// `None` when they are found through `PATH`.
    directory: Option<PathBuf>,
    major: u16,
}

impl Binaries {
    /// Finds the installation for a cluster of major version `cluster`, or the newest when there is no cluster yet.
    pub(super) fn find(directory: Option<&Path>, cluster: Option<(u16, &Path)>) -> Result<Self, ClusterError> {
        let (found, searched) = match directory {
            Some(directory) => (
                at(Some(directory)).into_iter().collect(),
                format!("`{}`", directory.display()),
            ),
            None => (installed(), "/usr/lib/postgresql/*/bin and PATH".to_owned()),
        };
        choose(found, searched, cluster)
    }

    /// How to run `name`, one of the programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        program(self.directory.as_deref(), name)
    }
}

fn choose(mut found: Vec<Binaries>, searched: String, cluster: Option<(u16, &Path)>) -> Result<Binaries, ClusterError> {
    found.retain(|binaries| (OLDEST..=NEWEST).contains(&binaries.major));
    found.sort_by_key(|binaries| binaries.major);
    // The sort is stable: of one version the first found stays, which is the package's.
    found.dedup_by_key(|binaries| binaries.major);
    let Some((major, data_dir)) = cluster else {
        return found.pop().ok_or(ClusterError::NoBinaries { searched });
    };
    if found.is_empty() {
        return Err(ClusterError::NoBinaries { searched });
    }
    match found.iter().find(|binaries| binaries.major == major) {
        Some(binaries) => Ok(binaries.clone()),
        None => Err(ClusterError::OtherMajor {
            data_dir: data_dir.to_owned(),
            cluster: major,
            found: found
                .iter()
                .map(|binaries| binaries.major.to_string())
                .collect::<Vec<_>>()
                .join(", "),
        }),
    }
}

/// Every installation on this machine, packages first, then the one in `PATH`.
fn installed() -> Vec<Binaries> {
    let packaged = PLACES.iter().flat_map(|(root, prefix, suffix)| {
        (OLDEST..=NEWEST).map(move |major| Path::new(root).join(format!("{prefix}{major}")).join(suffix))
    });
    packaged
        .filter_map(|directory| at(Some(&directory)))
        .chain(at(None))
        .collect()
}

fn at(directory: Option<&Path>) -> Option<Binaries> {
    let directory = directory.map(|path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()));
    version(&program(directory.as_deref(), "initdb"))?;
    let major = version(&program(directory.as_deref(), "postgres"))?;
    Some(Binaries { directory, major })
}

fn program(directory: Option<&Path>, name: &str) -> PathBuf {
    directory.map_or_else(|| PathBuf::from(name), |directory| directory.join(name))
}

fn version(program: &Path) -> Option<u16> {
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    major_in(&String::from_utf8_lossy(&output.stdout))
}

/// The major version in `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`, also of betas such as `18beta1`.
fn major_in(banner: &str) -> Option<u16> {
    let (_, version) = banner.split_once("(PostgreSQL) ")?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn of_majors(majors: &[u16]) -> Vec<Binaries> {
        majors
            .iter()
            .map(|major| Binaries {
                directory: None,
                major: *major,
            })
            .collect()
    }

    #[test]
    fn the_major_version_is_read_from_the_banner() {
        assert_eq!(
            major_in("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major_in("initdb (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major_in("psql: something else"), None);
    }

    #[test]
    fn a_new_cluster_takes_the_newest_supported_version() {
        let chosen = choose(of_majors(&[15, 17, 13, 99]), String::new(), None).unwrap();
        assert_eq!(chosen.major, 17);
    }

    #[test]
    fn an_existing_cluster_keeps_its_version_and_its_absence_names_the_package() {
        let data_dir = Path::new("/var/lib/botticelli");
        assert_eq!(
            choose(of_majors(&[15, 17]), String::new(), Some((15, data_dir)))
                .unwrap()
                .major,
            15
        );

        let refusal = choose(of_majors(&[15, 17]), String::new(), Some((16, data_dir)))
            .unwrap_err()
            .to_string();
        assert!(refusal.contains("apt-get install postgresql-16"), "{refusal}");
        assert!(refusal.contains("found: 15, 17"), "{refusal}");
    }

    #[test]
    fn a_machine_without_postgresql_is_told_what_to_install() {
        let refusal = Binaries::find(Some(Path::new("/nonexistent")), None)
            .unwrap_err()
            .to_string();
        assert!(refusal.contains("`apt-get install postgresql`"), "{refusal}");
        assert!(refusal.contains("/nonexistent"), "{refusal}");
    }
}
