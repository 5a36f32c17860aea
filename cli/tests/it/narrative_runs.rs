//! `botticelli narrative run`: as it is, for programs, recorded, replayed, and without asking anybody.

use serde_json::json;

use crate::studio::Studio;

/// The second act uses a part of the first one's reply.
const TIP: &str = "toc = [\"idea\", \"post\"]
[narrative]
name = \"tip\"
description = \"Advice\"
temperature = 0.5
[acts.idea]
prompt = \"Name a habit for {{ args.who }}.\"
extract_output = true
[acts.post]
system = \"Be kind.\"
max_tokens = 50
prompt = \"Write about {{ idea.json.habit }}.\"
";

const IDEA: &str = r#"{"habit": "tea"}"#;

fn studio() -> Studio {
    Studio::with(&[("tip.toml", TIP)]).saying(&[IDEA, "Drink tea."])
}

#[tokio::test]
async fn each_reply_is_printed() {
    let said = studio()
        .narrative(&["run", "tip.toml", "--arg", "who=bakers"])
        .await
        .ended(0);
    assert_eq!(
        said.stdout,
        format!("== tip / idea (scripted, 2 tokens)\n{IDEA}\n\n== tip / post (scripted, 2 tokens)\nDrink tea.\n\n")
    );
}

#[tokio::test]
async fn a_program_gets_outputs_acts_and_what_they_took() {
    let studio = studio();
    let args = ["run", "tip.toml", "--arg", "who=bakers", "--json"];
    let outcome = studio.narrative(&args).await.ended(0).json();
    assert_eq!(outcome["error"], json!(null));
    assert_eq!(outcome["outputs"][0]["text"], "Drink tea.");
    let idea = &outcome["acts"][0];
    assert_eq!(
        (&idea["step"], &idea["json"]),
        (&json!("1/idea"), &json!({"habit": "tea"}))
    );
    assert_eq!(idea["prompt_hash"].as_str().unwrap().len(), 16);
    assert_eq!(outcome["acts"][1]["version"].as_str().unwrap().len(), 16);
    assert_eq!(
        (&outcome["calls"], &outcome["usage"]["output_tokens"]),
        (&json!(2), &json!(4))
    );

    // Of a run that fails programs get what was said until then.
    let studio = studio.saying(&[r#"{"habits": []}"#]);
    let said = studio.narrative(&args).await.ended(1);
    let outcome = said.json();
    assert!(outcome["error"].as_str().unwrap().contains("act 2 `post`"), "{outcome}");
    assert_eq!(outcome["acts"].as_array().unwrap().len(), 1);
    assert!(said.stderr.starts_with("error: act 2 `post`"), "{}", said.stderr);
}

#[tokio::test]
async fn a_dry_run_prints_every_prompt_and_asks_nobody() {
    let settings = "[llm]\nbackend = \"near\"\n[providers.near]\nwire = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"small\"\n\
                    [prices.\"near/large\"]\ninput = 2.0\noutput = 10.0\n";
    let text = TIP.replace("temperature = 0.5", "model = \"large\"\nprovider = \"near\"");
    let studio = Studio::with(&[("tip.toml", &text), ("botticelli.toml", settings)]);
    let args = ["run", "tip.toml", "--dry-run", "--arg", "who=bakers"];
    let said = studio.narrative(&args).await.ended(0);
    let versions = studio
        .narrative(&[&args[..], &["--json"]].concat())
        .await
        .ended(0)
        .json();
    let version = |act: usize| versions["acts"][act]["version"].as_str().unwrap().to_owned();
    assert_eq!(
        said.stdout,
        format!(
            "== 1/idea: act `idea` of narrative `tip`, version {}
asks provider `near` for model `large`, about 6 tokens in, 0.000012 USD without the answer
-- user
Name a habit for bakers.
-- in place of its reply
{{\"habit\":\"(habit)\"}}

== 1/post: act `post` of narrative `tip`, version {}
asks provider `near` for model `large`, about 18 tokens in, at most 50 out, 0.000036 USD to 0.000536 USD
-- system
Be kind.
-- user
Name a habit for bakers.
-- assistant
{{\"habit\":\"(habit)\"}}
-- user
Write about (habit).
-- in place of its reply
(reply of act `post`)

2 calls, about 24 tokens in, 0.000048 USD without the answers
",
            version(0),
            version(1)
        )
    );
    assert_eq!(
        versions["acts"][1]["request"]["messages"][2]["parts"][0],
        "Write about (habit)."
    );
    assert_eq!(versions["acts"][1]["most_cost_micro_usd"], 536);

    let with_reply = [&args[..], &["--reply", r#"idea={"habit": "rain"}"#]].concat();
    let said = studio.narrative(&with_reply).await.ended(0);
    assert!(said.stdout.contains("Write about rain."), "{}", said.stdout);
    let said = studio
        .narrative(&[&args[..], &["--reply", "idea={}"]].concat())
        .await
        .ended(1);
    assert!(said.stderr.contains("--reply ACT=TEXT"), "{}", said.stderr);
}

#[tokio::test]
async fn a_dry_run_runs_no_command_fetches_no_media_and_makes_up_what_it_cannot_read() {
    let text = r#"
[narrative.look]
toc = ["channel", "write", "more"]
[bots.channel]
platform = "discord"
command = "channels.get_or_create"
guild_id = "7"
name = "news"
[acts]
channel = "bots.channel"
[acts.write]
schema = "schemas.post"
input = [
  { ref = "bots.channel" },
  { type = "image", url = "http://127.0.0.1:9/cover.png" },
  { type = "table", table_name = "approved_posts", columns = ["text_content"] },
  "In ${channel.id}, after ${state:last}.",
]
[acts.more]
prompt = "{{ write.tags[0] }}"
[schemas.post]
type = "object"
required = ["body"]
properties.body = { type = "string" }
properties.tags = { type = "array", items = { type = "string" } }
"#;
    let studio = Studio::with(&[("look.toml", text)]);
    let said = studio.narrative(&["run", "look.toml", "--dry-run"]).await.ended(0);
    for part in [
        "-- would run `discord channels.get_or_create`\n{\"guild_id\":\"7\",\"name\":\"news\"}",
        "asks no model and brings\n{\"id\":\"(id)\"}",
        "[image: http://127.0.0.1:9/cover.png, not fetched]",
        "(text_content)",
        "In (id), after (state `last`).",
        "{\"body\":\"(body)\",\"tags\":[\"(tags)\"]}",
        "table `approved_posts` was not read",
    ] {
        assert!(said.stdout.contains(part), "{part}:\n{}", said.stdout);
    }
}

#[tokio::test]
async fn a_recording_answers_the_same_run_again_without_any_model() {
    let studio = studio();
    let args = ["run", "tip.toml", "--arg", "who=bakers"];
    let first = studio
        .narrative(&[&args[..], &["--record", "tip.jsonl"]].concat())
        .await
        .ended(0);
    let recording = studio.read("tip.jsonl");
    let lines: Vec<serde_json::Value> = recording
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (&lines[1]["step"], &lines[1]["reply"]["text"]),
        (&json!("1/post"), &json!("Drink tea."))
    );
    assert_eq!(lines[1]["provider"], "scripted");

    studio.write(
        "botticelli.toml",
        "[llm]\nbackend = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"m\"\n",
    );
    let again = studio
        .narrative(&[&args[..], &["--replay", "tip.jsonl"]].concat())
        .await
        .ended(0);
    assert_eq!(again.stdout, first.stdout);

    let other = ["run", "tip.toml", "--arg", "who=cooks", "--replay", "tip.jsonl"];
    let said = studio.narrative(&other).await.ended(1);
    for part in [
        "act 1 `idea` of narrative `tip` failed",
        "recording `tip.jsonl` has no answer to this request",
        "the nearest is that of step `1/idea` in line 1: message 1 has `Name a habit for bakers.`, and has `Name a habit for cooks.` now",
    ] {
        assert!(said.stderr.contains(part), "{}", said.stderr);
    }
}

#[tokio::test]
async fn what_contradicts_itself_on_the_command_line_is_refused() {
    let studio = studio();
    for args in [
        ["run", "tip.toml", "--dry-run", "--record", "r.jsonl"],
        ["run", "tip.toml", "--replay=r.jsonl", "--record", "r.jsonl"],
        ["run", "tip.toml", "--no-stream", "--reply", "idea=x"],
    ] {
        studio.narrative(&args).await.ended(2);
    }
    let said = studio
        .narrative(&["run", "tip.toml", "--replay", "none.jsonl"])
        .await
        .ended(1);
    assert!(
        said.stderr.contains("recording `none.jsonl` cannot be read"),
        "{}",
        said.stderr
    );
}

#[tokio::test]
async fn a_run_keeps_to_what_its_narrative_may_spend() {
    let may = |spend: &str| TIP.replace("temperature = 0.5", &format!("spend = {{ {spend} }}"));
    let run = ["run", "tip.toml", "--arg", "who=bakers"];
    let studio = Studio::with(&[("tip.toml", &may("calls = 2, tokens = 2000"))]).saying(&[IDEA, "Drink tea."]);
    studio.narrative(&run).await.ended(0);

    for (spend, way_out) in [
        (
            "calls = 1",
            "the `spend` of the run is 1 calls, of which 1 calls are used or held",
        ),
        (
            "tokens = 100",
            "the `spend` of the run is 100 tokens, of which 0 tokens are used or held",
        ),
    ] {
        let studio = Studio::with(&[("tip.toml", &may(spend))]).saying(&[IDEA, "Drink tea."]);
        let said = studio.narrative(&run).await.ended(1);
        assert!(!said.stdout.contains("post"), "{}", said.stdout);
        assert!(said.stderr.contains(way_out), "{}", said.stderr);
    }
}

#[tokio::test]
async fn a_run_whose_fallback_nobody_serves_does_not_begin() {
    let text = TIP.replace("temperature = 0.5", "fallback = [\"nobody/\"]");
    let studio = Studio::with(&[("tip.toml", &text)]).saying(&[IDEA, "Drink tea."]);
    let said = studio
        .narrative(&["run", "tip.toml", "--arg", "who=bakers"])
        .await
        .ended(1);
    assert_eq!(said.stdout, "");
    assert!(
        said.stderr.contains("`nobody") && said.stderr.contains("tip.toml"),
        "{}",
        said.stderr
    );
}
