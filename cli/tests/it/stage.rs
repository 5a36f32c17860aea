//! A fleet of real processes with everything that it needs.

use std::{path::PathBuf, process::Command as StdCommand};

use botticelli_testkit::{
    Process, Skew, StubCollector, StubDiscord, StubLlm, TestDatabase, binary, database, skew_clock,
};
use tempfile::TempDir;
use tokio::process::Command;

use crate::writer::writer;

/// The channel of the tests that post to Discord.
pub(crate) const CHANNEL: &str = "1234567890";

/// The three actors of the shipped settings, each run after the other. The schedule is generation's.
pub(crate) fn pipeline(schedule: &str, platform: &str) -> String {
    format!(
        r#"
[actors.generation]
narrative = "narratives/discord/generation_carousel.toml"
narrative_name = "batch_generate"
schedule = "{schedule}"

[actors.curation]
narrative = "narratives/discord/curation_workflow.toml"
narrative_name = "curate"
after = ["generation"]

[actors.posting]
narrative = "narratives/discord/posting_schedule.toml"
narrative_name = "post"
after = ["curation"]
platform = "{platform}"
channel_id = "{CHANNEL}"
limit = 10
"#
    )
}

/// A database, stubs of the LLM and of Discord, and settings that lead to them.
pub(crate) struct Stage {
    pub(crate) database: TestDatabase,
    pub(crate) llm: StubLlm,
    pub(crate) discord: StubDiscord,
    /// Where the processes send their spans, if anywhere.
    pub(crate) collector: Option<StubCollector>,
    home: TempDir,
}

impl Stage {
    /// `actors` goes into the settings file as it is. Leases are short, so that a lost worker costs a test 3 s.
    pub(crate) async fn new(actors: &str) -> Self {
        Self::with_drain_timeout("30s", actors).await
    }

    pub(crate) async fn with_drain_timeout(drain_timeout: &str, actors: &str) -> Self {
        let (database, llm, discord) = tokio::join!(database(), writer(), StubDiscord::start());
        let home = tempfile::tempdir().unwrap();
        let settings = format!(
            r#"
[server]
metrics_port = 0
health_port = 0
api_port = 0
[llm]
backend = "openai"
base_url = "{}"
model = "stub"
[discord]
base_url = "{}"
[queue]
lease = "3s"
heartbeat = "500ms"
backoff_base = "100ms"
poll_interval = "1s"
drain_timeout = "{drain_timeout}"
[scheduler]
rescue_interval = "200ms"
{actors}"#,
            llm.url(),
            discord.url(),
        );
        std::fs::write(home.path().join("botticelli.toml"), settings).unwrap();
        Self {
            database,
            llm,
            discord,
            collector: None,
            home,
        }
    }

    /// Rewrites the settings file.
    pub(crate) fn rewrite(&self, rewritten: impl FnOnce(&str) -> String) {
        let file = self.home.path().join("botticelli.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, rewritten(&text)).unwrap();
    }

    /// A scheduler that runs.
    pub(crate) async fn scheduler(&self) -> Process {
        let scheduler = self.start("botticelli-scheduler", Skew::None);
        scheduler.line("runs").await;
        scheduler
    }

    /// A worker that serves every actor.
    pub(crate) async fn worker(&self) -> Process {
        self.worker_with_clock(Skew::None).await
    }

    /// The same, with a clock that may be wrong.
    pub(crate) async fn worker_with_clock(&self, skew: Skew) -> Process {
        let worker = self.start("botticelli-worker", skew);
        worker.line("serves").await;
        worker
    }

    fn start(&self, name: &str, skew: Skew) -> Process {
        self.spawn(name, skew, &[])
    }

    /// Starts a binary with `variables` beside what it needs.
    pub(crate) fn start_with(&self, name: &str, variables: &[(&str, &str)]) -> Process {
        self.spawn(name, Skew::None, variables)
    }

    fn spawn(&self, name: &str, skew: Skew, variables: &[(&str, &str)]) -> Process {
        let mut command = command(binary(name));
        skew_clock(&mut command, skew);
        command
            .env("DATABASE_URL", &self.database.url)
            .env("DISCORD_TOKEN", "a-token")
            .envs(variables.iter().copied())
            .arg("--config")
            .arg(self.home.path().join("botticelli.toml"))
            .arg("--data-dir")
            .arg(self.home.path());
        if let Some(collector) = &self.collector {
            command
                .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())
                .env("OTEL_BSP_SCHEDULE_DELAY", "100");
        }
        Process::spawn(command)
    }

    /// `botticelli …` on the stage's database.
    pub(crate) fn cli(&self, args: &[&str], variables: &[(&str, &str)]) -> Process {
        let mut command = command(PathBuf::from(env!("CARGO_BIN_EXE_botticelli")));
        command
            .env("DATABASE_URL", &self.database.url)
            .env("BOTTICELLI_CONFIG", self.home.path().join("botticelli.toml"))
            .env("BOTTICELLI_DATA_DIR", self.home.path())
            .env("USER", "alice")
            .envs(variables.iter().copied())
            .args(args);
        Process::spawn(command)
    }

    /// Which of two workers runs a job now, then the other one.
    pub(crate) async fn holder_first(&self, workers: [Process; 2]) -> [Process; 2] {
        let running = "select worker_name from botticelli.actor_server_executions where outcome = 'running'";
        let name = self.database.row(running).await;
        let [one, other] = workers;
        if name.ends_with(&format!(":{}", one.pid())) {
            [one, other]
        } else {
            [other, one]
        }
    }

    /// Stores an approved post, as curation does.
    pub(crate) async fn approve(&self, text: &str) {
        let statement = format!(
            "with potential as (
               insert into botticelli.potential_posts (text_content, source, status, job_id, output_no)
               select '{text}', 'by hand', 'approved', 0, count(*) + 1 from botticelli.potential_posts returning *
             )
             insert into botticelli.approved_posts (
               potential_post_id, text_content, content_type, source, tags, curation_score, curation_notes, approved_by
             )
             select id, text_content, content_type, source, tags, 8, 'Good.', 'a test' from potential"
        );
        self.database.execute(&statement).await;
    }

    pub(crate) async fn enqueue(&self, actor: &str) {
        let statement = format!("select botticelli.enqueue('{actor}')");
        self.database.execute(&statement).await;
    }

    /// A generation of two rounds: twelve acts, six posts.
    pub(crate) async fn enqueue_two_rounds(&self) {
        let statement = r#"select botticelli.enqueue('generation', '{"iterations": 2}')"#;
        self.database.execute(statement).await;
    }

    /// Every run in order of its beginning: actor, attempt of its job, outcome.
    pub(crate) async fn runs(&self) -> Vec<String> {
        let query =
            "select actor_name, attempt, outcome from botticelli.actor_server_executions order by started_at, id";
        self.database.rows(query).await
    }
}

/// `program` in the root of the checkout, without anything of this process's environment that could change what it does.
pub(crate) fn command(program: PathBuf) -> Command {
    let mut command = StdCommand::new(program);
    command
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    Command::from(command)
}
