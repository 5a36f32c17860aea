use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Metadata};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::exporting::Collector;
use crate::exposition::{Exposition, describe, metrics_with};
use crate::names::resource;
use crate::{Metrics, TelemetryError};

/// Container platforms kill a process ten seconds after they asked it to stop, and telemetry is the last thing to close.
const FLUSH_BUDGET: Duration = Duration::from_secs(3);

/// The exporter's own libraries. A span about sending a span would be sent, and so on for ever.
const EXPORTER_TARGETS: [&str; 6] = ["opentelemetry", "hyper", "reqwest", "h2", "rustls", "tonic"];

/// The actor library opens a span around every message it delivers, which says nothing that ours do not.
const ACTOR_LIBRARY: &str = "ractor";

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person at a terminal.
    #[default]
    Pretty,
    /// One JSON object per line.
    Json,
}

/// What a process says about itself and where its telemetry goes.
#[derive(Clone, Debug)]
pub struct TelemetryOptions {
    /// The part that the process plays in the fleet, such as `worker` or `scheduler`.
    pub service_role: &'static str,
    /// The process's own id; the same that it uses in the database.
    pub instance_id: String,
    /// Which log lines are written, in the syntax of `RUST_LOG`, such as `info,botticelli_queue=debug`.
    /// Traces are not affected by it.
    pub log_filter: String,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// Base address of an OTLP collector that speaks HTTP, such as `http://localhost:4318`. `None` sends nothing and
    /// makes no traces.
    pub otlp_endpoint: Option<String>,
    /// Whether log lines may carry colours. Has no effect on JSON.
    pub ansi: bool,
}

/// The running telemetry of a process. Keep it until the end and then [`flush`](Self::flush) it.
#[derive(Debug)]
pub struct Telemetry {
    metrics: Arc<Metrics>,
    exposition: Exposition,
    tracer_provider: Option<SdkTracerProvider>,
}

/// Whether everything had been sent when [`Telemetry::flush`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// Every provider has closed, or there was nothing to send.
    Closed,
    /// The time was up. What had not been sent is lost.
    GaveUp,
}

/// Sets up telemetry and makes it the process's own: from here on every `tracing` event and span goes through it.
///
/// # Errors
///
/// See [`prepare`]; also [`TelemetryError::AlreadyStarted`] when the process has a subscriber already.
pub fn start(options: TelemetryOptions) -> Result<Telemetry, TelemetryError> {
    let (telemetry, dispatch) = prepare(options)?;
    tracing::dispatcher::set_global_default(dispatch).map_err(TelemetryError::AlreadyStarted)?;
    Ok(telemetry)
}

/// Says whether a log filter parses.
///
/// # Errors
///
/// [`TelemetryError::Filter`] when it does not.
pub fn check_log_filter(log_filter: &str) -> Result<(), TelemetryError> {
    filter(log_filter).map(drop)
}

fn filter(log_filter: &str) -> Result<EnvFilter, TelemetryError> {
    let quieted = if log_filter.contains(ACTOR_LIBRARY) {
        log_filter.to_owned()
    } else {
        format!("{log_filter},{ACTOR_LIBRARY}=warn")
    };
    EnvFilter::try_new(quieted).map_err(|source| TelemetryError::Filter {
        filter: log_filter.to_owned(),
        source,
    })
}

/// Like [`start`], but leaves the subscriber to the caller, who may install it for one thread only.
///
/// # Errors
///
/// [`TelemetryError::Filter`] and [`TelemetryError::Endpoint`] when an option is wrong; [`TelemetryError::Exporter`] and
/// [`TelemetryError::Registry`] when the SDK refuses to start. An unreachable collector is not an error.
pub fn prepare(options: TelemetryOptions) -> Result<(Telemetry, Dispatch), TelemetryError> {
    let TelemetryOptions {
        service_role,
        instance_id,
        log_filter,
        log_format,
        otlp_endpoint,
        ansi,
    } = options;
    let filter = filter(&log_filter)?;
    let resource = describe(service_role, &instance_id);
    let collector = otlp_endpoint.map(Collector::at).transpose()?;
    let push = collector.as_ref().map(Collector::metric_exporter).transpose()?;
    let tracer_provider = match &collector {
        Some(collector) => Some(
            SdkTracerProvider::builder()
                .with_resource(resource.clone())
                .with_batch_exporter(collector.span_exporter()?)
                .build(),
        ),
        None => None,
    };
    let (metrics, exposition) = metrics_with(service_role, resource, push)?;

    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match log_format {
        LogFormat::Pretty => lines.with_ansi(ansi).boxed(),
        LogFormat::Json => lines.with_ansi(false).json().flatten_event(true).boxed(),
    };
    // Thread, code location and busy time on every span double its size and answer no question an operator asks.
    let traces = tracer_provider.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer(resource::SERVICE_NAME))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(is_traced).with_max_level_hint(LevelFilter::INFO))
    });
    let subscriber = Registry::default().with(traces).with(lines.with_filter(filter));
    let telemetry = Telemetry {
        metrics,
        exposition,
        tracer_provider,
    };
    Ok((telemetry, Dispatch::new(subscriber)))
}

fn is_traced(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= LevelFilter::INFO
        && !EXPORTER_TARGETS
            .iter()
            .chain([&ACTOR_LIBRARY])
            .any(|target| metadata.target().starts_with(target))
}

impl Telemetry {
    /// The process's instruments.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// A handle that renders the metrics for Prometheus, for the task that serves them.
    pub fn exposition(&self) -> Exposition {
        self.exposition.clone()
    }

    /// The metrics in the Prometheus text format.
    ///
    /// # Errors
    ///
    /// See [`Exposition::render`].
    pub fn render_prometheus(&self) -> Result<String, TelemetryError> {
        self.exposition.render()
    }

    /// Sends what has not been sent yet, and closes the exporters. Blocks for at most three seconds, then gives up.
    ///
    /// Call it from a thread that may block, as the last thing before the process exits. A collector that fails here is
    /// a warning and must not change the exit status.
    pub fn flush(self) -> Flushed {
        let meter_provider = self.exposition.provider();
        let tracer_provider = self.tracer_provider;
        let (closed, all_closed) = mpsc::channel();
        // Plain threads that are never joined: a provider may ignore the time-out it is given, and a blocking task would
        // hold up the end of the runtime. Both at once, or a hanging collector would cost the budget twice.
        thread::spawn(move || {
            let traces = thread::spawn(move || tracer_provider.map(|it| it.shutdown_with_timeout(FLUSH_BUDGET)));
            let metrics = meter_provider.shutdown_with_timeout(FLUSH_BUDGET);
            let traces = traces.join().ok().flatten();
            // The receiver is gone when the time was up; then nobody waits for the answer.
            let _ = closed.send((traces.unwrap_or(Ok(())), metrics));
        });
        let Ok((traces, metrics)) = all_closed.recv_timeout(FLUSH_BUDGET) else {
            tracing::warn!("telemetry was not sent within three seconds and is lost");
            return Flushed::GaveUp;
        };
        for (signal, result) in [("traces", traces), ("metrics", metrics)] {
            if let Err(error) = result {
                tracing::warn!(signal, error = %error, "telemetry could not be closed");
            }
        }
        Flushed::Closed
    }
}
