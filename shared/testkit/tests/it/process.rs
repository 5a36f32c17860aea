//! The handle on a real process.

use botticelli_testkit::{Process, Skew, skew_clock};
use tokio::process::Command;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script);
    command
}

#[tokio::test]
async fn lines_of_both_streams_can_be_awaited() {
    let mut process = Process::spawn(shell("echo ready one; echo ready two >&2; exit 3"));
    assert!(process.line("ready one").await.contains("one"));
    process.line("two").await;
    process.nth_line("ready", 2).await;
    assert_eq!(process.exit().await.code(), Some(3));
    assert_eq!(process.output().lines().count(), 2);
}

#[tokio::test]
async fn a_term_signal_reaches_its_handler() {
    let mut process = Process::spawn(shell(
        "trap 'echo drained; exit 0' TERM; echo ready; while :; do sleep 0.05; done",
    ));
    process.line("ready").await;
    process.terminate();
    process.line("drained").await;
    assert!(process.exit().await.success());
}

#[tokio::test]
async fn a_paused_process_is_silent_until_it_is_resumed() {
    use std::os::unix::process::ExitStatusExt;

    let mut process = Process::spawn(shell("echo ready; read line; while :; do echo tick; sleep 0.05; done"));
    process.nth_line("tick", 2).await;
    process.pause();
    process.resume();
    let ticks = process.output().lines().count();
    process.nth_line("tick", ticks + 1).await;
    process.kill();
    assert_eq!(process.exit().await.signal(), Some(9));
}

#[tokio::test]
#[should_panic(expected = "line 1 with `never` did not come; the output is:\nonly this")]
async fn an_output_that_ends_without_the_line_fails_at_once_and_shows_itself() {
    Process::spawn(shell("echo only this")).line("never").await;
}

#[tokio::test]
async fn a_dropped_handle_leaves_no_process() {
    let process = Process::spawn(shell("echo ready; exec sleep 600"));
    process.line("ready").await;
    let pid = rustix::process::Pid::from_raw(process.pid()).unwrap_or(rustix::process::Pid::INIT);
    drop(process);
    // Killed and not yet reaped, or gone: in neither case does it run.
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    assert!(
        !stat.contains(") S ") || rustix::process::test_kill_process(pid).is_err(),
        "{stat}"
    );
}

#[tokio::test]
async fn a_process_that_freezes_itself_is_seen_to_be_frozen_and_goes_on_when_it_is_resumed() {
    let mut process = Process::spawn(shell("kill -STOP $$; echo goes on"));
    process.frozen().await;
    assert_eq!(process.output(), "");
    process.resume();
    process.line("goes on").await;
    assert!(process.exit().await.success());
}

#[tokio::test]
async fn a_skewed_clock_is_ten_minutes_off_and_leaves_nothing_behind() -> crate::TestResult {
    let mut seconds = Vec::new();
    for skew in [Skew::None, Skew::Fast, Skew::Slow] {
        // Killed, so that the library has no chance to tidy up by itself.
        let mut command = Command::new("perl");
        command.args(["-e", "$| = 1; print time, \"\\n\"; sleep 600"]);
        skew_clock(&mut command, skew);
        let mut process = Process::spawn(command);
        seconds.push(process.line("1").await.parse::<i64>()?);
        let pid = process.pid();
        process.kill();
        process.exit().await;
        drop(process);
        let left = std::path::PathBuf::from(format!("/dev/shm/faketime_shm_{pid}"));
        assert!(!left.exists(), "{}", left.display());
    }
    let [right, fast, slow] = seconds[..] else {
        return Err(format!("{seconds:?}").into());
    };
    assert_eq!(((fast - right + 30) / 60, (right - slow + 30) / 60), (10, 10));
    Ok(())
}
