use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_otlp::{MetricExporter, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::SpanData;

use crate::TelemetryError;

/// One request to the collector may take this long. The SDK's own default of ten seconds is longer than the whole time
/// that [`flush`](crate::Telemetry::flush) has.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// The base address of a collector, checked, without a slash at its end.
#[derive(Debug)]
pub(crate) struct Collector {
    base: String,
}

impl Collector {
    pub(crate) fn at(endpoint: String) -> Result<Self, TelemetryError> {
        let base = endpoint.trim().trim_end_matches('/');
        let host = base.strip_prefix("http://").or_else(|| base.strip_prefix("https://"));
        match host {
            Some(host) if !host.is_empty() => Ok(Self { base: base.to_owned() }),
            _ => Err(TelemetryError::Endpoint { endpoint }),
        }
    }

    pub(crate) fn span_exporter(&self) -> Result<Announced<SpanExporter>, TelemetryError> {
        SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", self.base))
            .with_timeout(REQUEST_TIMEOUT)
            .build()
            .map(|inner| Announced::new("traces", inner))
            .map_err(|source| TelemetryError::Exporter {
                signal: "traces",
                source,
            })
    }

    pub(crate) fn metric_exporter(&self) -> Result<Announced<MetricExporter>, TelemetryError> {
        MetricExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/metrics", self.base))
            .with_timeout(REQUEST_TIMEOUT)
            .build()
            .map(|inner| Announced::new("metrics", inner))
            .map_err(|source| TelemetryError::Exporter {
                signal: "metrics",
                source,
            })
    }
}

/// An exporter that says once that the collector does not answer, and once that it does again.
///
/// The SDK writes an error line for every failed batch, which is one every few seconds for as long as the collector is
/// away. Failures are therefore not passed on to it.
#[derive(Debug)]
pub(crate) struct Announced<E> {
    signal: &'static str,
    inner: E,
    failing: AtomicBool,
}

impl<E> Announced<E> {
    fn new(signal: &'static str, inner: E) -> Self {
        Self {
            signal,
            inner,
            failing: AtomicBool::new(false),
        }
    }

    fn announce(&self, result: &OTelSdkResult) {
        let failed = result.is_err();
        if self.failing.swap(failed, Ordering::Relaxed) == failed {
            return;
        }
        match result {
            Ok(()) => tracing::info!(signal = self.signal, "the OTLP collector accepts data again"),
            Err(error) => tracing::warn!(
                signal = self.signal,
                error = %error,
                "the OTLP collector does not accept data; it is dropped until the collector answers"
            ),
        }
    }
}

impl<E: opentelemetry_sdk::trace::SpanExporter> opentelemetry_sdk::trace::SpanExporter for Announced<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.announce(&self.inner.export(batch).await);
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Announced<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.announce(&self.inner.export(metrics).await);
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::{Context, Poll, Waker};

    use opentelemetry_sdk::error::OTelSdkError;
    use opentelemetry_sdk::trace::SpanExporter;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// A collector whose state the test decides.
    #[derive(Debug, Default)]
    struct Switched {
        reachable: AtomicBool,
    }

    impl SpanExporter for Switched {
        async fn export(&self, _batch: Vec<SpanData>) -> OTelSdkResult {
            if self.reachable.load(Ordering::Relaxed) {
                Ok(())
            } else {
                Err(OTelSdkError::InternalFailure("connection refused".to_owned()))
            }
        }
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<AtomicUsize>);

    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Lines {
        fn on_event(&self, _event: &tracing::Event<'_>, _context: tracing_subscriber::layer::Context<'_, S>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn export(exporter: &Announced<Switched>) {
        let sent = pin!(exporter.export(Vec::new())).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(sent, Poll::Ready(Ok(()))));
    }

    #[test]
    fn a_collector_that_stays_away_is_announced_once_and_so_is_its_return() {
        let lines = Lines::default();
        let exporter = Announced::new("traces", Switched::default());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines.clone()), || {
            export(&exporter);
            export(&exporter);
            assert_eq!(lines.0.load(Ordering::Relaxed), 1);
            exporter.inner.reachable.store(true, Ordering::Relaxed);
            export(&exporter);
            export(&exporter);
            assert_eq!(lines.0.load(Ordering::Relaxed), 2);
        });
    }
}
