//! `botticelli up`: everything in one process.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use botticelli_testkit::{Process, StubLlm};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use crate::{
    stage::{command, pipeline},
    writer::writer,
};

/// A place for a private cluster that the account of its server can reach.
struct House {
    llm: StubLlm,
    home: TempDir,
}

impl House {
    async fn new() -> Self {
        let (llm, home) = (writer().await, tempfile::tempdir().unwrap());
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let settings = format!(
            "[server]\nmetrics_port = 0\nhealth_port = 0\napi_port = 0\n[llm]\nbackend = \"openai\"\nbase_url = \"{}\"\n\
             model = \"stub\"\n{}",
            llm.url(),
            pipeline("manual", "noop")
        );
        fs::write(home.path().join("botticelli.toml"), settings).unwrap();
        Self { llm, home }
    }

    fn start(&self, args: &[&str]) -> Process {
        let mut up = command(env!("CARGO_BIN_EXE_botticelli").into());
        up.args(args)
            .env("BOTTICELLI_CONFIG", self.home.path().join("botticelli.toml"))
            .env("BOTTICELLI_DATA_DIR", self.data_dir());
        Process::spawn(up)
    }

    fn data_dir(&self) -> PathBuf {
        self.home.path().join("data")
    }
}

async fn published(data_dir: &Path) -> i64 {
    let url = fs::read_to_string(data_dir.join("postgres/database_url")).unwrap();
    let mut connection = PgConnection::connect(url.trim()).await.unwrap();
    sqlx::query_scalar("select count(*) from botticelli.deliveries where state = 'published'")
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn up_publishes_from_an_empty_directory_and_goes_on_there_the_next_time() {
    let house = House::new().await;
    let mut first = house.start(&["up", "--now", "--until-published", "1"]);
    assert_eq!(first.exit().await.code(), Some(0), "{}", first.output());
    assert!(
        first.output().contains("published to noop: Neighbours met"),
        "{}",
        first.output()
    );
    assert!(
        house.llm.requests().len() >= 9,
        "ideas, posts and verdicts were asked for"
    );
    // The database stopped with it.
    assert!(!house.data_dir().join("postgres/database_url").exists());

    let mut second = house.start(&["up"]);
    second.line("Botticelli is up").await;
    let before = published(&house.data_dir()).await;
    assert!(before >= 1, "what the first one published is still there");
    // A command beside it works on its database.
    let mut enqueue = house.start(&["enqueue", "generation", r#"{"narrative_name": "tip"}"#]);
    assert_eq!(enqueue.exit().await.code(), Some(0), "{}", enqueue.output());
    second.line("published to noop: Neighbours met").await;
    second.interrupt();
    assert_eq!(second.exit().await.code(), Some(0), "{}", second.output());
}

#[tokio::test]
async fn a_second_up_on_the_same_directory_is_refused_while_the_first_runs() {
    let house = House::new().await;
    let mut first = house.start(&["up"]);
    first.line("Botticelli is up").await;
    let mut second = house.start(&["up"]);
    assert_eq!(second.exit().await.code(), Some(1), "{}", second.output());
    let expected = format!(
        "error: data directory `{}/postgres` is in use by process {}; stop that one, or choose another with `--data-dir`",
        house.data_dir().display(),
        first.pid()
    );
    assert_eq!(second.output().lines().last(), Some(expected.as_str()));
    first.terminate();
    assert_eq!(first.exit().await.code(), Some(0), "{}", first.output());
}
