//! A process whose clock is wrong.

use std::fs;
use std::path::PathBuf;

use rustix::process::Pid;
use tokio::process::Command;

/// How wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skew {
    /// Not at all.
    None,
    /// Ten minutes fast.
    Fast,
    /// Ten minutes slow.
    Slow,
}

/// Starts `command` with a skewed clock: the time of day is off, while the clock that timeouts go by runs as ever.
///
/// # Panics
///
/// When libfaketime, which does it, is not on this machine.
pub fn skew_clock(command: &mut Command, skew: Skew) {
    let offset = match skew {
        Skew::None => return,
        Skew::Fast => "+600",
        Skew::Slow => "-600",
    };
    let library = library().unwrap_or_else(|| {
        panic!(
            "there is no libfaketime to skew a clock with; `apt-get install faketime` brings it, as scripts/test does"
        )
    });
    command
        .env("LD_PRELOAD", library)
        .env("FAKETIME", offset)
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
}

fn library() -> Option<PathBuf> {
    let roots = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from);
    let below = |root: &PathBuf| -> Vec<PathBuf> {
        let entries = fs::read_dir(root).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    let folders = roots.iter().flat_map(below).chain(roots.clone());
    folders
        .map(|folder| folder.join("faketime/libfaketime.so.1"))
        .find(|path| path.is_file())
}

/// Removes what libfaketime leaves in shared memory when its process is killed.
pub(super) fn tidy_up(pid: Pid) {
    let pid = pid.as_raw_nonzero();
    for name in [format!("faketime_shm_{pid}"), format!("sem.faketime_sem_{pid}")] {
        // Most processes have none.
        drop(fs::remove_file(PathBuf::from("/dev/shm").join(name)));
    }
}
