//! A fleet of actors in this process.

use std::{io::sink, sync::Arc, time::Duration};

use botticelli_control::HealthState;
use botticelli_jobs::register_fleet;
use botticelli_lifecycle::Shutdown;
use botticelli_llm::{LanguageModel, Providers};
use botticelli_platforms::Platform;
use botticelli_queue::WorkerId;
use botticelli_schedule::SystemClock;
use botticelli_settings::Settings;
use botticelli_telemetry::{LogFormat, TelemetryOptions};
use botticelli_testkit::{StubLlm, TestDatabase, database};
use botticelli_workers::{Fleet, WorkerParts, actor_specs, fleet_options, models, platforms, shop};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// A narrative of one act, `say`.
const NARRATIVE: &str = r#"
toc = ["say"]
[narrative]
name = "say"
description = "Says something."
target = "potential_posts"
[acts]
say = "Say something."
"#;

/// The name under which the worker's connections for its work are known to the database.
pub(crate) const CONNECTIONS: &str = "worker under test";

/// A running worker with the actors `say` (a narrative of one act), `generation` (the same one, stored as a post),
/// `curation` after it, and `posting`.
pub(crate) struct Bench {
    pub(crate) database: TestDatabase,
    pub(crate) llm: StubLlm,
    pub(crate) fleet: Fleet,
    identity: botticelli_workers::Identity,
    _folder: tempfile::TempDir,
}

/// How a [`Bench`] differs from the usual one.
#[derive(Default)]
pub(crate) struct Options {
    /// Lines for `[queue]`. Without any, the poll never comes: whatever happens was announced.
    pub(crate) queue: &'static str,
    /// How long one act may take, 5 s unless it is said.
    pub(crate) act_timeout: Option<&'static str>,
    /// The narratives of `say.toml`, in place of the one act.
    pub(crate) narrative: Option<&'static str>,
    /// More sections of the settings.
    pub(crate) more: &'static str,
    /// Lines for the actor `say`.
    pub(crate) say: &'static str,
    /// Connections for its work, 5 unless it is said.
    pub(crate) connections: Option<u32>,
    /// The isolation level of its transactions, where it is not the usual one.
    pub(crate) isolation: Option<&'static str>,
    /// Who answers instead of the stub.
    pub(crate) model: Option<Arc<dyn LanguageModel>>,
    /// Who publishes instead of `noop`.
    pub(crate) platform: Option<Arc<dyn Platform>>,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let (database, llm) = tokio::join!(database(), StubLlm::start());
        if let Some(isolation) = options.isolation {
            let by_default = format!(
                "do $$ begin
                   execute format('alter database %I set default_transaction_isolation = ''{isolation}''', current_database());
                 end $$"
            );
            database.execute(&by_default).await;
        }
        let folder = tempfile::tempdir().unwrap();
        let narrative = options.narrative.unwrap_or(NARRATIVE);
        std::fs::write(folder.path().join("say.toml"), narrative).unwrap();
        let settings = settings(&options, &llm, folder.path());
        register_fleet(&database.pool, &settings, false).await.unwrap();

        let actors = actor_specs(&settings, &[]).unwrap();
        let models = match options.model {
            Some(model) => Providers::only("test", model),
            None => models(&settings, folder.path()).unwrap(),
        };
        let mut platforms = platforms(&settings, &actors, Box::new(sink()));
        if let Some(platform) = options.platform {
            platforms.insert("noop", Ok(platform));
        }
        let telemetry = botticelli_telemetry::prepare(TelemetryOptions {
            service_role: "worker",
            instance_id: "test".to_owned(),
            log_filter: "off".to_owned(),
            log_format: LogFormat::Pretty,
            otlp_endpoint: None,
            ansi: false,
        });
        let parts = WorkerParts {
            pool: pool(&database.url, CONNECTIONS, options.connections.unwrap_or(5)),
            models,
            platforms,
            metrics: telemetry.unwrap().0.metrics(),
            worker_name: "test:1".to_owned(),
            clock: Arc::new(SystemClock),
        };
        let clock = Arc::new(SystemClock);
        let heartbeat = HealthState::new(clock.clone()).heartbeat();
        let fleet_options = fleet_options(&settings, pool(&database.url, "lease under test", 2), clock);
        let shop = shop(&settings, parts).unwrap();
        let identity = shop.identity.clone();
        let fleet = Fleet::start(shop, actors, fleet_options, heartbeat).await.unwrap();
        Self {
            database,
            llm,
            fleet,
            identity,
            _folder: folder,
        }
    }

    pub(crate) async fn enqueue(&self, actor: &str) {
        let statement = format!("select botticelli.enqueue('{actor}')");
        self.database.execute(&statement).await;
    }

    /// Waits until as many jobs have ended, well or not.
    pub(crate) async fn ended(&self, jobs: usize) {
        let condition = format!("(select count(*) from botticelli.job_history) = {jobs}");
        self.database.until(&condition).await;
    }

    /// Every run in order of its beginning: attempt of its job, outcome, and why.
    pub(crate) async fn runs(&self) -> Vec<String> {
        let query = "select attempt, outcome, coalesce(error_message, reason)
                     from botticelli.actor_server_executions order by started_at, id";
        self.database.rows(query).await
    }

    /// Jobs that have not ended: state and attempt.
    pub(crate) async fn waiting(&self) -> Vec<String> {
        let query = "select state, attempt from botticelli.jobs order by id";
        self.database.rows(query).await
    }

    /// Under which identity the worker claims now.
    pub(crate) fn identity(&self) -> WorkerId {
        self.identity.current()
    }

    /// Ends the worker as a signal does.
    pub(crate) async fn stop(self) -> TestDatabase {
        self.fleet.drain(&Shutdown::new()).await;
        self.database
    }
}

fn settings(options: &Options, llm: &StubLlm, folder: &std::path::Path) -> Settings {
    let Options {
        queue,
        say,
        act_timeout,
        more,
        narrative,
        ..
    } = options;
    // A generation actor's narrative makes posts.
    let generation = narrative.is_none();
    let act_timeout = act_timeout.unwrap_or("5s");
    let queue = if queue.contains("poll_interval") {
        (*queue).to_owned()
    } else {
        format!("{queue}\npoll_interval = \"1h\"")
    };
    let text = format!(
        r#"
[llm]
backend = "openai"
base_url = "{}"
model = "stub"
timeout = "{act_timeout}"
[queue]
backoff_base = "50ms"
{queue}
[actors.say]
narrative = "say.toml"
narrative_name = "say"
{say}
[actors.generation]
narrative = "say.toml"
narrative_name = "say"
enabled = {generation}
max_waiting = 2
[actors.curation]
narrative = "narratives/discord/curation_workflow.toml"
narrative_name = "curate"
after = ["generation"]
[actors.posting]
narrative = "narratives/discord/posting_schedule.toml"
narrative_name = "post"
{more}
"#,
        llm.url()
    );
    let file = folder.join("botticelli.toml");
    std::fs::write(&file, text).unwrap();
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    Settings::load_in(root, Some(&file), []).unwrap()
}

fn pool(url: &str, name: &str, connections: u32) -> PgPool {
    let options: PgConnectOptions = url.parse().unwrap();
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy_with(options.application_name(name))
}
