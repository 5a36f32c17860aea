use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::error::OTelSdkError;

/// Why telemetry could not be set up or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The log filter does not parse.
    #[error("log filter `{filter}` does not parse; write for example `info` or `info,botticelli_queue=debug`")]
    Filter {
        /// The filter as given.
        filter: String,
        /// What the parser said.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// The OTLP endpoint is not a web address.
    #[error(
        "OTLP endpoint `{endpoint}` is not an http or https address; write for example `http://localhost:4318`, \
         or leave it out to send nothing"
    )]
    Endpoint {
        /// The endpoint as given.
        endpoint: String,
    },
    /// An OTLP exporter could not be built.
    #[error(
        "the OTLP exporter for `{signal}` could not be built; check the endpoint and the `OTEL_EXPORTER_OTLP_*` variables"
    )]
    Exporter {
        /// `traces` or `metrics`.
        signal: &'static str,
        /// What the SDK said.
        #[source]
        source: ExporterBuildError,
    },
    /// The Prometheus reader could not be attached to its registry.
    #[error("the Prometheus reader could not be registered")]
    Registry(#[source] OTelSdkError),
    /// The metrics could not be written as text.
    #[error("the metrics could not be rendered")]
    Render(#[source] prometheus::Error),
    /// Another part of the process has installed a tracing subscriber already.
    #[error("a tracing subscriber is installed already; start telemetry once per process, before anything else")]
    AlreadyStarted(#[source] tracing::subscriber::SetGlobalDefaultError),
}
