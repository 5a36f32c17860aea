//! `botticelli narrative check`: every remark with its line, for people and for editors.

use std::os::unix::fs::symlink;

use botticelli_testkit::database;
use serde_json::json;

use crate::studio::Studio;

const TIP: &str = "toc = [\"idea\", \"post\"]
[narrative]
name = \"tip\"
description = \"Advice\"
[acts]
idea = \"Name a habit.\"
post = \"Write about {{ idea }}.\"
";

/// Two errors and a warning.
const WRONG: &str = "toc = [\"idea\", \"pots\"]
[narrative]
name = \"tip\"
description = \"Advice\"
modle = \"x\"
[acts]
idea = \"Name a habit.\"
post = \"Write about {{ idea }}.\"
";

#[tokio::test]
async fn every_remark_is_printed_with_its_line_and_its_way_out() {
    let studio = Studio::with(&[("n.toml", WRONG)]);
    let said = studio.narrative(&["check", "n.toml"]).await.ended(1);
    assert_eq!(said.stdout, "");
    let expected = "[unknown-act] Error: unknown act `pots`
   ╭─[ n.toml:1:16 ]
   │
 1 │ toc = [\"idea\", \"pots\"]
   │                ───┬──
   │                   ╰──── did you mean `post`?
───╯
[unknown-key] Error: unknown key `modle`; did you mean `model`?
   ╭─[ n.toml:5:1 ]
   │
 5 │ modle = \"x\"
   │ ──┬──
   │   ╰──── here
───╯
[unused] Warning: no narrative plays act `post`
   ╭─[ n.toml:8:1 ]
   │
 8 │ post = \"Write about {{ idea }}.\"
   │ ──┬─
   │   ╰─── name it in a `toc` or leave it out
───╯
1 file, 1 narrative: 2 errors, 1 warning
";
    let trimmed: Vec<&str> = said.stderr.lines().map(str::trim_end).collect();
    assert_eq!(trimmed, expected.lines().collect::<Vec<_>>());
}

#[tokio::test]
async fn editors_get_the_remarks_as_json_and_nothing_else() {
    let studio = Studio::with(&[("n.toml", WRONG), ("fine.toml", TIP)]);
    let said = studio.narrative(&["check", "--json", "n.toml"]).await.ended(1);
    assert_eq!(said.stderr, "");
    let found = said.json();
    assert_eq!(
        found[0],
        json!({
            "file": "n.toml", "line": 1, "column": 16, "severity": "error", "code": "unknown-act",
            "message": "unknown act `pots`", "help": "did you mean `post`?",
        })
    );
    assert_eq!(
        (&found[1]["line"], &found[1]["code"]),
        (&json!(5), &json!("unknown-key"))
    );
    assert_eq!(
        (&found[2]["severity"], found.as_array().unwrap().len()),
        (&json!("warning"), 3)
    );

    let said = studio.narrative(&["check", "--json", "fine.toml"]).await.ended(0);
    assert_eq!(said.json(), json!([]));
    let said = studio.narrative(&["check", "--json", "none.toml"]).await.ended(1);
    assert_eq!(said.json()[0]["code"], "unreadable");
}

#[tokio::test]
async fn a_directory_is_checked_with_all_that_is_below_it_and_links_lead_to_no_circle() {
    let studio = Studio::with(&[
        ("all/tip.toml", TIP),
        ("all/deep/er/n.toml", WRONG),
        ("all/settings.toml", "[server]\napi_port = 1\n"),
        ("all/.hidden/n.toml", "nonsense"),
        ("all/note.txt", "nonsense"),
    ]);
    symlink("..", studio.path("all/deep/up")).unwrap();
    symlink("tip.toml", studio.path("all/linked.toml")).unwrap();
    let said = studio.narrative(&["check", "all"]).await.ended(1);
    assert!(said.stderr.contains("all/deep/er/n.toml:1:16"), "{}", said.stderr);
    assert_eq!(
        said.stderr.lines().last(),
        Some("3 files, 3 narratives (1 other file without narratives): 2 errors, 1 warning")
    );

    studio.write("empty/note.txt", "");
    let said = studio.narrative(&["check", "empty"]).await.ended(1);
    assert!(
        said.stderr.contains("there is no narrative file in directory `empty`"),
        "{}",
        said.stderr
    );
}

#[tokio::test]
async fn what_is_not_toml_is_a_remark_of_the_file_and_not_the_end() {
    let studio = Studio::with(&[("a.toml", "[narrative\n"), ("b.toml", TIP)]);
    let said = studio.narrative(&["check", "."]).await.ended(1);
    assert!(said.stderr.contains("[syntax] Error"), "{}", said.stderr);
    assert!(
        said.stderr.ends_with("2 files, 1 narrative: 1 error\n"),
        "{}",
        said.stderr
    );
}

#[tokio::test]
async fn warnings_count_where_they_are_denied() {
    let unused = format!("{TIP}extra = \"Nobody plays this.\"\n");
    let studio = Studio::with(&[("n.toml", &unused)]);
    let said = studio.narrative(&["check", "n.toml"]).await.ended(0);
    assert_eq!(said.stdout, "1 file, 1 narrative: 1 warning\n");
    assert!(said.stderr.contains("[unused] Warning"), "{}", said.stderr);
    let said = studio.narrative(&["check", "--deny-warnings", "n.toml"]).await.ended(1);
    assert!(
        said.stderr.ends_with("1 file, 1 narrative: 1 warning\n"),
        "{}",
        said.stderr
    );
}

#[tokio::test]
async fn files_are_found_beside_the_narrative_and_below_the_root() {
    let outer = "[narrative.outer]\ntoc = [\"inner\"]\n[narrative.outer.acts.inner]\nnarrative = \"narrative:shared/tip.toml\"\n";
    let studio = Studio::with(&[("own/n.toml", outer), ("root/shared/tip.toml", WRONG)]);
    let said = studio.narrative(&["check", "own/n.toml"]).await.ended(1);
    assert!(
        said.stderr.contains("there is no file `shared/tip.toml`"),
        "{}",
        said.stderr
    );

    // What is wrong in the other file is shown with its place there, and once.
    let said = studio
        .narrative(&["check", "own", "root", "--root", "root"])
        .await
        .ended(1);
    assert!(said.stderr.contains("root/shared/tip.toml:1:16"), "{}", said.stderr);
    assert_eq!(said.stderr.matches("unknown act `pots`").count(), 1, "{}", said.stderr);

    studio.write("root/shared/tip.toml", TIP);
    studio.write("botticelli.toml", "[narratives]\nroot = \"root\"\n");
    studio.narrative(&["check", "own/n.toml"]).await.ended(0);
}

#[tokio::test]
async fn a_variable_is_only_known_where_it_is_allowed() {
    let text = TIP.replace("Name a habit.", "Name a habit for ${env:COMMUNITY}.");
    let studio = Studio::with(&[("n.toml", &text)]);
    let said = studio.narrative(&["check", "n.toml"]).await.ended(1);
    assert!(
        said.stderr.contains("may not use the variable `COMMUNITY`"),
        "{}",
        said.stderr
    );
    let args = ["check", "n.toml", "--env", "COMMUNITY"];
    let said = studio.narrative(&args).await.ended(0);
    assert!(said.stderr.contains("`COMMUNITY` is not set"), "{}", said.stderr);
    let said = studio
        .narrative_with(&args, &[("COMMUNITY", "gardeners")])
        .await
        .ended(0);
    assert_eq!(
        (said.stdout.as_str(), said.stderr.as_str()),
        ("1 file, 1 narrative: no remarks\n", "")
    );
}

#[tokio::test]
async fn commands_are_checked_against_the_catalogue() {
    let text = TIP.replace(
        "[acts]",
        "[bots.last]\nplatform = \"discord\"\ncommand = \"messages.lst\"\nchannel_id = 7\n[acts]",
    );
    let text = text
        .replace("toc = [", "toc = [\"look\", ")
        .replace("idea =", "look = \"bots.last\"\nidea =");
    let studio = Studio::with(&[("n.toml", &text)]);
    let said = studio.narrative(&["check", "n.toml"]).await.ended(1);
    assert!(said.stderr.contains("n.toml:7:11"), "{}", said.stderr);
    assert!(said.stderr.contains("did you mean `messages.list`?"), "{}", said.stderr);
}

#[tokio::test]
async fn tables_are_checked_where_a_database_is_at_hand() {
    let text = format!(
        "{TIP}look = {{ input = [{{ type = \"table\", table_name = \"approved_posts\", columns = [\"txt_content\"], where = \"scroe > 1\" }}] }}\n\
         look_later = {{ input = [{{ type = \"table\", table_name = \"tips\" }}] }}\n"
    );
    let text = text.replace("toc = [", "toc = [\"look\", \"look_later\", ");
    let studio = Studio::with(&[("n.toml", &text)]);
    studio.narrative(&["check", "n.toml"]).await.ended(0);

    let database = database().await;
    let studio = studio.on(&database.url);
    let said = studio.narrative(&["check", "--json", "n.toml"]).await.ended(1);
    let found = said.json();
    let found: Vec<(&str, &str)> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|remark| {
            (
                remark["severity"].as_str().unwrap(),
                remark["message"].as_str().unwrap(),
            )
        })
        .collect();
    let [(_, columns), (_, filter), (severity, table)] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert!(
        columns.contains("txt_content") && columns.contains("text_content"),
        "{columns}"
    );
    assert!(filter.contains("scroe"), "{filter}");
    assert!(*severity == "warning" && table.contains("tips"), "{table}");
    studio.narrative(&["check", "--no-database", "n.toml"]).await.ended(0);

    // One that is configured and does not answer is not passed over in silence.
    let studio = studio.on("postgres://nobody@127.0.0.1:1/nothing");
    let said = studio.narrative(&["check", "n.toml"]).await.ended(0);
    assert!(said.stdout.ends_with(": 1 warning\n"), "{}", said.stdout);
    assert!(
        said.stderr.contains("tables are not looked at, because the database"),
        "{}",
        said.stderr
    );
    studio.narrative(&["check", "--deny-warnings", "n.toml"]).await.ended(1);
}

/// A misspelt key, two acts with mistakes of which one hides behind the other, and models and tables beside and in them.
const ALL_AT_ONCE: &str = "toc = [\"idea\", \"pots\", \"post\"]
[narrative]
name = \"tip\"
descripton = \"Advice\"
[acts.idea]
prompt = \"Name a habit.\"
schema = { type = \"strng\" }
provider = \"nobody\"
fallback = [\"own/\", \"house/llama\"]
[acts.post]
prompt = \"Write about {{ thought }}.\"
input = [{ type = \"table\", table_name = \"approved_posts\", columns = [\"id\", \"txt\"], order_by = \"scroe\" }]
";

#[tokio::test]
async fn mistakes_in_models_and_tables_are_told_beside_all_others_and_where_they_are_written() {
    let settings = "[llm]\nbackend = \"own\"\n[providers.own]\nwire = \"ollama\"\nmodel = \"m\"\nmodels = [\"m\"]\n";
    let studio = Studio::with(&[("n.toml", ALL_AT_ONCE), ("botticelli.toml", settings)]);
    let database = database().await;
    let studio = studio.on(&database.url);
    let said = studio.narrative(&["check", "--json", "n.toml"]).await.ended(1);
    let found = said.json();
    let found: Vec<(u64, u64, &str)> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|remark| {
            (
                remark["line"].as_u64().unwrap(),
                remark["column"].as_u64().unwrap(),
                remark["code"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        (1, 16, "unknown-act"),
        (4, 1, "unknown-key"),
        (7, 10, "schema"),
        (8, 12, "model"),
        (9, 21, "model"),
        (11, 26, "template"),
        (12, 76, "table"),
        (12, 95, "table"),
    ];
    assert_eq!(found, expected, "{}", said.stdout);
}

#[tokio::test]
async fn the_check_of_the_settings_says_everything_that_is_wrong_with_narratives() {
    let studio = Studio::with(&[
        ("n.toml", WRONG),
        (
            "botticelli.toml",
            "[llm]\nbackend = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"m\"\n\
             [actors.say]\nkind = \"narrative\"\nnarrative = \"n.toml\"\nnarrative_name = \"tip\"\n",
        ),
    ]);
    let said = studio.run(&["config", "check"], &[]).await.ended(1);
    for part in ["n.toml`:1:16: unknown act `pots`", "n.toml`:5:1: unknown key `modle`"] {
        assert!(said.stderr.contains(part), "{}", said.stderr);
    }
}

#[tokio::test]
async fn the_schema_for_editors_is_the_shipped_one() {
    let said = Studio::with(&[]).narrative(&["schema"]).await.ended(0);
    let shipped = include_str!("../../../config/narratives/narrative.schema.json");
    assert_eq!(said.stdout, shipped);
}
