//! `botticelli jobs`: what an operator sees and does at the command line.

use std::path::PathBuf;

use botticelli_testkit::{Process, TestDatabase, database};
use serde_json::Value;
use tempfile::TempDir;

use crate::stage::{Stage, command, pipeline};

/// A database with a queue, and a home without settings.
struct Desk {
    database: TestDatabase,
    home: TempDir,
}

impl Desk {
    async fn new() -> Self {
        let database = database().await;
        database
            .execute("insert into botticelli.queues values ('posting', 'posting', 5)")
            .await;
        Self {
            database,
            home: tempfile::tempdir().unwrap(),
        }
    }

    /// What `botticelli jobs …` says, and its exit code.
    async fn run(&self, args: &[&str]) -> (String, Option<i32>) {
        self.botticelli(&[&["jobs"], args].concat()).await
    }

    /// What `botticelli …` says, and its exit code.
    async fn botticelli(&self, args: &[&str]) -> (String, Option<i32>) {
        let mut command = command(PathBuf::from(env!("CARGO_BIN_EXE_botticelli")));
        command
            .env("DATABASE_URL", &self.database.url)
            .env("BOTTICELLI_DATA_DIR", self.home.path())
            .env("USER", "alice")
            .args(args);
        let mut process = Process::spawn(command);
        let code = process.exit().await.code();
        (process.output(), code)
    }

    async fn says(&self, args: &[&str]) -> String {
        let (output, code) = self.run(args).await;
        assert_eq!(code, Some(0), "{output}");
        output
    }

    async fn refuses(&self, args: &[&str]) -> String {
        let (output, code) = self.run(args).await;
        assert_eq!(code, Some(1), "{output}");
        output
    }

    async fn json(&self, args: &[&str]) -> Value {
        let mut args = args.to_vec();
        args.push("--json");
        serde_json::from_str(&self.says(&args).await).unwrap()
    }

    async fn enqueue(&self) {
        self.database
            .execute("select botticelli.enqueue('posting', '{\"limit\": 3}')")
            .await;
    }

    /// A job that was discarded for `reason`, as the queue leaves it.
    async fn bury(&self, id: i64, reason: &str) {
        let statement = format!(
            "insert into botticelli.dead_jobs (
               id, queue, kind, args, state, priority, run_at, attempt, interruptions, max_attempts, enqueued_at, source, errors,
               reason
             )
             values ({id}, 'posting', 'posting', '{{}}', 'discarded', 0, now(), 2, 0, 2, now(), 'sql',
                     '[{{\"attempt\": 2, \"at\": \"2026-11-24T04:00:00+00:00\", \"error\": \"{reason}\"}}]', '{reason}')"
        );
        self.database.execute(&statement).await;
    }
}

#[tokio::test]
async fn unfinished_jobs_are_listed_for_people_and_in_json() {
    let desk = Desk::new().await;
    desk.enqueue().await;
    let listed = desk.says(&["list"]).await;
    let lines: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..3], ["ID", "QUEUE", "STATE"]);
    assert_eq!(lines[1][..3], ["1", "posting", "available"]);
    let listed = desk.json(&["list", "--queue", "posting", "--state", "available"]).await;
    assert_eq!(
        (&listed[0]["id"], &listed[0]["state"]),
        (&Value::from(1), &Value::from("available"))
    );
    assert_eq!(
        desk.json(&["list", "--state", "running"]).await,
        Value::Array(Vec::new())
    );
}

#[tokio::test]
async fn a_job_is_shown_with_its_arguments_and_the_error_of_every_attempt() {
    let desk = Desk::new().await;
    desk.enqueue().await;
    let shown = desk.says(&["show", "1"]).await;
    assert!(shown.starts_with("job 1 of posting: available\n"), "{shown}");
    assert!(shown.contains(r#"args       {"limit": 3}"#), "{shown}");
    let shown = desk.json(&["show", "1"]).await;
    assert_eq!(
        (&shown["args"]["limit"], &shown["tries"]),
        (&Value::from(3), &Value::Array(Vec::new()))
    );

    desk.bury(7, "the model is away").await;
    let shown = desk.says(&["show", "7"]).await;
    assert!(shown.starts_with("job 7 of posting: discarded\n"), "{shown}");
    assert!(shown.contains("reason     the model is away"), "{shown}");
    assert!(
        shown.ends_with("2        2026-11-24 04:00:00  the model is away"),
        "{shown}"
    );
    assert_eq!(
        desk.refuses(&["show", "99"]).await,
        "error: there is no job 99; it is unknown, or what is known of it has been pruned"
    );
}

#[tokio::test]
async fn a_cancelled_job_says_who_cancelled_it_and_why() {
    let desk = Desk::new().await;
    desk.enqueue().await;
    assert_eq!(
        desk.says(&["cancel", "1", "--reason", "not needed"]).await,
        "job 1 is cancelled"
    );
    let reason = "select state, reason from botticelli.dead_jobs";
    assert_eq!(
        desk.database.row(reason).await,
        "cancelled|cancelled by alice: not needed"
    );
    assert_eq!(
        desk.refuses(&["cancel", "99"]).await,
        "error: unknown job 99; enqueue gives a job's id; botticelli.jobs lists those that wait or run."
    );
}

#[tokio::test]
async fn dead_jobs_are_listed_grouped_and_retried() {
    let desk = Desk::new().await;
    for (id, reason) in [(7, "post 1 is too long"), (8, "post 2 is too long"), (9, "no model")] {
        desk.bury(id, reason).await;
    }
    let dead = desk.json(&["dead", "--since", "1h"]).await;
    assert_eq!(dead.as_array().map(Vec::len), Some(3));
    let groups = desk.json(&["dead", "--group"]).await;
    assert_eq!(
        (&groups[0]["jobs"], &groups[1]["jobs"]),
        (&Value::from(2), &Value::from(1))
    );
    let grouped = desk.says(&["dead", "--group"]).await;
    assert!(grouped.contains("post 2 is too long"), "{grouped}");
    assert_eq!(desk.says(&["retry", "9"]).await, "job 9 waits again");
    assert_eq!(
        desk.refuses(&["retry", "9"]).await,
        "error: job 9 is not among the dead ones; botticelli.list_dead() lists them."
    );
}

#[tokio::test]
async fn many_dead_jobs_are_counted_before_they_are_redriven_or_purged() {
    let desk = Desk::new().await;
    for id in 7..10 {
        desk.bury(id, "the model is away").await;
    }
    let count = "select count(*) from botticelli.dead_jobs";
    assert_eq!(
        desk.says(&["purge", "--queue", "posting"]).await,
        "3 dead jobs match; add --yes to delete them"
    );
    assert_eq!(
        desk.says(&["redrive", "--older-than", "1h"]).await,
        "0 dead jobs match; add --yes to redrive them"
    );
    assert_eq!(desk.database.row(count).await, "3");
    desk.database
        .execute("update botticelli.dead_jobs set finished_at = now() - interval '2 hours' where id < 9")
        .await;
    assert_eq!(
        desk.says(&["redrive", "--older-than", "1h", "--yes"]).await,
        "2 dead jobs wait again"
    );
    assert_eq!(desk.json(&["purge", "--yes"]).await["purged"], 1);
    assert_eq!(desk.database.row(count).await, "0");
}

#[tokio::test]
async fn the_queues_are_shown_as_they_stand() {
    let desk = Desk::new().await;
    desk.enqueue().await;
    desk.bury(7, "no").await;
    desk.database
        .execute("update botticelli.queues set is_paused = true")
        .await;
    let stats = desk.says(&["stats"]).await;
    let row: Vec<&str> = stats.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(
        (row[..5].to_vec(), row[6..].to_vec()),
        (vec!["posting", "1", "0", "0", "0"], vec!["0", "1", "paused"])
    );
    assert_eq!(desk.json(&["stats"]).await[0]["ready"], 1);
}

#[tokio::test]
async fn a_workflow_is_shown_with_what_its_jobs_wait_for_and_can_be_ended_as_a_whole() {
    let desk = Desk::new().await;
    desk.database
        .execute(
            r#"select botticelli.enqueue_workflow('[{"name": "first", "queue": "posting"},
                 {"name": "second", "queue": "posting", "needs": ["first"]}]')"#,
        )
        .await;
    let shown = desk.says(&["workflow", "1"]).await;
    let rows: Vec<Vec<&str>> = shown
        .lines()
        .skip(1)
        .map(|row| row.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows,
        [
            vec!["1", "first", "posting", "available"],
            vec!["2", "second", "posting", "pending", "1"]
        ]
    );
    assert_eq!(desk.json(&["list", "--state", "pending"]).await[0]["id"], 2);
    assert_eq!(
        desk.json(&["workflow", "1", "--cancel", "--reason", "over"]).await["cancelled"],
        2
    );
    assert_eq!(desk.json(&["show", "2"]).await["state"], "cancelled");
}

#[tokio::test]
async fn what_a_job_told_is_shown_with_it() {
    let desk = Desk::new().await;
    desk.enqueue().await;
    desk.database
        .execute(
            r#"insert into botticelli.job_reports (job_id, attempt, done, total, note, result)
                 values (1, 1, 2, 3, 'the second', '{"posts": [7]}');
               insert into botticelli.job_logs (job_id, attempt, level, message)
                 select 1, 1, 'warn', 'line ' || n from generate_series(1, 25) as n"#,
        )
        .await;
    let shown = desk.says(&["show", "1"]).await;
    assert!(shown.contains("progress   2 of 3, the second\n"), "{shown}");
    assert!(shown.contains("result     {\"posts\":[7]}\n"), "{shown}");
    assert!(
        shown.contains("warn   line 25\n") && !shown.contains("line 5\n"),
        "{shown}"
    );
    assert!(shown.ends_with("5 lines before these; --json has all"), "{shown}");
    assert_eq!(desk.json(&["show", "1"]).await["log"][0]["message"], "line 1");
}

#[tokio::test]
async fn a_process_that_runs_a_cancelled_job_goes_on_with_the_next_one() {
    let stage = Stage::new(&pipeline("manual", "noop")).await;
    stage.llm.hold();
    let _worker = stage.worker().await;
    stage.enqueue("generation").await;
    stage.llm.request(1).await;
    let desk = Desk {
        database: stage.database,
        home: tempfile::tempdir().unwrap(),
    };
    assert_eq!(
        desk.says(&["cancel", "1"]).await,
        "job 1 runs; its worker has been told to stop it"
    );
    desk.database
        .until("exists (select from botticelli.dead_jobs where state = 'cancelled')")
        .await;
    desk.enqueue().await;
    desk.database
        .until("exists (select from botticelli.job_history where queue = 'posting')")
        .await;
}

#[tokio::test]
async fn a_job_is_enqueued_for_later_only_once_and_as_it_is_asked_for() {
    let desk = Desk::new().await;
    let later = [
        "enqueue",
        "posting",
        "--in",
        "2h",
        "--unique-by",
        "--priority",
        "-3",
        "--max-attempts",
        "2",
    ];
    let said = desk.botticelli(&[&later[..], &["--limit-key", "t"]].concat()).await;
    assert_eq!(said, ("enqueued job 1 for posting".to_owned(), Some(0)));
    let said = desk.botticelli(&["enqueue", "posting", "--unique-by"]).await;
    assert_eq!(said, ("job 1 of posting is there already".to_owned(), Some(0)));
    let job =
        "select priority, max_attempts, limit_key, run_at > now() + interval '1 hour' from botticelli.waiting_jobs";
    assert_eq!(desk.database.row(job).await, "-3|2|t|t");
    let limits = [
        "enqueue",
        "posting",
        r#"{"limit": 2}"#,
        "--unique-by",
        "limit",
        "--at",
        "2100-01-01T00:00:00Z",
    ];
    let said = desk
        .botticelli(&[&limits[..], &["--not-after", "2100-01-02T00:00:00Z"]].concat())
        .await;
    assert_eq!(said, ("enqueued job 3 for posting".to_owned(), Some(0)));
    let (said, code) = desk.botticelli(&["enqueue", "posting", "--unique-by", "limits"]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("unknown argument \"limits\" in unique_by"), "{said}");
    let (said, code) = desk.botticelli(&["enqueue", "posting", "--at", "soon"]).await;
    assert_eq!(code, Some(2));
    assert!(said.contains("invalid value 'soon' for '--at <TIME>'"), "{said}");
    // Lists say when they are not all.
    assert!(
        desk.says(&["list", "--limit", "1"])
            .await
            .ends_with("the first 1; --limit shows more")
    );
}

#[tokio::test]
async fn config_check_tells_what_is_wrong_with_every_actor_and_which_secrets_are_missing() {
    let desk = Desk::new().await;
    let file = desk.home.path().join("botticelli.toml");
    let narratives = "
toc = [\"tip\"]
[narrative]
name = \"tip\"
description = \"A tip.\"
[acts]
tip = \"Give a tip.\"
";
    std::fs::write(desk.home.path().join("tips.toml"), narratives).unwrap();
    let settings = |rest: &str| {
        format!(
            "{rest}
[actors.generation]
narrative = \"tips.toml\"
narrative_name = \"tip\"
[actors.posting]
narrative = \"tips.toml\"
narrative_name = \"tip\"
platform = \"discord\"
channel_id = \"1\"
[actors.curation]
narrative = \"nosuch.toml\"
narrative_name = \"tip\"
"
        )
    };
    std::fs::write(&file, settings("[telemetry]\nlog = \",,=\"")).unwrap();
    let check = ["config", "check", file.to_str().unwrap()];
    let (said, code) = desk.botticelli(&check).await;
    assert_eq!(code, Some(1), "{said}");
    for wrong in [
        "key `telemetry.log`: log filter `,,=` does not parse",
        "actor `generation`: no output of generation narrative `tip` is meant to be a post",
        "actor `posting`: posting narrative `tip` asks a model",
        "actor `curation`: narrative `nosuch.toml` was not found",
    ] {
        assert!(said.contains(wrong), "{wrong}\n{said}");
    }

    std::fs::write(
        &file,
        "[actors.posting]\nnarrative = \"p.toml\"\nnarrative_name = \"post\"\nplatform = \"discord\"\nchannel_id = \"1\"\n\
         [providers.gemini]\nwire = \"gemini\"\nmodel = \"flash\"\n[budgets.daily]\nperiod = \"day\"\nusd = 1.0\n",
    )
    .unwrap();
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    std::fs::copy(
        root.join("config/narratives/discord/posting_schedule.toml"),
        desk.home.path().join("p.toml"),
    )
    .unwrap();
    let (said, code) = desk.botticelli(&check).await;
    assert_eq!(code, Some(0), "{said}");
    for warning in [
        "warning: the token of the Discord bot is not set",
        "warning: `[budgets]` count `usd`, so `gemini/flash` is not asked until `[prices.\"gemini/flash\"]` says what it costs",
    ] {
        assert!(said.contains(warning), "{warning}\n{said}");
    }
}
