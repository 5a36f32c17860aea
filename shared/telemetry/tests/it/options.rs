use botticelli_telemetry::{TelemetryError, prepare, start};

use crate::collector::{TestResult, options};

#[test]
fn a_log_filter_that_does_not_parse_is_refused_by_name() {
    let mut options = options(None);
    options.log_filter = "botticelli=loud".to_owned();
    let refused = prepare(options).err();
    assert!(
        matches!(&refused, Some(TelemetryError::Filter { filter, .. }) if filter == "botticelli=loud"),
        "{refused:?}"
    );
}

#[test]
fn a_second_start_in_one_process_is_refused() -> TestResult {
    let _first = start(options(None))?;
    let refused = start(options(None)).err();
    assert!(
        matches!(refused, Some(TelemetryError::AlreadyStarted(_))),
        "{refused:?}"
    );
    Ok(())
}

#[test]
fn an_endpoint_that_is_not_a_web_address_is_refused_by_name() {
    let refused = prepare(options(Some("localhost:4318".to_owned()))).err();
    assert!(
        matches!(&refused, Some(TelemetryError::Endpoint { endpoint }) if endpoint == "localhost:4318"),
        "{refused:?}"
    );
}
