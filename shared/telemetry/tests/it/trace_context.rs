use botticelli_telemetry::context::{ParentMode, current_traceparent, is_valid_traceparent, set_parent};
use botticelli_telemetry::prepare;
use tracing::dispatcher::with_default;

use crate::collector::{TestResult, options};

const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn without_a_collector_there_is_no_context_and_setting_one_does_nothing() -> TestResult {
    let (_telemetry, dispatch) = prepare(options(None))?;
    with_default(&dispatch, || {
        let span = tracing::info_span!("process");
        set_parent(&span, VALID, ParentMode::ParentAndLink);
        assert_eq!(span.in_scope(current_traceparent), None);
    });
    Ok(())
}

#[test]
fn without_any_subscriber_there_is_no_context() {
    let span = tracing::info_span!("process");
    set_parent(&span, VALID, ParentMode::Link);
    assert_eq!(span.in_scope(current_traceparent), None);
}

#[test]
fn a_well_formed_context_is_recognised() {
    assert!(is_valid_traceparent(VALID));
    assert!(is_valid_traceparent(
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    ));
}

#[test]
fn a_malformed_context_is_not() {
    let malformed = [
        "",
        "00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c8031\u{e9}-b7ad6b7169203331-01",
        "'; drop table actor_server_state; --                   ",
    ];
    for text in malformed {
        assert!(!is_valid_traceparent(text), "{text:?} was accepted");
    }
}
