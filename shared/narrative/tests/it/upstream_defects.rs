//! The defects of upstream that were confirmed by running it, and do not happen here. Each test is called like the defect.
//!
//! | defect | shown by |
//! |---|---|
//! | 1. failed runs are recorded as successes | workers, `failing_runs`: a model that answers badly fails the run with its reason |
//! | 2. the breaker's state stays empty | workers, `breaker`: after its cool-down a run that works closes the breaker, and its neighbours |
//! | 3. stopping panics, the signal to end is not heard | cli, `stopping`: a worker that is asked to stop finishes the job in hand |
//! | 4. carousels are not played | here |
//! | 5. names in prompts are sent as they are written | here |
//! | 6. `where_clause` is dropped, unknown keys are accepted | here |
//! | 7. `history_retention` and `pull_and_delete` do nothing | here; content, `pulling` |
//! | 8. a file of one narrative does not load by its name | here |
//! | 9. shipped narratives do not parse | here, in `shipped_narratives` and `upstream_forms` |
//! | 10. tables cannot be read | here; content, `failures_of_upstream` |
//! | 11. inferred tables lose rows | content, `failures_of_upstream` |
//! | 12. files are searched for in the whole machine | here; media, `shelf` |
//! | 13. a lost connection is final, a failing command is none | here; llm, `contract::connections` |
//! | 14. variables in `channel_id` are not filled in | here; settings, `actors`: a channel that cannot be used is refused |
//! | 15. a variable and a reply in one argument fail | here |
//! | 16. cron is refused | schedule, `cron_meaning`: five fields are accepted |
//! | 17. a dry run checks nothing, the database's address is ignored, no start without a token | cli, `jobs`: `config check` tells what is wrong with every actor; `poolers`; `pipeline`, which has no token |

use std::{collections::BTreeMap, sync::Mutex};

use botticelli_llm::{ErrorClass, Media, MediaKind};
use botticelli_narrative::{ActFailure, Files, RunOptions, Surroundings, check, parse};
use serde_json::{Value, json};

use crate::{
    shipped_narratives::{CURATION, GENERATION, POSTING},
    stage::{Line, Stage, options},
};

/// Defect 4: three rounds of five composed narratives are fifteen, with the calls of each.
#[tokio::test]
async fn carousels_of_narratives_and_acts_are_ignored() {
    let text = "
[narrative.batch]
carousel = { iterations = 3 }
toc = ['one', 'two']
[narrative.post]
target = 'posts'
toc = ['draft', 'better']
[acts]
draft = 'Draft.'
one = { narrative = 'post' }
two = { narrative = 'post' }
[acts.better]
prompt = 'Better {{repetition}}.'
carousel = { iterations = 2 }
";
    let stage = Stage::saying(["said"; 18]);
    let run = stage.play_with(text, Some("batch"), &options(json!({}))).await.unwrap();
    assert_eq!((run.calls, run.outputs.len()), (18, 6));
    assert_eq!(stage.prompt(2), "Better 2.");
}

/// Defect 5.
#[tokio::test]
async fn names_in_prompts_are_sent_literally() {
    let text =
        "toc = ['idea', 'post']\n[narrative]\nname = 'n'\n[acts]\nidea = 'Idea?'\npost = 'Write about {{idea}}.'\n";
    let stage = Stage::saying(["tea", "done"]);
    stage.play(text).await.unwrap();
    assert_eq!(stage.prompt(1), "Write about tea.");
}

const TABLE: &str = "toc = ['a']\n[narrative]\nname = 'n'\n[acts]\na = 'tables.t'\n[tables.t]\ntable_name = 'posts'\nwhere_clause = \"review_status = 'pending'\"\n";

/// Defect 6.
#[tokio::test]
async fn where_clause_is_dropped() {
    let stage = Stage::default().rows("posts", json!([{"x": 1}]));
    stage.play(TABLE).await.unwrap();
    let filter = stage.queries.lock().unwrap()[0].filter.clone();
    assert_eq!(filter.to_string(), "review_status = 'pending'");
}

/// Defect 6.
#[test]
fn unknown_keys_are_accepted_everywhere() {
    for (right, wrong) in [
        ("name = 'n'", "name = 'n'\nbogus = 1"),
        ("[acts]", "[security.policy]\nx = 1\n[acts]"),
        ("a = 'tables.t'", "a = { input = ['tables.t'], bogus = 1 }"),
        ("a = 'tables.t'", "a = [{ ref = 'tables.t', bogus = 1 }]"),
        ("where_clause", "whereclause"),
    ] {
        let text = TABLE.replace(right, wrong);
        let refusal = parse("n.toml", &text).unwrap_err().to_string();
        assert!(refusal.contains("unknown key `"), "{refusal}");
    }
}

/// Defect 7.
#[tokio::test]
async fn history_retention_has_no_effect_and_nothing_is_ever_pulled() {
    let text = "
toc = ['a', 'b']
[narrative]
name = 'n'
[acts]
b = 'And?'
[acts.a]
input = [{ type = 'table', table_name = 'posts', format = 'text', history_retention = 'drop', pull_and_delete = true }, 'Judge.']
";
    let stage = Stage::saying(["good", "done"]).rows("posts", json!([{"x": "PAYLOAD"}]));
    stage.play(text).await.unwrap();
    assert_eq!(
        stage.conversations(),
        ["User: PAYLOAD\n\nJudge.", "User: Judge.\nAssistant: good\nUser: And?"]
    );
    assert!(stage.queries.lock().unwrap().iter().all(|query| query.pull));
}

/// Defect 8.
#[test]
fn a_file_of_one_narrative_does_not_load_by_the_right_name() {
    let file = parse(
        "poster.toml",
        "toc = ['a']\n[narrative]\nname = 'poster'\n[acts]\na = 'A'\n",
    )
    .unwrap();
    assert_eq!(file.narrative(Some("poster")).unwrap().name(), "poster");
    assert_eq!(file.narrative(None).unwrap().name(), "poster");
}

/// Defect 9.
#[test]
fn shipped_narratives_do_not_parse() {
    for text in [GENERATION, CURATION, POSTING] {
        parse("shipped.toml", text).unwrap();
    }
}

/// Defect 10.
#[tokio::test]
async fn reads_of_tables_always_fail() {
    let stage = Stage::default().rows("posts", json!([{"text_content": "Tea."}]));
    let run = stage.play(TABLE).await.unwrap();
    assert_eq!(run.outputs[0].text, r#"[{"text_content":"Tea."}]"#);
}

/// Remembers what it was asked for, and has nothing.
#[derive(Default)]
struct Asked(Mutex<Vec<String>>);

impl Files for Asked {
    fn text(&self, name: &str) -> Result<String, String> {
        self.0.lock().unwrap().push(name.to_owned());
        Err(format!("there is no file `{name}`"))
    }

    fn media(&self, name: &str, _: Option<MediaKind>, _: Option<&str>) -> Result<Media, String> {
        Err(format!("there is no file `{name}`"))
    }

    fn decoded(&self, _: &str, _: Option<MediaKind>, _: Option<&str>) -> Result<Media, String> {
        Err("there is nothing".to_owned())
    }
}

/// Defect 12: a file is asked for by its name, once, when the narrative is checked.
#[test]
fn a_context_file_is_searched_for_in_the_whole_machine() {
    let text = "toc = ['a']\n[narrative]\nname = 'n'\n[acts]\na = [{ file = 'CONTEXT.md' }, 'Write.']\n";
    let files = Asked::default();
    let surroundings = Surroundings {
        files: Some(&files),
        ..Surroundings::default()
    };
    let report = check("n.toml", text, &surroundings);
    let said: Vec<String> = report.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["`n.toml`:5:15: there is no file `CONTEXT.md`"]);
    assert_eq!(*files.0.lock().unwrap(), ["CONTEXT.md"]);
}

/// Defect 13: it leaves the others of a carousel alone, and can be repeated.
#[tokio::test]
async fn a_lost_connection_is_permanent() {
    let text = "toc = ['a']\n[narrative]\nname = 'n'\ncarousel = { iterations = 2, continue_on_error = true }\n[acts]\na = 'A'\n";
    let stage = Stage::with([Line::FailAs(ErrorClass::Transport), Line::Say("here")]);
    let run = stage.play(text).await.unwrap();
    assert_eq!((run.acts_failed, run.outputs[0].text.as_str()), (1, "here"));
    let stage = Stage::with([Line::FailAs(ErrorClass::Transport)]);
    let error = stage
        .play(&text.replace("continue_on_error = true", ""))
        .await
        .unwrap_err();
    assert!(error.llm_error().unwrap().class.is_transient());
}

const SEND: &str = "
toc = ['make', 'send']
[narrative]
name = 'n'
[bots.make]
platform = 'discord'
command = 'channels.create'
[bots.send]
platform = 'discord'
command = 'messages.send'
required = true
channel_id = 'CHANNEL'
[acts]
make = 'bots.make'
send = 'bots.send'
";

fn with_channel() -> Stage {
    let mut stage = Stage::default();
    stage.world.answers.insert("channels.create", json!({"id": "42"}));
    stage
}

fn with_variable(name: &str) -> RunOptions {
    RunOptions {
        environment: BTreeMap::from([(name.to_owned(), "7".to_owned())]),
        ..options(json!({}))
    }
}

/// Defect 13.
#[tokio::test]
async fn a_command_of_a_bot_that_fails_does_not_fail_the_run() {
    let error = with_channel().play(SEND).await.unwrap_err();
    let failure = error.failure().unwrap();
    assert!(matches!(failure, ActFailure::Command { .. }), "{failure}");
}

/// The `channel_id` that a message was sent to.
async fn sent_to(written: &str, options: &RunOptions) -> Value {
    let mut stage = with_channel();
    stage.world.answers.insert("messages.send", json!({"id": "m1"}));
    stage
        .play_with(&SEND.replace("CHANNEL", written), None, options)
        .await
        .unwrap();
    let calls = stage.world.calls.lock().unwrap();
    calls[1].args["channel_id"].clone()
}

/// Defect 14.
#[tokio::test]
async fn a_channel_in_a_variable_is_not_filled_in() {
    let options = with_variable("DISCORD_CHANNEL_ID");
    assert_eq!(sent_to("${DISCORD_CHANNEL_ID}", &options).await, "7");
    assert_eq!(sent_to("${env:DISCORD_CHANNEL_ID}", &options).await, "7");
}

/// Defect 14: what is not set is never sent as it is written.
#[tokio::test]
async fn a_channel_in_a_variable_that_is_not_set_is_accepted() {
    let stage = with_channel();
    let text = SEND.replace("CHANNEL", "${DISCORD_CHANNEL_ID}");
    let error = stage.play(&text).await.unwrap_err();
    assert!(matches!(error.failure(), Some(ActFailure::Template(_))), "{error:?}");
    assert_eq!(stage.world.calls.lock().unwrap().len(), 1);
    // Where the variables are known, it is refused before.
    let environment = BTreeMap::new();
    let surroundings = Surroundings {
        environment: Some(&environment),
        ..Surroundings::default()
    };
    assert!(check("n.toml", &text, &surroundings).file.is_none());
}

/// Defect 15.
#[tokio::test]
async fn a_variable_and_a_reply_in_one_argument_fail() {
    assert_eq!(sent_to("${GUILD}-${make.id}", &with_variable("GUILD")).await, "7-42");
}
