//! Trace context that travels in a row of the database, as the text of a W3C `traceparent`.

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceFlags};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

const TRACEPARENT: &str = "traceparent";

/// The length of a version 00 `traceparent`: `00-` + 32 + `-` + 16 + `-` + 2.
const TRACEPARENT_LENGTH: usize = 55;

/// How a span is tied to the one that caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParentMode {
    /// Only a link: the span is the start of a trace of its own. For retries, and for jobs that waited long.
    Link,
    /// Parent and link: both are in one trace. For a first attempt that starts soon after it was asked for.
    ParentAndLink,
}

/// The context of the current span as `traceparent`, to be stored beside the work that it causes.
///
/// `None` outside of any span, and always when no collector is configured.
pub fn current_traceparent() -> Option<String> {
    let context = Span::current().context();
    let span = context.span();
    let span = span.span_context();
    span.is_valid().then(|| {
        let flags = span.trace_flags() & TraceFlags::SAMPLED;
        format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id())
    })
}

/// Ties `span` to the span whose `traceparent` was stored with the work.
///
/// Call it before the span is entered for the first time: a span that has started keeps its parent. A malformed text is
/// ignored, because it comes from a row that anybody may have written; so is the call when no collector is configured.
/// With [`ParentMode::Link`] the span must have been made with `parent: None`, or it stays a child of the current span.
pub fn set_parent(span: &Span, traceparent: &str, mode: ParentMode) {
    let Some(remote) = parse(traceparent) else {
        return;
    };
    if mode == ParentMode::ParentAndLink {
        let parent = Context::new().with_remote_span_context(remote.clone());
        if let Err(error) = span.set_parent(parent) {
            tracing::debug!(error = %error, "the span keeps its parent");
        }
    }
    span.add_link(remote);
}

/// Whether a text is a `traceparent` that [`set_parent`] accepts: version 00, lower case, neither id all zeros.
pub fn is_valid_traceparent(text: &str) -> bool {
    parse(text).is_some()
}

/// The SDK's propagator is laxer than the recommendation: it takes ids that are too short and signs in front of numbers.
fn parse(text: &str) -> Option<SpanContext> {
    let well_formed = text.len() == TRACEPARENT_LENGTH
        && text.starts_with("00-")
        && text.bytes().enumerate().all(|(at, byte)| match at {
            2 | 35 | 52 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        });
    if !well_formed {
        return None;
    }
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &OnlyTraceparent(text));
    let span = context.span().span_context().clone();
    span.is_valid().then_some(span)
}

struct OnlyTraceparent<'a>(&'a str);

impl Extractor for OnlyTraceparent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}
