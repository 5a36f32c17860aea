//! Several fleets in one database, each in a schema of its own.

use botticelli_testkit::Process;
use sqlx::postgres::PgListener;

use crate::stage::{Stage, pipeline};

/// The schema of the second fleet: a word of SQL, because that is a name like any other. The first one is in `botticelli`.
const SECOND: &str = "user";

const VARIABLE: &str = "BOTTICELLI_SERVER_SCHEMA";

/// A database with two fleets.
struct Town(Stage);

impl Town {
    async fn new() -> Self {
        let town = Self(Stage::new(&pipeline("manual", "noop")).await);
        assert_eq!(
            town.says(SECOND, &["migrate"]).await,
            "the database schema `user` is up to date"
        );
        town
    }

    async fn process(&self, name: &str, schema: &str, ready: &str) -> Process {
        let process = self.0.start_with(name, &[(VARIABLE, schema)]);
        process.line(ready).await;
        process
    }

    async fn worker(&self, schema: &str) -> Process {
        self.process("botticelli-worker", schema, "serves").await
    }

    /// What `botticelli …` says to the fleet in `schema`.
    async fn says(&self, schema: &str, args: &[&str]) -> String {
        let mut process = self.0.cli(args, &[(VARIABLE, schema)]);
        let code = process.exit().await.code();
        assert_eq!(code, Some(0), "{}", process.output());
        process.output()
    }

    /// Jobs that run or wait in the fleet in `schema`, as the command line lists them.
    async fn listed(&self, schema: &str) -> usize {
        // The first line is the head of the table.
        self.says(schema, &["jobs", "list"]).await.lines().skip(1).count()
    }
}

#[tokio::test]
async fn a_job_of_one_fleet_runs_to_its_end_and_the_other_fleet_sees_nothing_of_it() {
    let town = Town::new().await;
    let database = &town.0.database;
    let (first, second) = tokio::join!(town.worker("botticelli"), town.worker(SECOND));
    let mut heard = PgListener::connect_with(&database.pool).await.unwrap();
    heard.listen_all(["botticelli_jobs", "user_jobs"]).await.unwrap();

    town.0.llm.hold();
    assert_eq!(
        town.says(SECOND, &["enqueue", "generation"]).await,
        "enqueued job 1 for generation"
    );
    town.0.llm.request(1).await;
    assert_eq!((town.listed("botticelli").await, town.listed(SECOND).await), (0, 1));
    let running = database
        .row(r#"select worker_name from "user".actor_server_executions where outcome = 'running'"#)
        .await;
    assert!(running.ends_with(&format!(":{}", second.pid())), "{running}");
    town.0.llm.release();
    let published = |schema| format!(r#"exists (select from "{schema}".deliveries where state = 'published')"#);
    database.until(&published(SECOND)).await;
    let everywhere = "select (select count(*) from botticelli.job_history), (select count(*) from botticelli.jobs),
                             (select count(*) from botticelli.actor_server_executions)";
    assert_eq!(database.row(everywhere).await, "0|0|0");

    // Announced in order of their commits: had the second fleet's jobs been announced to the first, that would come before.
    town.0.enqueue("generation").await;
    let mut channels = Vec::new();
    while !channels.contains(&"botticelli_jobs".to_owned()) {
        channels.push(heard.recv().await.unwrap().channel().to_owned());
    }
    assert_eq!(
        channels.iter().filter(|channel| *channel == "user_jobs").count(),
        channels.len() - 1
    );
    assert!(channels.len() > 1, "{channels:?}");
    database.until(&published("botticelli")).await;
    let of_the_first = database
        .rows("select distinct worker_name from botticelli.actor_server_executions")
        .await;
    assert_eq!(of_the_first.len(), 1);
    assert!(
        of_the_first[0].ends_with(&format!(":{}", first.pid())),
        "{of_the_first:?}"
    );
}

#[tokio::test]
async fn a_schedule_and_a_pause_belong_to_one_fleet() {
    let town = Town(Stage::new(&pipeline("immediate", "noop")).await);
    town.says(SECOND, &["migrate"]).await;
    let database = &town.0.database;
    let _scheduler = town.process("botticelli-scheduler", SECOND, "runs").await;
    database
        .until(r#"exists (select from "user".waiting_jobs where queue = 'generation')"#)
        .await;
    assert_eq!(town.listed("botticelli").await, 0);

    let _other = town.process("botticelli-scheduler", "botticelli", "runs").await;
    town.says(SECOND, &["pause", "generation"]).await;
    let paused = r#"select (select is_paused from "user".queues where name = 'generation'),
                           (select is_paused from botticelli.queues where name = 'generation')"#;
    assert_eq!(database.row(paused).await, "t|f");
    let cancelled = town.says(SECOND, &["jobs", "cancel", "1"]).await;
    assert_eq!(cancelled, "job 1 is cancelled");
    database.until("exists (select from botticelli.waiting_jobs)").await;
}

#[tokio::test]
async fn fleets_that_are_migrated_at_the_same_time_wait_for_each_other() {
    let town = Town(Stage::new("").await);
    let schemas = ["fleet_a", "fleet_b", "fleet_c", "fleet_c"];
    let migrations = schemas.map(|schema| town.says(schema, &["migrate"]));
    let [a, b, c, again] = migrations;
    tokio::join!(a, b, c, again);
    let versions = "select (select array_agg((version, checksum) order by version) from fleet_c._sqlx_migrations)
                         = (select array_agg((version, checksum) order by version) from botticelli._sqlx_migrations)";
    assert_eq!(town.0.database.row(versions).await, "t");
    // Nothing of a fleet names another's schema: neither in a function nor in a view.
    let strays = "select count(*) from pg_proc where pronamespace = 'fleet_b'::regnamespace
                  and prosrc ~ 'botticelli(\\.|_jobs|_cancel|_published)'";
    assert_eq!(town.0.database.row(strays).await, "0");
    town.0.database.execute("drop schema botticelli cascade").await;
    assert_eq!(town.says("fleet_a", &["jobs", "stats"]).await.lines().count(), 1);
    assert_eq!(town.says("fleet_b", &["jobs", "list"]).await.lines().count(), 1);
}

#[tokio::test]
async fn a_name_that_no_schema_of_a_fleet_may_have_is_refused_with_its_variable() {
    let town = Town(Stage::new("").await);
    for name in [
        "public",
        "pg_fleet",
        "information_schema",
        "Fleet",
        "a-b",
        "botticelli.jobs",
    ] {
        for args in [["migrate"].as_slice(), &["config", "check"], &["jobs", "list"], &["up"]] {
            let mut process = town.0.cli(args, &[(VARIABLE, name)]);
            assert_eq!(process.exit().await.code(), Some(1), "{name}: {}", process.output());
            let expected = format!(
                "environment variable `{VARIABLE}`: key `server.schema`: `{name}` is not a name for a schema; write a \
                 lowercase letter or `_`, then up to 39 of `a-z`, `0-9` and `_`"
            );
            assert!(process.output().contains(&expected), "{}", process.output());
        }
    }
}

#[tokio::test]
async fn everything_in_one_process_is_a_fleet_in_the_schema_that_it_is_told() {
    let stage = Stage::new(&pipeline("manual", "noop")).await;
    let mut up = stage.cli(&["up", "--now", "--until-published", "1"], &[(VARIABLE, SECOND)]);
    assert_eq!(up.exit().await.code(), Some(0), "{}", up.output());
    let published = r#"select (select count(*) > 0 from "user".deliveries where state = 'published'),
                              (select count(*) from botticelli.deliveries), (select count(*) from botticelli.queues)"#;
    assert_eq!(stage.database.row(published).await, "t|0|0");
}
