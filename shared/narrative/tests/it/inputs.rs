//! Files, media, commands, state and other narratives as parts of questions.

use botticelli_llm::{MediaKind, Part};
use botticelli_narrative::{ActFailure, RunOptions};
use serde_json::{Value, json};

use crate::{
    stage::{Line, Stage, options},
    surroundings::medium,
};

fn parts(stage: &Stage, request: usize, message: usize) -> Vec<String> {
    let requests = stage.requests.lock().unwrap();
    let parts = requests[request].messages[message].parts.iter();
    parts
        .map(|part| match part {
            Part::Text(text) => text.to_string(),
            Part::Media(media) => format!("<{} {} {}>", media.kind, media.mime, media.bytes.len()),
        })
        .collect()
}

#[tokio::test]
async fn a_text_file_is_brought_word_for_word() {
    let text = "[narrative.n]\ntoc = ['a']\n[acts.a]\ninput = [{ type = 'text', file = 'context.md' }, 'media.more', 'Go']\n[media.more]\nfile = 'more.md'\n";
    let mut stage = Stage::saying(["ok"]);
    stage
        .files
        .0
        .extend([("context.md", "About {{nobody}}"), ("more.md", "More")]);
    stage.play(text).await.unwrap();
    assert_eq!(stage.prompt(0), "About {{nobody}}\n\nMore\n\nGo");
}

#[tokio::test]
async fn media_stand_where_they_are_written_and_later_acts_see_them_unless_dropped() {
    let text = "
[narrative.n]
toc = ['a', 'b']
[acts]
b = 'And now?'
[acts.a]
input = [
  'Look at this:',
  { type = 'image', file = 'tea.png' },
  'and read this:',
  { type = 'document', url = 'https://example.com/{{args.name}}.pdf', mime = 'application/pdf' },
  { type = 'image', base64 = 'aGk=', history_retention = 'drop' },
]
";
    let mut stage = Stage::saying(["seen", "ok"]);
    stage.files.0.insert("tea.png", "png");
    let pdf = medium(MediaKind::Document, "application/pdf", "12345");
    stage.world.media.insert("https://example.com/plan.pdf", pdf);
    stage
        .play_with(text, None, &options(json!({"name": "plan"})))
        .await
        .unwrap();
    let (image, document) = ("<image image/png 3>", "<document application/pdf 5>");
    assert_eq!(
        parts(&stage, 0, 0),
        [
            "Look at this:",
            image,
            "and read this:",
            document,
            "<image image/png 4>"
        ]
    );
    assert_eq!(
        parts(&stage, 1, 0),
        ["Look at this:\n\nand read this:", image, document]
    );
    assert_eq!(stage.world.fetched.lock().unwrap().len(), 1, "once in a run");
}

/// The address names the act's own table, and state that the act changes: later nobody could tell it from them.
#[tokio::test]
async fn what_was_fetched_stays_what_it_was_for_later_acts_and_for_a_run_that_is_resumed() {
    let text = "
[narrative.n]
toc = ['look', 'say']
[acts]
say = 'Say.'
[acts.look]
input = ['Which?', { type = 'table', table_name = 't', format = 'text', alias = 'row' },
  { type = 'image', url = 'https://example.com/{{state:at}}.png', filename = 'one.png' },
  { type = 'image', url = 'https://example.com/{{state:at}}.png' },
  { type = 'document', url = 'https://example.com/read.txt' }]
state_capture = { at = '$.next' }
";
    let stage = |lines: Vec<Line>| {
        let mut stage = Stage::with(lines).rows("t", json!([{"x": "a"}]));
        stage.world.state.insert("at".to_owned(), json!("1"));
        let png = medium(MediaKind::Image, "image/png", "png");
        stage.world.media.insert("https://example.com/1.png", png);
        let plain = medium(MediaKind::Document, "text/plain", "Once upon a time");
        stage.world.media.insert("https://example.com/read.txt", plain);
        stage
    };
    let first = stage(vec![Line::Say(r#"{"next": "2"}"#), Line::Fail]);
    first.play(text).await.unwrap_err();
    let image = "<image image/png 3>";
    let whole = ["Which?\n\na", image, image, "Once upon a time"];
    assert_eq!(parts(&first, 0, 0), whole);
    let later = ["Which?\n\na\n\nOnce upon a time", image, image];
    assert_eq!(parts(&first, 1, 0), later);
    let addresses = ["https://example.com/1.png", "https://example.com/read.txt"];
    assert_eq!(*first.world.fetched.lock().unwrap(), addresses);

    let mut second = stage(vec![Line::Say("said")]);
    second.records = first.records;
    second.play(text).await.unwrap();
    assert_eq!(parts(&second, 0, 0), later);
    assert_eq!(*second.world.fetched.lock().unwrap(), addresses[..1]);
}

#[tokio::test]
async fn the_same_address_is_fetched_again_for_another_type_and_two_reads_of_a_table_are_two() {
    let text = "
[narrative.n]
toc = ['a']
[acts.a]
input = ['See', { type = 'image', url = 'https://example.com/x' }, { type = 'document', url = 'https://example.com/x' },
  { type = 'table', table_name = 't', where = \"x = 'a'\" }, { type = 'table', table_name = 't', where = \"x = 'b'\" }]
";
    let mut stage = Stage::saying(["ok"]).rows("t", json!([{"x": "a"}]));
    let png = medium(MediaKind::Image, "image/png", "png");
    stage.world.media.insert("https://example.com/x", png);
    stage.play(text).await.unwrap();
    assert_eq!(stage.world.fetched.lock().unwrap().len(), 2);
    assert_eq!(*stage.keys.lock().unwrap(), ["1/a/input-4", "1/a/input-5"]);
}

#[tokio::test]
async fn what_is_referred_to_is_required_here_or_not() {
    let text = |required: &str| {
        format!(
            "[narrative.n]\ntoc = ['a']\n[acts.a]\ninput = ['Go', {{ ref = 'tables.t', required = {required} }}]\n\
             [tables.t]\ntable_name = 't'\n"
        )
    };
    let stage = || Stage::saying(["ok"]).rows("t", json!([]));
    stage().play(&text("false")).await.unwrap();
    let error = stage().play(&text("true")).await.unwrap_err();
    assert!(matches!(error.failure(), Some(ActFailure::NoRows { .. })), "{error:?}");
}

const COMMANDS: &str = "
[narrative.n]
toc = ['make', 'write', 'send']
[bots.make]
platform = 'discord'
command = 'channels.get_or_create'
guild_id = '${TEST_GUILD}'
[bots.send]
platform = 'discord'
command = 'messages.send'
channel_id = '${make.id}'
content = '{{write}}'
nested = { name = '${TEST_GUILD}-${make.id}', list = ['${make.topic.words.0}', 7] }
[acts]
make = 'bots.make'
write = 'Write.'
send = ['bots.send']
";

fn in_guild(args: Value) -> RunOptions {
    RunOptions {
        environment: [("TEST_GUILD".to_owned(), "g1".to_owned())].into(),
        ..options(args)
    }
}

#[tokio::test]
async fn commands_use_replies_parts_of_answers_and_the_environment_however_deep() {
    let mut stage = Stage::saying(["Hello"]);
    let channel = json!({"id": "42", "topic": {"words": ["tea"]}});
    stage.world.answers.insert("channels.get_or_create", channel.clone());
    stage.world.answers.insert("messages.send", json!({"id": "m1"}));
    let run = stage.play_with(COMMANDS, None, &in_guild(json!({}))).await.unwrap();
    let calls = stage.world.calls.lock().unwrap();
    let args: Vec<Value> = calls.iter().map(|call| Value::from(call.args.clone())).collect();
    assert_eq!(
        args,
        [
            json!({"guild_id": "g1"}),
            json!({"channel_id": "42", "content": "Hello", "nested": {"name": "g1-42", "list": ["tea", 7]}})
        ]
    );
    assert_eq!(
        (calls[0].key.as_str(), calls[1].key.as_str()),
        ("1/make/input-1", "1/send/input-1")
    );
    assert_eq!(run.outputs[0].json, Some(json!({"id": "m1"})));
    assert_eq!(
        stage.conversations(),
        ["User: Write."],
        "a command is no turn of the conversation"
    );
}

#[tokio::test]
async fn a_command_that_fails_is_what_it_answers_unless_it_is_required() {
    let mut stage = Stage::saying(["Hello"]);
    stage
        .world
        .answers
        .insert("channels.get_or_create", json!({"id": "42", "topic": {"words": [1]}}));
    let run = stage.play_with(COMMANDS, None, &in_guild(json!({}))).await.unwrap();
    assert_eq!(
        run.outputs[0].text,
        "[command messages.send of bot send failed: 50013: missing permissions]"
    );

    let required = COMMANDS.replace(
        "command = 'messages.send'",
        "command = 'messages.send'\nrequired = true",
    );
    let mut stage = Stage::saying(["Hello"]);
    stage
        .world
        .answers
        .insert("channels.get_or_create", json!({"id": "42", "topic": {"words": [1]}}));
    let error = stage
        .play_with(&required, None, &in_guild(json!({})))
        .await
        .unwrap_err();
    assert!(matches!(error.failure(), Some(ActFailure::Command { .. })), "{error:?}");
}

#[tokio::test]
async fn the_state_is_read_and_parts_of_replies_are_kept_in_it_with_the_record() {
    let text = "
[narrative.n]
toc = ['make', 'say']
[acts]
say = 'Channel ${state:channel.id}, before ${state:old}'
[acts.make]
[[acts.make.input]]
type = 'bot_command'
platform = 'discord'
command = 'channels.create'
required = true
[acts.make.input.args]
name = 'test'
[acts.make.state_capture]
'channel.id' = '$.channels[0].id'
";
    let mut stage = Stage::saying(["ok"]);
    stage.world.state.insert("old".to_owned(), json!("yesterday"));
    let answer = json!({"channels": [{"id": "7"}]});
    stage.world.answers.insert("channels.create", answer);
    stage.play(text).await.unwrap();
    assert_eq!(stage.prompt(0), "Channel 7, before yesterday");
    assert_eq!(stage.records.lock().unwrap()["1/make"].state["channel.id"], json!("7"));
}

#[tokio::test]
async fn a_capture_that_finds_nothing_is_asked_for_again_and_then_fails_the_act() {
    let text =
        "[narrative.n]\ntoc = ['a']\n[acts.a]\nprompt = 'A'\nextract_output = true\nstate_capture = { id = '$.id' }\n";
    let stage = Stage::saying(["{}", r#"{"id": 7}"#]);
    stage.play(text).await.unwrap();
    assert_eq!(stage.records.lock().unwrap()["1/a"].state["id"], json!(7));
    let complaint = "the reply has no `$.id`, which `state_capture` wants to keep as `id`";
    assert!(stage.prompt(1).contains(complaint), "{}", stage.prompt(1));

    let error = Stage::saying(["{}", "{}"]).play(text).await.unwrap_err();
    let failure = error.failure().unwrap().to_string();
    assert!(failure.contains(complaint), "{failure}");
}

#[tokio::test]
async fn a_narrative_of_another_file_is_played_as_an_act_and_as_a_part_of_a_question() {
    let text = "
toc = ['other', 'sum']
[narrative]
name = 'main'
[narratives.other]
narrative = 'faq'
[acts]
other = ['narratives.other']
sum = ['narrative:faq', 'Sum up.']
";
    let mut stage = Stage::saying(["one", "two", "sum"]);
    let faq = "toc = ['q']\n[narrative]\nname = 'faq'\ntarget = 'faq_rows'\n[acts]\nq = 'A question?'\n";
    stage.files.0.insert("faq.toml", faq);
    let run = stage.play(text).await.unwrap();
    assert_eq!(stage.prompt(2), "two\n\nSum up.");
    let outputs: Vec<_> = run
        .outputs
        .iter()
        .map(|output| {
            (
                output.text.as_str(),
                output.target.as_ref().map(|target| target.table.as_str()),
            )
        })
        .collect();
    assert_eq!(
        outputs,
        [("one", Some("faq_rows")), ("two", Some("faq_rows")), ("sum", None)]
    );
    let steps: Vec<String> = stage.records.lock().unwrap().keys().cloned().collect();
    assert_eq!(steps, ["1/other/q", "1/sum", "1/sum/input-1/q"]);
}

#[tokio::test]
async fn a_table_is_known_by_its_name_to_texts_beside_and_behind_it() {
    let text = "
[narrative.n]
toc = ['a', 'b']
[acts]
a = ['tables.faq', '{% if faq %}Known: {{ faq }}{% else %}Nothing is known.{% endif %}']
b = 'Again: {{ faq_rows }}'
[tables.faq]
table_name = 'faq_rows'
format = 'text'
required = false
";
    for (rows, first, second) in [
        (json!([]), "Nothing is known.", "Again: "),
        (json!([{"q": "Why?"}]), "Why?\n\nKnown: Why?", "Again: Why?"),
    ] {
        let stage = Stage::saying(["one", "two"]).rows("faq_rows", rows);
        stage.play(text).await.unwrap();
        assert_eq!((stage.prompt(0).as_str(), stage.prompt(1).as_str()), (first, second));
        // What a resumed act read is what its successors read.
        stage.records.lock().unwrap().remove("1/b");
        stage.lines.lock().unwrap().push_back(crate::stage::Line::Say("two"));
        let stage = stage.rows("faq_rows", json!([{"q": "Other"}]));
        stage.play(text).await.unwrap();
        assert_eq!(stage.prompt(2), second);
    }
}
