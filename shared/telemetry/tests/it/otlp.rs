use std::collections::BTreeMap;
use std::error::Error;

use botticelli_telemetry::context::{ParentMode, current_traceparent, set_parent};
use botticelli_telemetry::{Flushed, prepare};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tracing::dispatcher::with_default;

use crate::collector::{HANG_GUARD, Request, TestResult, accepting, options};

const REMOTE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Runs `work` under telemetry that sends to a local collector; answers with what arrived, by path.
fn collected(work: impl FnOnce(&botticelli_telemetry::Telemetry)) -> Result<BTreeMap<String, Request>, Box<dyn Error>> {
    let (address, requests) = accepting()?;
    let (telemetry, dispatch) = prepare(options(Some(address)))?;
    with_default(&dispatch, || work(&telemetry));
    assert_eq!(telemetry.flush(), Flushed::Closed);
    let mut by_path = BTreeMap::new();
    for _ in 0..2 {
        let request = requests.recv_timeout(HANG_GUARD)?;
        by_path.insert(request.path.clone(), request);
    }
    Ok(by_path)
}

fn spans(requests: &BTreeMap<String, Request>) -> Result<BTreeMap<String, Span>, Box<dyn Error>> {
    let request = requests.get("/v1/traces").ok_or("no traces arrived")?;
    assert_eq!(request.content_type, "application/x-protobuf");
    let export = ExportTraceServiceRequest::decode(request.body.as_slice())?;
    Ok(export
        .resource_spans
        .into_iter()
        .flat_map(|resource| resource.scope_spans)
        .flat_map(|scope| scope.spans)
        .map(|span| (span.name.clone(), span))
        .collect())
}

#[test]
fn spans_arrive_at_the_collector_and_carry_the_context_that_was_stored() -> TestResult {
    let mut stored = None;
    let requests = collected(|_| {
        tracing::info_span!("send").in_scope(|| stored = current_traceparent());
    })?;
    let spans = spans(&requests)?;
    let span = spans.get("send").ok_or("the span did not arrive")?;
    assert_eq!(
        stored,
        Some(format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id)))
    );
    Ok(())
}

#[test]
fn the_instruments_behind_the_prometheus_endpoint_also_feed_the_collector() -> TestResult {
    let requests = collected(|telemetry| {
        telemetry.metrics().db_up(true);
        tracing::info_span!("send").in_scope(|| ());
    })?;
    let request = requests.get("/v1/metrics").ok_or("no metrics arrived")?;
    let export = ExportMetricsServiceRequest::decode(request.body.as_slice())?;
    let names: Vec<_> = export
        .resource_metrics
        .into_iter()
        .flat_map(|resource| resource.scope_metrics)
        .flat_map(|scope| scope.metrics)
        .map(|metric| metric.name)
        .collect();
    assert!(names.iter().any(|name| name == "botticelli_db_up"), "{names:?}");
    Ok(())
}

#[test]
fn a_first_attempt_joins_the_trace_that_asked_for_it_and_links_to_it() -> TestResult {
    let requests = collected(|_| {
        let span = tracing::info_span!(parent: None, "process");
        set_parent(&span, REMOTE, ParentMode::ParentAndLink);
        span.in_scope(|| ());
    })?;
    let spans = spans(&requests)?;
    let span = spans.get("process").ok_or("the span did not arrive")?;
    assert_eq!(hex(&span.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(hex(&span.parent_span_id), "b7ad6b7169203331");
    assert_eq!(span.links.len(), 1);
    Ok(())
}

#[test]
fn a_retry_starts_its_own_trace_and_links_to_the_one_that_asked_for_it() -> TestResult {
    let requests = collected(|_| {
        let span = tracing::info_span!(parent: None, "process");
        set_parent(&span, REMOTE, ParentMode::Link);
        span.in_scope(|| ());
    })?;
    let spans = spans(&requests)?;
    let span = spans.get("process").ok_or("the span did not arrive")?;
    assert_ne!(hex(&span.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert!(span.parent_span_id.is_empty());
    let linked: Vec<_> = span.links.iter().map(|link| hex(&link.span_id)).collect();
    assert_eq!(linked, ["b7ad6b7169203331"]);
    Ok(())
}

#[test]
fn a_malformed_context_leaves_the_span_a_root_without_links() -> TestResult {
    let requests = collected(|_| {
        let span = tracing::info_span!(parent: None, "process");
        set_parent(
            &span,
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            ParentMode::ParentAndLink,
        );
        span.in_scope(|| ());
    })?;
    let spans = spans(&requests)?;
    let span = spans.get("process").ok_or("the span did not arrive")?;
    assert!(span.parent_span_id.is_empty() && span.links.is_empty());
    Ok(())
}

#[test]
fn spans_of_the_exporters_own_libraries_are_not_exported() -> TestResult {
    let requests = collected(|_| {
        tracing::info_span!(target: "hyper::client", "connect").in_scope(|| ());
        tracing::info_span!("send").in_scope(|| ());
    })?;
    let spans = spans(&requests)?;
    assert_eq!(spans.keys().collect::<Vec<_>>(), ["send"]);
    Ok(())
}
