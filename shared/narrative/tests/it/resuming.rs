//! A run that is started again goes on where it was.

use serde_json::json;

use crate::stage::{Line, Stage, options};

const TEXT: &str = "
[narrative.all]
toc = ['tip', 'sum']
[narrative.tip]
description = 'Tip.'
toc = ['rows', 'draft', 'post']
[acts]
rows = 'tables.t'
draft = 'Draft {{rows}}'
post = 'Post {{draft}}'
sum = 'Sum'
tip = { narrative = 'tip' }
[tables.t]
table_name = 't'
format = 'text'
";

#[tokio::test]
async fn finished_acts_are_not_asked_again_and_the_conversation_is_the_same() {
    let mut options = options(json!({}));
    options.step_prefix = "job/".to_owned();

    let unbroken = Stage::saying(["d", "p", "s"]).rows("t", json!([{"x": "R"}]));
    let whole = unbroken.play_with(TEXT, Some("all"), &options).await.unwrap();

    let first = Stage::with([Line::Say("d"), Line::Fail]).rows("t", json!([{"x": "R"}]));
    assert!(first.play_with(TEXT, Some("all"), &options).await.is_err());
    // Rows that have changed since must not change what was already said.
    let second = Stage {
        records: first.records,
        ..Stage::saying(["p", "s"])
    }
    .rows("t", json!([{"x": "changed"}]));
    let resumed = second.play_with(TEXT, Some("all"), &options).await.unwrap();

    assert_eq!(unbroken.conversations()[1..], second.conversations());
    assert_eq!(whole.outputs, resumed.outputs);
    assert_eq!(whole.usage, resumed.usage);
    assert_eq!((resumed.acts_run, resumed.acts_resumed), (2, 2));
    let heard = second.heard.lock().unwrap();
    let heard: Vec<_> = heard.iter().map(|(act, resumed)| (act.as_str(), *resumed)).collect();
    assert_eq!(
        heard,
        [("rows", true), ("draft", true), ("post", false), ("sum", false)]
    );
    assert!(second.queries.lock().unwrap().is_empty());
    let steps = second.records.lock().unwrap();
    assert_eq!(
        steps.keys().collect::<Vec<_>>(),
        ["job/1/sum", "job/1/tip/draft", "job/1/tip/post", "job/1/tip/rows"]
    );
}

#[tokio::test]
async fn a_finished_run_is_repeated_from_its_records_alone() {
    let stage = Stage::saying(["d", "p", "s"]).rows("t", json!([{"x": "R"}]));
    let options = options(json!({}));
    let first = stage.play_with(TEXT, Some("all"), &options).await.unwrap();
    let second = stage.play_with(TEXT, Some("all"), &options).await.unwrap();
    assert_eq!(first.outputs, second.outputs);
    assert_eq!((second.acts_run, second.acts_resumed), (0, 4));
    assert_eq!(stage.requests.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn records_survive_being_written_as_json() {
    let stage = Stage::saying(["d", "p", "s"]).rows("t", json!([{"x": "R"}]));
    stage.play_with(TEXT, Some("all"), &options(json!({}))).await.unwrap();
    for record in stage.records.lock().unwrap().values() {
        let written = serde_json::to_value(record).unwrap();
        assert_eq!(
            serde_json::from_value::<botticelli_narrative::ActRecord>(written).unwrap(),
            *record
        );
    }
}

#[tokio::test]
async fn what_a_narrative_among_the_inputs_had_to_say_is_stored_after_a_resumption_too() {
    let text = "
[narrative.all]
toc = ['sum', 'last']
[narrative.faq]
target = 'faq_rows'
toc = ['q']
[acts]
q = 'A question?'
sum = ['narratives.faq', 'Sum up.']
last = 'Last'
";
    let first = Stage::with([Line::Say("answer"), Line::Say("sum"), Line::Fail]);
    let all = Some("all");
    first.play_with(text, all, &options(json!({}))).await.unwrap_err();
    let second = Stage {
        records: first.records,
        ..Stage::saying(["last"])
    };
    let run = second.play_with(text, all, &options(json!({}))).await.unwrap();
    let texts: Vec<&str> = run.outputs.iter().map(|output| output.text.as_str()).collect();
    assert_eq!(texts, ["answer", "last"]);
    assert_eq!(second.requests.lock().unwrap().len(), 1);
}
