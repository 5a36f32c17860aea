//! `botticelli schedule`.

use std::path::PathBuf;

use botticelli_testkit::{Process, database};

use crate::stage::{Stage, command, pipeline};

async fn explain(args: &[&str]) -> (String, Option<i32>) {
    let mut command = command(PathBuf::from(env!("CARGO_BIN_EXE_botticelli")));
    command.args(["schedule", "explain"]).args(args);
    let mut process = Process::spawn(command);
    let code = process.exit().await.code();
    (process.output(), code)
}

#[tokio::test]
async fn a_schedule_is_explained_across_a_change_of_clocks_without_a_database() {
    let berlin = [
        "30 2 * * *",
        "--zone",
        "Europe/Berlin",
        "--from",
        "2026-03-27T00:00:00Z",
        "-n",
        "4",
    ];
    let (said, code) = explain(&berlin).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [
            "at 02:30 (Europe/Berlin)",
            "  2026-03-27T01:30:00Z  Fri 2026-03-27 02:30:00 +01:00",
            "  2026-03-28T01:30:00Z  Sat 2026-03-28 02:30:00 +01:00",
            "  2026-03-29T01:00:00Z  Sun 2026-03-29 03:00:00 +02:00",
            "  2026-03-30T00:30:00Z  Mon 2026-03-30 02:30:00 +02:00",
        ]
    );
    let (said, _) = explain(&[&berlin[..], &["--json"]].concat()).await;
    let times: Vec<String> = serde_json::from_str(&said).unwrap();
    assert_eq!(
        times,
        [
            "2026-03-27T01:30:00Z",
            "2026-03-28T01:30:00Z",
            "2026-03-29T01:00:00Z",
            "2026-03-30T00:30:00Z"
        ]
    );
    let (said, _) = explain(&["manual"]).await;
    assert_eq!(said, "only when it is asked to\n  never by itself");
}

#[tokio::test]
async fn what_is_no_schedule_or_zone_is_refused_with_the_way_out() {
    let (said, code) = explain(&["0 25 * * *"]).await;
    assert_eq!(code, Some(2));
    for line in [
        "hour `25` is not in 0-23",
        "  0 25 * * *",
        "    ^^",
        "write `every <duration>`",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    let (said, code) = explain(&["@daily", "--zone", "Europe/Berln"]).await;
    assert_eq!(code, Some(2));
    assert!(said.contains("did you mean `Europe/Berlin`?"), "{said}");
    let (said, code) = explain(&["0 0 31 2 *"]).await;
    assert_eq!(code, Some(2));
    assert!(said.contains("no such date exists"), "{said}");
}

#[tokio::test]
async fn schedules_are_listed_looked_ahead_held_up_and_made_up_for() {
    let database = database().await;
    database
        .execute(
            "insert into botticelli.queues (name, kind, max_attempts) values ('posting', 'posting', 5);
             insert into botticelli.schedules (name, queue, schedule, timezone) values ('evening', 'posting', '0 18 * * *', 'Europe/Berlin');
             insert into botticelli.schedule_ticks (actor, tick_at, outcome, reason) values
               ('evening', '2026-03-28 17:00+00', 'skipped', 'it was paused')",
        )
        .await;
    let run = async |args: &[&str]| {
        let mut command = command(PathBuf::from(env!("CARGO_BIN_EXE_botticelli")));
        command
            .env("DATABASE_URL", &database.url)
            .env("USER", "alice")
            .arg("schedule")
            .args(args);
        let mut process = Process::spawn(command);
        let code = process.exit().await.code();
        (process.output(), code)
    };
    let (listed, _) = run(&["list"]).await;
    assert!(listed.contains("evening  runs"), "{listed}");
    let (next, _) = run(&["next", "evening", "-n", "2"]).await;
    assert_eq!(next.lines().next(), Some("at 18:00 (Europe/Berlin)"));
    assert_eq!(next.lines().count(), 3);

    let (paused, _) = run(&["pause", "evening", "--reason", "holidays"]).await;
    assert!(paused.starts_with("schedule evening is paused"), "{paused}");
    let pause = "select is_paused, pause_reason, paused_by from botticelli.schedules";
    assert_eq!(database.row(pause).await, "t|holidays|alice");
    run(&["resume", "evening"]).await;
    assert_eq!(database.row(pause).await, "f||");

    let range = [
        "backfill",
        "evening",
        "--from",
        "2026-03-28T00:00:00Z",
        "--to",
        "2026-03-29T23:00:00Z",
    ];
    let (said, code) = run(&range).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [
            "  2026-03-28T17:00:00Z",
            "  2026-03-29T16:00:00Z",
            "2 ticks did not run; add --yes to enqueue their jobs"
        ]
    );
    for jobs in ["2", "0"] {
        let (said, _) = run(&[&range[..], &["--yes"]].concat()).await;
        assert!(
            said.ends_with(&format!("enqueued {jobs} jobs for ticks that did not run")),
            "{said}"
        );
    }
    let ticks = "select tick_at, outcome, reason, job_id from botticelli.schedule_ticks order by tick_at";
    assert_eq!(
        database.rows(ticks).await,
        [
            "2026-03-28 17:00:00+00|enqueued|backfilled|1",
            "2026-03-29 16:00:00+00|enqueued|backfilled|2"
        ]
    );
    let (said, _) = run(&["trigger", "evening"]).await;
    assert_eq!(said, "enqueued job 3 of schedule evening");
    let (said, _) = run(&["ticks", "evening", "-n", "2"]).await;
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].starts_with("TICK (UTC)") && lines[0].ends_with("REASON"),
        "{said}"
    );
    assert!(lines[1].ends_with("enqueued  3    triggered by alice"), "{said}");
    assert!(lines[2].starts_with("2026-03-29 16:00:00"), "{said}");
    let (said, _) = run(&["ticks", "evenings"]).await;
    assert!(said.contains("there is no schedule `evenings`"), "{said}");
    let (said, code) = run(&["next", "evenings"]).await;
    assert_eq!(
        (said.as_str(), code),
        (
            "error: there is no schedule `evenings`; the schedules are evening",
            Some(1)
        )
    );
    let (said, _) = run(&["pause", "evenings"]).await;
    assert!(
        said.contains("unknown schedule \"evenings\"; Known schedules: evening."),
        "{said}"
    );
    let (said, _) = run(&["backfill", "evening", "--from", "2099-01-01T00:00:00Z"]).await;
    assert!(said.contains("a backfill is of the past"), "{said}");
}

#[tokio::test]
async fn schedules_follow_the_settings_while_the_scheduler_runs_and_a_bad_file_changes_nothing() {
    let stage = Stage::new(&pipeline("0 9 * * *", "noop")).await;
    let scheduler = stage.scheduler().await;
    let standing = async |name: &str| {
        let row =
            format!("select schedule, enabled, next_tick is not null from botticelli.schedules where name = '{name}'");
        stage.database.row(&row).await
    };
    let becomes = async |name: &str, schedule: &str| {
        let condition = format!(
            "exists (select from botticelli.schedules where name = '{name}' and schedule = '{schedule}' and decided_until is not null)"
        );
        stage.database.until(&condition).await;
    };
    becomes("generation", "0 9 * * *").await;
    // The file itself is noticed.
    stage.rewrite(|text| text.replace("0 9 * * *", "0 10 * * *"));
    becomes("generation", "0 10 * * *").await;
    assert_eq!(standing("generation").await, "0 10 * * *|t|t");

    let mut kept = String::new();
    stage.rewrite(|text| {
        text.clone_into(&mut kept);
        text.replace("0 10 * * *", "0 25 * * *")
    });
    scheduler.line("stay as they were").await;
    assert!(
        scheduler.output().contains("hour `25` is not in 0-23"),
        "{}",
        scheduler.output()
    );
    assert_eq!(standing("generation").await, "0 10 * * *|t|t");
    // In the middle of being written.
    stage.rewrite(|text| text[..text.len() / 2].to_owned() + "[[[");
    scheduler.hang_up();
    scheduler.nth_line("stay as they were", 2).await;
    assert_eq!(standing("generation").await, "0 10 * * *|t|t");

    // Nothing is in it yet.
    stage.rewrite(|_| String::new());
    scheduler.nth_line("stay as they were", 3).await;
    assert!(
        scheduler.output().contains("they have no actors any more"),
        "{}",
        scheduler.output()
    );
    assert_eq!(standing("generation").await, "0 10 * * *|t|t");
    stage.rewrite(|_| kept.clone());
    // What others have changed in the database is put right when that is asked for.
    stage
        .database
        .execute("update botticelli.schedules set schedule = '0 11 * * *', enabled = false; delete from botticelli.schedules where name = 'posting'")
        .await;
    scheduler.hang_up();
    becomes("generation", "0 10 * * *").await;
    becomes("posting", "manual").await;
    assert_eq!(standing("generation").await, "0 10 * * *|t|t");

    // Another actor instead, and what is asked for comes at once.
    stage.rewrite(|_| {
        "[actors.other]\nkind = \"generation\"\nnarrative = \"narratives/discord/generation_carousel.toml\"\nnarrative_name = \"batch_generate\"\nschedule = [\"@daily\", \"except * * * * SUN\"]\n".to_owned()
    });
    scheduler.hang_up();
    becomes("other", "@daily; except * * * * SUN").await;
    assert_eq!(standing("generation").await, "0 10 * * *|f|f");
    let ticks = "select count(*) from botticelli.schedule_ticks";
    assert_eq!(stage.database.row(ticks).await, "0", "nothing was due");
}
