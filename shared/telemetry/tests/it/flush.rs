use std::sync::mpsc::channel;
use std::thread;

use botticelli_telemetry::{Flushed, prepare};
use tracing::dispatcher::with_default;

use crate::collector::{HANG_GUARD, TestResult, hanging, options};

#[test]
fn a_collector_that_never_answers_does_not_hold_up_the_end_of_the_process() -> TestResult {
    let (telemetry, dispatch) = prepare(options(Some(hanging()?)))?;
    with_default(&dispatch, || tracing::info_span!("send").in_scope(|| ()));
    let (returned, has_returned) = channel();
    thread::spawn(move || returned.send(telemetry.flush()));
    has_returned.recv_timeout(HANG_GUARD)?;
    Ok(())
}

#[test]
fn a_collector_that_is_not_there_does_not_hold_up_the_end_of_the_process() -> TestResult {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let (telemetry, dispatch) = prepare(options(Some(format!("http://{nobody}"))))?;
    with_default(&dispatch, || tracing::info_span!("send").in_scope(|| ()));
    let (returned, has_returned) = channel();
    thread::spawn(move || returned.send(telemetry.flush()));
    has_returned.recv_timeout(HANG_GUARD)?;
    Ok(())
}

#[test]
fn without_a_collector_there_is_nothing_to_wait_for() -> TestResult {
    let (telemetry, _dispatch) = prepare(options(None))?;
    assert_eq!(telemetry.flush(), Flushed::Closed);
    Ok(())
}
