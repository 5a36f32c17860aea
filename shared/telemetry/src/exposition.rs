use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use prometheus::{Registry, TextEncoder};

use crate::exporting::Announced;
use crate::names::resource;
use crate::{Metrics, TelemetryError};

/// The process's metrics as Prometheus text. Clones read the same metrics.
#[derive(Clone, Debug)]
pub struct Exposition {
    registry: Registry,
    provider: SdkMeterProvider,
}

impl Exposition {
    /// The metrics in the Prometheus text format, version 0.0.4.
    ///
    /// After [`Telemetry::flush`](crate::Telemetry::flush) has closed the instruments the text is empty.
    ///
    /// # Errors
    ///
    /// [`TelemetryError::Render`] when a metric cannot be written, which no metric of this crate can bring about.
    pub fn render(&self) -> Result<String, TelemetryError> {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .map_err(TelemetryError::Render)
    }

    pub(crate) fn provider(&self) -> SdkMeterProvider {
        self.provider.clone()
    }
}

/// Metrics on a registry of their own, pushed nowhere and installed nowhere: for tests, and for tools that run a part of
/// the fleet inside themselves.
///
/// # Errors
///
/// [`TelemetryError::Registry`] when the reader cannot be attached.
pub fn local_metrics(role: &'static str, instance_id: &str) -> Result<(Arc<Metrics>, Exposition), TelemetryError> {
    metrics_with(role, describe(role, instance_id), None)
}

pub(crate) fn metrics_with(
    role: &'static str,
    resource: Resource,
    push: Option<Announced<opentelemetry_otlp::MetricExporter>>,
) -> Result<(Arc<Metrics>, Exposition), TelemetryError> {
    let registry = Registry::new();
    // Names are exposed as written in `names`: a suffix added here would make them differ between pull and push.
    let reader = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .without_units()
        .without_counter_suffixes()
        .scope_info_enabled(false)
        .build()
        .map_err(TelemetryError::Registry)?;
    let mut builder = SdkMeterProvider::builder().with_resource(resource).with_reader(reader);
    if let Some(exporter) = push {
        builder = builder.with_reader(PeriodicReader::builder(exporter).build());
    }
    let provider = builder.build();
    let metrics = Arc::new(Metrics::new(&provider.meter(resource::SERVICE_NAME), role));
    Ok((metrics, Exposition { registry, provider }))
}

pub(crate) fn describe(role: &'static str, instance_id: &str) -> Resource {
    Resource::builder()
        .with_service_name(resource::SERVICE_NAME)
        .with_attributes([
            KeyValue::new(resource::SERVICE_VERSION, env!("CARGO_PKG_VERSION")),
            KeyValue::new(resource::SERVICE_INSTANCE_ID, instance_id.to_owned()),
            KeyValue::new(resource::ROLE, role),
        ])
        .build()
}
