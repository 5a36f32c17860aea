//! `botticelli narrative test`: what replies must be, from recordings and from models.

use serde_json::json;

use crate::studio::Studio;

const TIP: &str = "toc = [\"idea\", \"post\"]
[narrative]
name = \"tip\"
description = \"Advice\"
[acts.idea]
prompt = \"Name a habit for {{ args.who | default('people') }}.\"
extract_output = true
[acts.post]
schema = \"schemas.post\"
prompt = \"Write about {{ idea.json.habit }}.\"
[schemas.post]
type = \"object\"
required = [\"body\"]
properties.body = { type = \"string\" }
";

const IDEA: &str = r#"{"habit": "tea"}"#;
const POST: &str = r#"{"body": "Drink tea. It warms."}"#;

#[tokio::test]
async fn tests_that_pass_are_listed_and_counted() {
    let tests = r#"
narrative = "../tip.toml"

[[test]]
name = "a post is short and about the idea"
expect = [
  { act = "idea", json_path = "$.habit", equals = "tea" },
  { act = "post", contains = ["tea", "warms"], not_contains = "coffee", min_chars = 10, max_chars = 40 },
  { act = "post", schema = "valid" },
  { matches = '^\{"body": "[A-Z]', json_path = "body", similar_to = '{"body": "Drink tea. It warms you."}' },
  { schema = { type = "object", required = ["body"], properties = { body = { maxLength = 30 } } } },
]
"#;
    let studio = Studio::with(&[("tip.toml", TIP), ("tests/tip.toml", tests)]).saying(&[IDEA, POST]);
    let said = studio.narrative(&["test", "tests/tip.toml"]).await.ended(0);
    assert_eq!(
        said.stdout,
        "PASS tests/tip.toml: a post is short and about the idea (2 acts, 22 tokens)\n1 test: 1 passed, 0 failed\n"
    );
}

#[tokio::test]
async fn a_test_keeps_to_what_its_narrative_may_spend() {
    let tests = "[[test]]\nname = \"dear\"\nnarrative = \"tip.toml\"\nfails = \"the `spend` of the run is 1 calls\"\n";
    let text = TIP.replace(
        "description = \"Advice\"",
        "description = \"Advice\"\nspend = { calls = 1 }",
    );
    let studio = Studio::with(&[("tip.toml", &text), ("t.toml", tests)]).saying(&[IDEA, POST]);
    studio.narrative(&["test", "t.toml"]).await.ended(0);
}

#[tokio::test]
async fn a_test_that_fails_says_which_reply_and_why() {
    let tests = r#"
[[test]]
name = "all wrong"
narrative = "tip.toml"
narrative_name = "tip"
expect = [
  { act = "post", contains = "coffee", max_chars = 5 },
  { act = "pots", contains = "x" },
  { json_path = "$.title" },
]
[[test]]
name = "needs nothing"
narrative = "tip.toml"
[[test]]
name = "does not fail"
narrative = "tip.toml"
fails = "no line left"
"#;
    let studio = Studio::with(&[("tip.toml", TIP), ("t.toml", tests)]).saying(&[IDEA, POST]);
    let said = studio.narrative(&["test", "t.toml"]).await.ended(1);
    assert_eq!(said.stderr, "");
    assert_eq!(
        said.stdout,
        format!(
            "FAIL t.toml: all wrong
     `1/post` does not contain `coffee`
     | {POST}
     `1/post` has 32 characters, more than 5
     | {POST}
     the narrative has no act `pots`; did you mean `post`?
     `post` has no `$.title`
     | {POST}
PASS t.toml: needs nothing (2 acts, 22 tokens)
FAIL t.toml: does not fail
     the run should have failed with `no line left`
3 tests: 1 passed, 2 failed
"
        )
    );
    let said = studio
        .narrative(&["test", "t.toml", "--json", "--only", "wrong"])
        .await
        .ended(1);
    let results = said.json();
    assert_eq!(results.as_array().unwrap().len(), 1);
    assert_eq!(
        results[0]["failures"][0],
        json!({"step": "1/post", "why": "does not contain `coffee`", "reply": POST})
    );
    assert_eq!(
        (&results[0]["passed"], &results[0]["calls"]),
        (&json!(false), &json!(2))
    );
}

#[tokio::test]
async fn a_test_replays_its_recording_and_makes_it_when_asked() {
    let tests = r#"
narrative = "tip.toml"
replay = "recordings.jsonl"
[[test]]
name = "bakers"
args = { who = "bakers" }
expect = [{ act = "post", contains = "tea", judge = { prompt = "Is it kind?", at_least = 6 } }]
[[test]]
name = "cooks"
args = { who = "cooks" }
"#;
    let verdict = r#"{"score": 6, "reason": "It is."}"#;
    let studio = Studio::with(&[("tip.toml", TIP), ("t.toml", tests)]).saying(&[IDEA, POST, verdict, IDEA, POST]);
    let said = studio.narrative(&["test", "t.toml"]).await.ended(1);
    assert!(
        said.stdout.contains("recording `recordings.jsonl` cannot be read"),
        "{}",
        said.stdout
    );

    studio.narrative(&["test", "t.toml", "--record"]).await.ended(0);
    let recording = studio.read("recordings.jsonl");
    assert_eq!(recording.lines().count(), 5);
    assert!(recording.contains("judge of 1/post"), "{recording}");

    studio.write(
        "botticelli.toml",
        "[llm]\nbackend = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"m\"\n",
    );
    let said = studio.narrative(&["test", "t.toml"]).await.ended(0);
    assert!(
        said.stdout.ends_with("2 tests: 2 passed, 0 failed\n"),
        "{}",
        said.stdout
    );

    // A prompt that was changed since is told apart from one that was not.
    studio.write("tip.toml", &TIP.replace("Name a habit", "Name a custom"));
    let said = studio.narrative(&["test", "t.toml"]).await.ended(1);
    assert!(
        said.stdout
            .contains("has `Name a habit for bakers.`, and has `Name a custom for bakers.` now"),
        "{}",
        said.stdout
    );
}

#[tokio::test]
async fn a_judge_gives_a_score_and_its_reason() {
    let tests = r#"
narrative = "tip.toml"
[[test]]
name = "kind"
expect = [{ act = "post", judge = { prompt = "Is it kind?", at_least = 8 } }]
"#;
    let verdict = r#"{"score": 3, "reason": "It gives orders."}"#;
    let studio = Studio::with(&[("tip.toml", TIP), ("t.toml", tests)]).saying(&[IDEA, POST, verdict]);
    let said = studio.narrative(&["test", "t.toml"]).await.ended(1);
    let expected = "`1/post` the judge gives 3 of 10, less than 8, to `Is it kind?`: It gives orders.";
    assert!(said.stdout.contains(expected), "{}", said.stdout);
}

#[tokio::test]
async fn a_test_brings_its_own_tables_commands_state_and_variables() {
    let narrative = r#"
[narrative.look]
toc = ["channel", "write"]
[bots.channel]
platform = "discord"
command = "channels.get_or_create"
guild_id = "7"
name = "news"
required = true
[acts]
channel = "bots.channel"
[acts.write]
input = [
  { type = "table", table_name = "approved_posts", columns = ["text_content"], format = "text" },
  "In ${channel.id} for ${env:WHO}, after ${state:last}.",
]
"#;
    let tests = r#"
narrative = "look.toml"
[[test]]
name = "whole"
env = { WHO = "bakers" }
state = { last = "rain" }
tables.approved_posts = [{ text_content = "Hello", id = 1 }]
commands."channels.get_or_create" = { id = "42" }
expect = [{ act = "channel", equals = { id = "42" } }, { equals = "Fine." }]
[[test]]
name = "without its command"
env = { WHO = "bakers" }
state = { last = "rain" }
tables.approved_posts = [{ text_content = "Hello" }]
fails = "the test has no answer of command `channels.get_or_create`"
[[test]]
name = "without its rows"
env = { WHO = "bakers" }
state = { last = "rain" }
commands."channels.get_or_create" = { id = "42" }
fails = "the test has no rows for table `approved_posts`"
"#;
    let studio = Studio::with(&[("look.toml", narrative), ("t.toml", tests)]).saying(&["Fine."]);
    let said = studio.narrative(&["test", "t.toml"]).await.ended(0);
    assert!(
        said.stdout.ends_with("3 tests: 3 passed, 0 failed\n"),
        "{}",
        said.stdout
    );
}

#[tokio::test]
async fn what_is_wrong_in_a_file_of_tests_is_said_with_its_place() {
    let tests = r#"
[[test]]
name = "a"
narrative = "tip.toml"
expect = [
  { matches = "(" },
  { act = "post" },
  { judge = { prompt = "Is it?", at_least = 11 } },
  { json_path = "$.a..b" },
  { schema = "vaild" },
]
[[test]]
name = "a"
"#;
    let studio = Studio::with(&[("t.toml", tests)]);
    let said = studio.narrative(&["test", "t.toml"]).await.ended(1);
    let lines: Vec<&str> = said.stderr.lines().collect();
    for (line, part) in lines.iter().zip([
        "error: `t.toml`:6:15: `matches` is no regular expression: unclosed group",
        "`t.toml`:7:3: nothing is expected here",
        "`t.toml`:8:3: `at_least` of a judge is a score from 1 to 10",
        "`t.toml`:9:17: `$.a..b` is not a path",
        "`t.toml`:10:3: `schema` is \"valid\"",
        "`t.toml`:13:8: there are two tests `a`",
        "`t.toml`:13:8: test `a` has no `narrative`",
    ]) {
        assert!(line.contains(part), "{part}:\n{}", said.stderr);
    }

    studio.write("t.toml", "[[test]]\nname = \"a\"\nnarative = \"tip.toml\"\n");
    let said = studio.narrative(&["test", "t.toml"]).await.ended(1);
    assert_eq!(
        said.stderr,
        "error: `t.toml`:3:1: unknown key `narative`; did you mean `narrative`?\n"
    );
    studio.write("t.toml", "narrative = \"tip.toml\"\n");
    let said = studio.narrative(&["test", "t.toml"]).await.ended(1);
    assert!(said.stderr.contains("has no test"), "{}", said.stderr);
}
