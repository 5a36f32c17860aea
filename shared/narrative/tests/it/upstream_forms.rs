//! The forms in which upstream's own files are written: those that mean something load, the others are refused with what to
//! write. Each document here is the smallest of its form.

use std::collections::BTreeMap;

use botticelli_narrative::{Report, Severity, Surroundings, check};
use serde_json::json;

use crate::{
    json_schema::must_accept,
    stage::{Stage, options},
    surroundings::Shelf,
};

fn report(text: &str) -> Report {
    let files = Shelf(BTreeMap::from([
        ("CONTEXT.md", "# Our server"),
        (
            "faq_generation.toml",
            "[narrative]\nname = 'faq'\n[toc]\norder = ['ask']\n[acts]\nask = 'Ask.'\n",
        ),
    ]));
    let environment = BTreeMap::from([("TEST_GUILD_ID".to_owned(), Some("1".to_owned()))]);
    let surroundings = Surroundings {
        files: Some(&files),
        commands: None,
        environment: Some(&environment),
    };
    check("n.toml", text, &surroundings)
}

/// Checks that nothing at all is said about a document.
fn loads(text: &str) {
    let report = report(text);
    assert_eq!(report.diagnostics, [], "{text}");
    must_accept(text);
}

/// Checks everything that is said about a document that is refused.
fn refused(text: &str, expected: &[&str]) {
    let report = report(text);
    assert!(report.file.is_none(), "{text}");
    let said: Vec<String> = report.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(said, expected, "{text}");
}

#[test]
fn one_narrative_with_its_order_in_a_table_and_structured_inputs() {
    loads(
        r#"
[narrative]
name = "welcome_messages"
description = "Writes welcome messages."
template = "welcome_messages"
[narrative.carousel]
iterations = 3
estimated_tokens_per_iteration = 500
continue_on_error = true
[toc]
order = ["generate_batch", "refine_best"]
[acts]
refine_best = "Refine the best of them."
[acts.generate_batch]
model = "gemini-2.5-flash-lite"
temperature = 0.8
max_tokens = 4000
[[acts.generate_batch.input]]
type = "text"
content = """
Answer with a JSON array: [{ "title": "…", "tone": "casual" }]
"""
"#,
    );
}

#[test]
fn media_by_address_with_their_types() {
    loads(
        r#"
toc = ["look", "listen", "read"]
[narrative]
name = "showcase"
[acts]
look = ["Look.", { type = "image", mime = "image/png", url = "https://example.com/a.png" }]
listen = ["Listen.", { type = "audio", mime = "audio/mp3", url = "https://example.com/a.mp3" }]
[acts.read]
[[acts.read.input]]
type = "text"
content = "Read."
[[acts.read.input]]
type = "document"
mime = "application/pdf"
url = "https://example.com/plan.pdf"
filename = "plan.pdf"
"#,
    );
}

#[test]
fn a_text_file_that_stands_beside_the_narrative() {
    loads(
        "toc = ['post']\n[narrative]\nname = 'posts'\n[media.context]\nfile = 'CONTEXT.md'\n[acts]\npost = ['media.context', { type = 'text', file = 'CONTEXT.md' }, 'Write a post.']\n",
    );
    refused(
        "toc = ['look']\n[narrative]\nname = 'n'\n[media.picture]\nfile = './test.png'\n[acts]\nlook = ['media.picture', 'Look.']\n",
        &["`n.toml`:5:8: there is no file `./test.png`"],
    );
}

const POSTER: &str = r#"
[narrative]
name = "poster"
skip_content_generation = true
[toc]
order = ["get_channel", "extract", "send", "mark"]
[bots.get_channel]
platform = "discord"
command = "channels.get_or_create"
guild_id = "${TEST_GUILD_ID}"
name = "news"
[tables.next_post]
table_name = "approved_discord_posts"
where_clause = "review_status = 'pending'"
order_by = "generated_at ASC"
limit = 1
format = "markdown"
[bots.send]
platform = "discord"
command = "messages.send"
channel_id = "${get_channel.id}"
content = "{{extract}}"
[bots.mark]
platform = "database"
command = "update_table"
table_name = "approved_discord_posts"
where_clause = "review_status = 'pending'"
limit = 1
[bots.mark.updates]
review_status = "posted"
[acts]
get_channel = ["bots.get_channel"]
extract = ["tables.next_post", "Answer with its text only."]
send = ["bots.send"]
mark = "bots.mark"
"#;

#[test]
fn commands_that_use_replies_parts_of_answers_and_the_environment() {
    loads(POSTER);
}

#[test]
fn variables_of_the_environment_that_are_not_allowed() {
    refused(
        &POSTER.replace("TEST_GUILD_ID", "GUILD_ID"),
        &[
            "`n.toml`:10:15: narratives may not use the variable `GUILD_ID` of the environment; name it in `[narratives] env` of the settings",
        ],
    );
}

#[test]
fn nested_arguments_of_a_command_and_parts_of_its_answer_in_the_state() {
    loads(
        r#"
[narrative]
name = "channel_create_setup"
skip_content_generation = true
[toc]
order = ["create_channel"]
[acts.create_channel]
[[acts.create_channel.input]]
type = "bot_command"
platform = "discord"
command = "channels.create"
required = true
[acts.create_channel.input.args]
guild_id = "${env:TEST_GUILD_ID}"
name = "botticelli-write-test"
kind = "text"
[acts.create_channel.state_capture]
channel_id = "$.channel_id"
"#,
    );
    for key in [
        "${state:channel_id}",
        "${state:discord.channels.create.id}",
        "${STATE:TEST_CHANNEL_ID}",
    ] {
        let text = "
toc = ['delete']
[narrative]
name = 'cleanup'
[[acts.delete.input]]
type = 'bot_command'
platform = 'discord'
command = 'channels.delete'
[acts.delete.input.args]
guild_id = '${env:TEST_GUILD_ID}'
channel_id = 'KEY'
";
        loads(&text.replace("KEY", key));
    }
}

#[test]
fn a_table_written_in_the_input_that_is_taken_from_and_forgotten() {
    loads(
        r#"
toc = ["analyze", "select"]
[narrative]
name = "curate"
target = "approved_discord_posts"
[acts]
select = "Select the best."
[acts.analyze]
temperature = 0.3
[[acts.analyze.input]]
type = "table"
table_name = "potential_discord_posts"
format = "markdown"
limit = 10
order_by = "generated_at DESC"
required = false
history_retention = "drop"
pull_and_delete = true
[[acts.analyze.input]]
type = "text"
content = "Analyze the posts above."
"#,
    );
}

const CONDITIONAL: &str = r#"
[narrative]
name = "with_jinja"
[toc]
order = ["analyze", "again"]
[acts]
again = "{{potential_discord_posts}}"
[acts.analyze]
[[acts.analyze.input]]
type = "table"
table_name = "potential_discord_posts"
format = "text"
required = false
[[acts.analyze.input]]
type = "text"
content = """
{% if potential_discord_posts %}
Found.
{% else %}
None.
{% endif %}
"""
"#;

#[tokio::test]
async fn prompts_in_jinja_that_ask_whether_a_table_has_rows() {
    loads(CONDITIONAL);
    for (rows, expected) in [(json!([]), "None."), (json!([{"x": "1"}]), "Found.")] {
        let is_empty = rows == json!([]);
        let stage = Stage::saying(["one", "two"]).rows("potential_discord_posts", rows);
        let played = stage.play_with(CONDITIONAL, None, &options(json!({}))).await;
        assert!(stage.prompt(0).contains(expected), "{}", stage.prompt(0));
        // A table without rows is blank, and a blank prompt is not sent.
        assert_eq!(played.is_err(), is_empty);
    }
}

#[test]
fn filters_with_times_from_now_and_columns_on_both_sides() {
    let text = "
toc = ['a']
[narrative]
name = 'n'
[acts]
a = ['tables.t', 'Look.']
[tables.t]
table_name = 'products'
where_clause = 'WHERE'
order_by = 'rating DESC'
alias = 'recent_products'
";
    for filter in ["created_at > NOW() - INTERVAL '30 days'", "stock_level < reorder_point"] {
        loads(&text.replace("'WHERE'", &format!("\"{filter}\"")));
    }
    let said = report(&text.replace("WHERE", "1=0")).diagnostics[0].to_string();
    let expected =
        "`n.toml`:9:17: expected a column on one side: without one a test holds of every row, or of none; `where` is";
    assert!(said.starts_with(expected), "{said}");
}

const CAROUSEL: &str = r#"
[narrative.batch_generate]
description = "One post of each kind."
toc = ["feature", "usecase"]
[narrative.batch_generate.carousel]
iterations = 3
[config.gemini]
model = "gemini-2.5-flash-lite"
temperature = 0.7
max_tokens = 4000
[narrative.feature]
target = "potential_discord_posts"
toc = ["feature_generate", "critique"]
[narrative.usecase]
target = "potential_discord_posts"
toc = ["usecase_generate", "critique"]
[acts.feature]
narrative = "feature"
[acts.usecase]
narrative = "usecase"
[acts.feature_generate]
input = ["Write about a feature."]
[acts.usecase_generate]
input = ["Write about a use."]
[acts.critique]
temperature = 0.3
input = ["Criticise:\n{{generate}}"]
"#;

#[tokio::test]
async fn composed_narratives_whose_shared_act_names_each_one_s_first_by_its_ending() {
    let said = report(CAROUSEL).diagnostics;
    assert!(said.iter().all(|remark| remark.severity == Severity::Note), "{said:?}");
    must_accept(CAROUSEL);
    let mut once = options(json!({}));
    once.iterations = Some(1);
    let stage = Stage::saying(["of a feature", "good", "of a use", "bad"]);
    stage.play_with(CAROUSEL, Some("batch_generate"), &once).await.unwrap();
    assert_eq!(
        (stage.prompt(1).as_str(), stage.prompt(3).as_str()),
        ("Criticise:\nof a feature", "Criticise:\nof a use")
    );
    let requests = stage.requests.lock().unwrap();
    let models: Vec<_> = requests.iter().map(|request| request.model.as_deref()).collect();
    assert_eq!(models, [Some("gemini-2.5-flash-lite"); 4]);
}

#[test]
fn a_narrative_of_another_file_by_a_name_of_its_own() {
    loads(
        r#"
toc = ["generate_content", "select"]
[narrative]
name = "publish_faq"
model = "gemini-2.5-flash"
[narratives.generate_content]
narrative = "faq_generation"
[tables.faq]
table_name = "faq_content"
[acts]
generate_content = ["narratives.generate_content"]
select = ["tables.faq", "Select the best."]
"#,
    );
}

#[test]
fn narratives_written_under_narratives() {
    loads(
        r#"
[narratives.baseline]
target = "json_test_baseline"
[narratives.baseline.toc]
order = ["generate", "format"]
[narratives.baseline.acts.format]
extract_output = true
[[narratives.baseline.acts.format.input]]
type = "text"
content = "As JSON: {{generate}}"
[narratives.all]
toc = ["baseline"]
carousel = { iterations = 5 }
[narratives.all.acts.baseline]
narrative = "baseline"
[acts]
generate = "Write."
"#,
    );
}

#[test]
fn settings_of_an_act_in_a_table_and_a_target_under_another_name() {
    refused(
        "[narratives.n]\ntarget_table = 't'\n[narratives.n.toc]\norder = ['a']\n[acts.a]\ninput = ['A']\n[acts.a.config]\ntemperature = 0.7\n",
        &[
            "`n.toml`:2:1: key `target_table` is not accepted; name the table that the output belongs to in `target`",
            "`n.toml`:7:9: key `config` is not accepted; write `model`, `temperature` and `max_tokens` in the act itself",
        ],
    );
}

#[test]
fn acts_in_a_list() {
    refused(
        "[narrative]\nname = 'n'\ntitle = 'N'\nversion = '1'\n[tables.t]\ntable_name = 't'\n[[acts]]\nname = 'a'\ninputs = ['tables.t', { text = 'A' }]\n",
        &[
            "`n.toml`:2:8: narrative `n` has no `toc`; name its acts in order",
            "`n.toml`:3:1: key `title` is not accepted; say it in `description`",
            "`n.toml`:4:1: key `version` is not accepted; say it in `description`",
            "`n.toml`:7:1: `acts` is a list here, and must be a table; write each act as `[acts.NAME]`, and their order in `toc`",
        ],
    );
}

#[test]
fn a_name_without_a_narrative() {
    refused(
        "name = 'setup'\nskip_content_generation = true\n[[acts]]\nname = 'create'\n[[acts.inputs]]\ntype = 'bot_command'\nplatform = 'discord'\ncommand = 'channels.create'\n",
        &[
            "`n.toml`:1:1: key `name` is not accepted; it belongs in `[narrative]`",
            "`n.toml`:1:1: the file has no narrative; write `[narrative]` with `name`, or `[narrative.NAME]` for each of several",
            "`n.toml`:2:1: key `skip_content_generation` is not accepted; it belongs in `[narrative]`",
            "`n.toml`:3:1: `acts` is a list here, and must be a table; write each act as `[acts.NAME]`, and their order in `toc`",
        ],
    );
}

#[test]
fn arguments_beside_the_command_and_a_place_in_the_state() {
    let text = "
toc = ['create']
[narrative]
name = 'setup'
[[acts.create.input]]
type = 'bot_command'
platform = 'discord'
command = 'channels.create'
KEY = '1'
";
    for (key, way_out) in [
        (
            "guild_id",
            "arguments of a command belong in `args`, or in `[bots.NAME]`",
        ),
        (
            "store_as",
            "write `[acts.NAME.state_capture]` with `KEY = \"$.path\"`, and use it as `${state:KEY}`",
        ),
    ] {
        let expected = format!("`n.toml`:9:1: key `{key}` is not accepted; {way_out}");
        refused(&text.replace("KEY", key), &[&expected]);
    }
}

#[test]
fn steps_with_roles() {
    refused(
        "[metadata]\ntitle = 'T'\n[config.gemini]\nmodel = 'm'\n[[steps]]\n[steps.context]\nrole = 'system'\ncontent = 'C'\n",
        &[
            "`n.toml`:1:1: the file has no narrative; write `[narrative]` with `name`, or `[narrative.NAME]` for each of several",
            "`n.toml`:1:2: key `metadata` is not accepted; write `[narrative]` with `name` and `description`",
            "`n.toml`:5:3: key `steps` is not accepted; write each step as `[acts.NAME]`, and their order in `toc`",
        ],
    );
}

#[test]
fn narratives_in_a_list_with_settings_that_they_share() {
    refused(
        "[shared]\nmodel = 'm'\n[act.format]\ntype = 'generate'\nprompt = 'P'\n[[narrative]]\nname = 'n'\ntoc = ['format']\n",
        &[
            "`n.toml`:1:2: key `shared` is not accepted; write `model`, `temperature` and `max_tokens` in the narratives or acts",
            "`n.toml`:3:2: key `act` is not accepted; write `[acts.NAME]`",
            "`n.toml`:6:1: `narrative` is a list here, and must be a table; write `[narrative]` with `name`, or `[narrative.NAME]` for each of several",
        ],
    );
}

#[test]
fn acts_that_no_narrative_plays() {
    let said = report("toc = ['a']\n[narrative]\nname = 'models'\n[acts]\na = 'A'\nlive = 'L'\n");
    assert!(said.file.is_some());
    let said: Vec<String> = said.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["`n.toml`:6:1: no narrative plays act `live`; name it in a `toc` or leave it out"]
    );
}
