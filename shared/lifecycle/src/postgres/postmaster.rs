//! `postmaster.pid`, and whether the process it names is really the server of this directory.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// The lines of `postmaster.pid` that matter here: the first is the pid, the fourth the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PostmasterPid {
    pub(super) pid: u32,
    /// Absent until the server has got that far.
    pub(super) port: Option<u16>,
}

impl PostmasterPid {
    pub(super) fn read(path: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(path).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        let port = lines.nth(2).and_then(|line| line.trim().parse().ok());
        Some(Self { pid, port })
    }
}

/// Whether `pid` is a live process that serves `cluster`.
///
/// A pid is used again after a reboot, and at once in a container, so being alive proves nothing. A server works in
/// its cluster's directory, which Linux shows; elsewhere being alive has to do.
pub(super) fn serves(pid: u32, cluster: &Path) -> bool {
    if !is_alive(pid) {
        return false;
    }
    if !Path::new("/proc/self/cwd").exists() {
        return true;
    }
    // A zombie has no working directory any more, so it fails here as well.
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == cluster)
}

pub(super) fn is_alive(pid: u32) -> bool {
    as_pid(pid).is_some_and(|pid| test_kill_process(pid).is_ok())
}

/// Sends `signal`; that the process is gone already is fine.
pub(super) fn send(pid: u32, signal: Signal) {
    if let Some(pid) = as_pid(pid) {
        let _ = kill_process(pid, signal);
    }
}

fn as_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw)
}

/// Turns a `postmaster.pid` of a server that is gone into one that the next server recognises as a leftover.
///
/// The next server gives up when the pid in it is alive, which another program or a zombie may be. It never does so
/// for the pid of its own parent, which we are. The file is not removed: by its other lines the server still finds
/// orphaned backends of the dead one, and refuses to run beside them.
pub(super) fn disown(path: &Path) -> std::io::Result<()> {
    let Ok(text) = fs::read_to_string(path) else {
        return Ok(());
    };
    let Some((_, rest)) = text.split_once('\n') else {
        return fs::remove_file(path);
    };
    fs::write(path, format!("{}\n{rest}", std::process::id()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const WRITTEN: &str = "4242\n/data/cluster\n1790000000\n54321\n\n127.0.0.1\n   128         1\nready   \n";

    #[test]
    fn pid_and_port_are_read_and_a_young_file_has_no_port() {
        assert_eq!(
            PostmasterPid::parse(WRITTEN),
            Some(PostmasterPid {
                pid: 4242,
                port: Some(54321)
            })
        );
        assert_eq!(
            PostmasterPid::parse("4242\n/data\n"),
            Some(PostmasterPid { pid: 4242, port: None })
        );
        assert_eq!(PostmasterPid::parse(""), None);
    }

    #[test]
    fn a_living_process_that_works_elsewhere_does_not_serve_the_cluster() {
        let temporary = tempfile::tempdir().unwrap();
        assert!(is_alive(std::process::id()));
        assert!(!serves(std::process::id(), temporary.path()));
    }

    #[test]
    fn a_leftover_keeps_its_shared_memory_line_and_gets_the_pid_of_the_next_parent() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("postmaster.pid");
        fs::write(&path, WRITTEN).unwrap();
        disown(&path).unwrap();

        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(PostmasterPid::parse(&text).unwrap().pid, std::process::id());
        assert!(text.contains("   128         1\n"));
    }
}
