//! A stub of an OTLP collector: takes spans over HTTP in protobuf and keeps them.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tokio::sync::watch;

use crate::connections::{Served, serve};
use crate::journal::PATIENCE;

/// A span as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectedSpan {
    /// Its name.
    pub name: String,
    /// The trace it belongs to, as hex digits.
    pub trace_id: String,
    /// Its own id, as hex digits.
    pub span_id: String,
    /// The id of the span it is a child of; empty for a root.
    pub parent_span_id: String,
    /// The traces it is linked to.
    pub linked_trace_ids: Vec<String>,
}

/// A collector on the loopback that accepts everything.
#[derive(Debug)]
pub struct StubCollector {
    served: Served,
    spans: Arc<watch::Sender<Vec<CollectedSpan>>>,
}

impl StubCollector {
    /// Starts one.
    pub async fn start() -> Self {
        let spans = Arc::new(watch::Sender::new(Vec::new()));
        let router = Router::new()
            .route("/v1/traces", post(take))
            .route("/v1/metrics", post(|| async { StatusCode::OK }))
            .with_state(Arc::clone(&spans));
        Self {
            served: serve(router).await,
            spans,
        }
    }

    /// Its address, for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.served.address)
    }

    /// Waits until the spans satisfy `enough`, and gives all that have arrived.
    ///
    /// # Panics
    ///
    /// After [`PATIENCE`], with the spans that did arrive.
    pub async fn spans_when(&self, enough: impl Fn(&[CollectedSpan]) -> bool) -> Vec<CollectedSpan> {
        let mut spans = self.spans.subscribe();
        let wait = tokio::time::timeout(PATIENCE, spans.wait_for(|spans| enough(spans)));
        let arrived = wait.await.ok().and_then(Result::ok).map(|spans| spans.clone());
        arrived.unwrap_or_else(|| panic!("not enough spans within {PATIENCE:?}: {:#?}", *self.spans.borrow()))
    }
}

async fn take(State(spans): State<Arc<watch::Sender<Vec<CollectedSpan>>>>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    let scopes = request
        .resource_spans
        .into_iter()
        .flat_map(|resource| resource.scope_spans);
    let arrived = scopes.flat_map(|scope| scope.spans).map(|span| CollectedSpan {
        name: span.name,
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_span_id: hex(&span.parent_span_id),
        linked_trace_ids: span.links.iter().map(|link| hex(&link.trace_id)).collect(),
    });
    let arrived: Vec<CollectedSpan> = arrived.collect();
    spans.send_modify(|spans| spans.extend(arrived));
    StatusCode::OK
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat()
}
