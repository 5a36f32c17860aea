//! What a process says when it cannot start: one line, with the place and the way out, and exit code 1.

use std::{fs, net::TcpListener, path::PathBuf};

use botticelli_testkit::{Process, binary, database};
use tempfile::TempDir;

use crate::stage::command;

const CLI: &str = env!("CARGO_BIN_EXE_botticelli");

/// Settings that a worker could start with.
const SETTINGS: &str = r#"
[llm]
backend = "openai"
base_url = "http://127.0.0.1:9/v1"
model = "stub"
[actors.generation]
narrative = "narratives/discord/generation_carousel.toml"
narrative_name = "batch_generate"
"#;

/// A folder with a settings file.
struct Folder(TempDir);

impl Folder {
    fn with(settings: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::write(folder.path("botticelli.toml"), settings).unwrap();
        folder
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// What `program` says last. The folder is written as `~`, and ports may all be taken from `args`.
    async fn refusal(&self, program: PathBuf, args: &[&str], database_url: Option<&str>) -> String {
        let mut command = command(program);
        command
            .envs(database_url.map(|url| ("DATABASE_URL", url)))
            .env("BOTTICELLI_CONFIG", self.path("botticelli.toml"))
            .env("BOTTICELLI_DATA_DIR", self.path("data"))
            .args(args);
        let mut process = Process::spawn(command);
        assert_eq!(process.exit().await.code(), Some(1), "{}", process.output());
        let output = process.output();
        let last = output.lines().last().unwrap_or_default();
        last.replace(&self.0.path().display().to_string(), "~")
    }

    async fn worker_refusal(&self, args: &[&str], database_url: Option<&str>) -> String {
        self.refusal(binary("botticelli-worker"), args, database_url).await
    }
}

#[tokio::test]
async fn an_unknown_key_is_refused_with_its_place_and_a_suggestion() {
    let folder = Folder::with("[queue]\nleese = \"3s\"\n");
    let expected = "error: `~/botticelli.toml`:2:1: unknown key `leese`; did you mean `lease`?";
    let programs: [(PathBuf, &[&str]); 3] = [
        (PathBuf::from(CLI), &["up"]),
        (binary("botticelli-worker"), &[]),
        (binary("botticelli-scheduler"), &[]),
    ];
    for (program, args) in programs {
        assert_eq!(folder.refusal(program, args, None).await, expected);
    }
}

#[tokio::test]
async fn a_process_without_a_database_says_where_to_name_one() {
    let folder = Folder::with(SETTINGS);
    assert_eq!(
        folder.worker_refusal(&[], None).await,
        "error: there is no database to work on; set DATABASE_URL, or `[server] database_url` in the settings"
    );
    assert_eq!(
        folder.refusal(PathBuf::from(CLI), &["enqueue", "posting"], None).await,
        "error: there is no database to work on: DATABASE_URL is not set, and no `botticelli up` runs on data directory `~/data`"
    );
}

#[tokio::test]
async fn a_database_that_does_not_let_us_in_is_named_without_the_password() {
    let folder = Folder::with(SETTINGS);
    let database = database().await;
    let (before_host, host) = database.url.split_once('@').unwrap();
    let user = before_host
        .trim_start_matches("postgresql://")
        .split(':')
        .next()
        .unwrap();
    let wrong = format!("postgresql://{user}:hunter2@{host}");
    let refusal = folder.worker_refusal(&[], Some(&wrong)).await;
    assert!(
        refusal.contains("the server refused the user or password; correct DATABASE_URL"),
        "{refusal}"
    );
    assert!(!refusal.contains("hunter2"), "{refusal}");

    let nowhere = "postgresql://me:hunter2@127.0.0.1:1/posts";
    let refusal = folder.worker_refusal(&[], Some(nowhere)).await;
    let expected = "error: database `posts` at 127.0.0.1:1 cannot be reached as `me`: check that the server runs and that \
                    DATABASE_URL names its host and port";
    assert!(refusal.starts_with(expected), "{refusal}");
    assert!(!refusal.contains("hunter2"), "{refusal}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_its_setting() {
    let folder = Folder::with(SETTINGS);
    let (database, other) = (database().await, TcpListener::bind(("127.0.0.1", 0)).unwrap());
    let port = other.local_addr().unwrap().port().to_string();
    let args = ["--health-port", "0", "--metrics-port", "0", "--api-port", &port];
    let refusal = folder.worker_refusal(&args, Some(&database.url)).await;
    let expected = format!(
        "error: port `{port}` for the API is taken; give it another one with `[server] api_port` or `--api-port` \
         (0 takes any free port)"
    );
    assert!(refusal.starts_with(&expected), "{refusal}");
}

#[tokio::test]
async fn a_schema_that_is_behind_is_refused_until_it_is_migrated() {
    let folder = Folder::with(SETTINGS);
    let database = database().await;
    database.execute("drop schema botticelli cascade").await;
    let refusal = folder.worker_refusal(&[], Some(&database.url)).await;
    assert!(
        refusal.starts_with("error: the database schema `botticelli` is at version 0, this binary needs")
            && refusal.ends_with("run `botticelli migrate`"),
        "{refusal}"
    );
    for args in [["jobs", "list"], ["enqueue", "say"], ["pause", "say"]] {
        let of_command = folder.refusal(PathBuf::from(CLI), &args, Some(&database.url)).await;
        assert_eq!(of_command, refusal, "{args:?}");
    }

    // The second time there is nothing to do.
    for _ in 0..2 {
        let mut migrate = command(PathBuf::from(CLI));
        migrate.arg("migrate").env("DATABASE_URL", &database.url);
        let mut process = Process::spawn(migrate);
        assert_eq!(process.exit().await.code(), Some(0), "{}", process.output());
        assert!(
            process
                .output()
                .ends_with("the database schema `botticelli` is up to date")
        );
    }
    let tables = "select count(*) > 0 from information_schema.tables where table_schema = 'botticelli'";
    assert_eq!(database.row(tables).await, "t");
}

#[tokio::test]
async fn a_narrative_that_is_not_there_is_refused_with_where_it_was_looked_for() {
    let folder = Folder::with(&SETTINGS.replace("generation_carousel", "generation_carrousel"));
    let refusal = folder.worker_refusal(&[], None).await;
    assert!(
        refusal.starts_with(
            "error: actor `generation`: narrative `narratives/discord/generation_carrousel.toml` was not found; tried \
             `~/narratives/discord/generation_carrousel.toml`, "
        ),
        "{refusal}"
    );

    let folder = Folder::with(&SETTINGS.replace("batch_generate", "batch_generat"));
    let refusal = folder.worker_refusal(&[], None).await;
    assert!(
        refusal.ends_with("has no narrative `batch_generat`; did you mean `batch_generate`?"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_model_file_that_is_not_there_is_named_with_how_to_get_it() {
    let settings = SETTINGS.replace(
        r#"backend = "openai""#,
        r#"backend = "embedded"
model_file = "no.gguf""#,
    );
    let refusal = Folder::with(&settings)
        .refusal(PathBuf::from(CLI), &["narrative", "run", NARRATIVE, "question"], None)
        .await;
    assert!(
        refusal.starts_with("error: there is no model file `~/no.gguf`; run `scripts/fetch-model"),
        "{refusal}"
    );
}

const NARRATIVE: &str = "config/narratives/discord/generation_carousel.toml";

#[tokio::test]
async fn an_actor_that_is_not_there_is_refused_with_those_that_are() {
    let folder = Folder::with(SETTINGS);
    assert_eq!(
        folder.worker_refusal(&["--queue", "generations"], None).await,
        "error: there is no actor `generations` to serve; the actors are generation"
    );
    let database = database().await;
    database
        .execute("insert into botticelli.queues values ('posting', 'posting', 5)")
        .await;
    let enqueue = ["enqueue", "postin"];
    assert_eq!(
        folder.refusal(PathBuf::from(CLI), &enqueue, Some(&database.url)).await,
        r#"error: unknown queue "postin"; Known queues: posting."#
    );
}
