//! A real process under test: its output line by line, signals, a clock of its own, and no survivors.

mod skew;

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, getpid, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::PATIENCE;

pub use skew::{Skew, skew_clock};

/// The path of a binary of this workspace, from the build that the running test is of.
///
/// # Panics
///
/// When it is not there: cargo builds the binaries of a test's own package only.
pub fn binary(name: &str) -> PathBuf {
    // Tests run from `deps`, one below the binaries.
    let test = std::env::current_exe().unwrap_or_else(|error| panic!("this test has no path: {error}"));
    let path = test.ancestors().nth(2).map(|directory| directory.join(name));
    path.filter(|path| path.is_file()).unwrap_or_else(|| {
        panic!(
            "there is no `{name}` beside {}; run `cargo build --workspace` first",
            test.display()
        )
    })
}

/// What a process has written so far.
#[derive(Debug, Default)]
struct Output {
    lines: Vec<String>,
    closed_streams: u8,
}

impl Output {
    fn is_complete(&self) -> bool {
        self.closed_streams == 2
    }

    fn nth_containing(&self, needle: &str, n: usize) -> Option<&String> {
        self.lines.iter().filter(|line| line.contains(needle)).nth(n - 1)
    }
}

/// A child process with captured output. It is killed (SIGKILL) when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pid: Pid,
    output: watch::Sender<Output>,
}

impl Process {
    /// Starts `command` with its standard streams captured; arguments and environment are the caller's.
    ///
    /// # Panics
    ///
    /// When the program cannot be started.
    pub fn spawn(mut command: Command) -> Self {
        let program = command.as_std().get_program().to_owned();
        let spawned = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("could not run {}: {error}", program.display()));
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pid = pid.unwrap_or_else(|| panic!("{} has no pid", program.display()));
        let output = watch::Sender::new(Output::default());
        if let Some(stdout) = child.stdout.take() {
            capture(stdout, output.clone());
        }
        if let Some(stderr) = child.stderr.take() {
            capture(stderr, output.clone());
        }
        Self { child, pid, output }
    }

    /// The process id.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Waits for the first line, of either stream, that contains `needle`.
    ///
    /// # Panics
    ///
    /// When the output ends, or [`PATIENCE`] does, without such a line; the message holds the output.
    pub async fn line(&self, needle: &str) -> String {
        self.nth_line(needle, 1).await
    }

    /// Waits for the `n`-th line, counted from 1, that contains `needle`.
    ///
    /// # Panics
    ///
    /// As [`Process::line`].
    pub async fn nth_line(&self, needle: &str, n: usize) -> String {
        assert!(n > 0, "lines are counted from 1");
        let mut output = self.output.subscribe();
        let arrived = output.wait_for(|output| output.nth_containing(needle, n).is_some() || output.is_complete());
        if let Ok(Ok(output)) = tokio::time::timeout(PATIENCE, arrived).await
            && let Some(line) = output.nth_containing(needle, n)
        {
            return line.clone();
        }
        panic!(
            "line {n} with `{needle}` did not come; the output is:\n{}",
            self.output()
        );
    }

    /// Everything written so far, both streams in order of arrival.
    pub fn output(&self) -> String {
        self.output.borrow().lines.join("\n")
    }

    /// Asks it to stop (SIGTERM).
    pub fn terminate(&self) {
        self.send(Signal::TERM);
    }

    /// Asks it to stop as Ctrl-C does (SIGINT).
    pub fn interrupt(&self) {
        self.send(Signal::INT);
    }

    /// Asks it to read its settings again (SIGHUP).
    pub fn hang_up(&self) {
        self.send(Signal::HUP);
    }

    /// Ends it without a chance to tidy up (SIGKILL).
    pub fn kill(&self) {
        self.send(Signal::KILL);
    }

    /// Freezes it (SIGSTOP): alive, but silent, until [`Process::resume`].
    pub fn pause(&self) {
        self.send(Signal::STOP);
    }

    /// Waits until it is frozen, by [`Process::pause`] or by [`freeze_this_process`].
    ///
    /// # Panics
    ///
    /// When it is not within [`PATIENCE`].
    pub async fn frozen(&self) {
        let stat = format!("/proc/{}/stat", self.pid());
        let until_frozen = async {
            // The kernel tells of it only in answer to a wait, which the runtime alone may do.
            while !std::fs::read_to_string(&stat).is_ok_and(|stat| is_stopped(&stat)) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let frozen = tokio::time::timeout(PATIENCE, until_frozen).await;
        assert!(frozen.is_ok(), "the process runs on; the output is:\n{}", self.output());
    }

    /// Lets it go on after [`Process::pause`] (SIGCONT).
    pub fn resume(&self) {
        self.send(Signal::CONT);
    }

    fn send(&self, signal: Signal) {
        // A child that was not waited for keeps its pid, so the signal cannot hit another process; after `exit` the
        // id is gone.
        if self.child.id().is_some() {
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Waits until it ends and its output is complete.
    ///
    /// # Panics
    ///
    /// When it runs on for [`PATIENCE`]; the message holds the output.
    pub async fn exit(&mut self) -> ExitStatus {
        let Ok(Ok(status)) = tokio::time::timeout(PATIENCE, self.child.wait()).await else {
            panic!("the process did not end; the output is:\n{}", self.output());
        };
        // A grandchild may hold the streams open for longer than anybody wants to wait.
        let mut output = self.output.subscribe();
        let _ = tokio::time::timeout(Duration::from_secs(2), output.wait_for(Output::is_complete)).await;
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        skew::tidy_up(self.pid);
    }
}

/// The state is the first letter behind the name, which is in brackets and may hold anything.
fn is_stopped(stat: &str) -> bool {
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}

/// Freezes the process that calls this, by SIGSTOP: it goes on from here when somebody sends it SIGCONT.
///
/// # Panics
///
/// When the signal cannot be sent.
pub fn freeze_this_process() {
    let sent = kill_process(getpid(), Signal::STOP);
    sent.unwrap_or_else(|error| panic!("this process cannot be frozen: {error}"));
}

fn capture(stream: impl AsyncRead + Unpin + Send + 'static, output: watch::Sender<Output>) {
    tokio::spawn(async move {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        // By bytes: a line that is not UTF-8 must not end the capture.
        while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            output.send_modify(|output| output.lines.push(text));
            line.clear();
        }
        output.send_modify(|output| output.closed_streams += 1);
    });
}
