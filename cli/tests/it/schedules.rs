//! `botticelli schedule`.

use std::path::PathBuf;

use botticelli_testkit::Process;

use crate::stage::command;

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
