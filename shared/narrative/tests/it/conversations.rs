//! What a model is told of the acts before.

use serde_json::json;

use crate::stage::{Stage, options};

#[tokio::test]
async fn each_act_sees_the_acts_before_it_as_a_conversation() {
    let stage = Stage::saying([" one \n", "two", "three"]);
    let run = stage
        .play("[narrative.n]\ntoc = ['a', 'b', 'c']\n[acts]\na = 'A'\nb = ['B1', 'B2']\nc = 'C'\n")
        .await
        .unwrap();
    assert_eq!(
        stage.conversations(),
        [
            "User: A",
            "User: A\nAssistant: one\nUser: B1\n\nB2",
            "User: A\nAssistant: one\nUser: B1\n\nB2\nAssistant: two\nUser: C"
        ]
    );
    assert_eq!((run.acts_run, run.acts_resumed, run.acts_failed), (3, 0, 0));
    assert_eq!((run.usage.input_tokens, run.usage.output_tokens), (30, 6));
    assert_eq!(run.outputs.len(), 1);
    assert_eq!(
        (run.outputs[0].text.as_str(), run.outputs[0].model.as_deref()),
        ("three", Some("house"))
    );
}

#[tokio::test]
async fn a_dropped_input_is_seen_by_its_own_act_only() {
    let text = "[narrative.n]\ntoc = ['a', 'b', 'c']\n[acts]\nc = 'C'\n[acts.a]\ninput = [{ ref = 'tables.t', history_retention = 'drop' }, 'A']\n[acts.b]\ninput = [{ content = 'B', history_retention = 'drop' }]\n[tables.t]\ntable_name = 't'\nformat = 'text'\n";
    let stage = Stage::saying(["one", "two", "three"]).rows("t", json!([{"x": "ROWS"}]));
    stage.play(text).await.unwrap();
    assert_eq!(
        stage.conversations(),
        [
            "User: ROWS\n\nA",
            "User: A\nAssistant: one\nUser: B",
            "User: A\nAssistant: one\nUser: (omitted)\nAssistant: two\nUser: C"
        ]
    );
}

#[tokio::test]
async fn an_act_of_tables_asks_no_model_and_stays_out_of_the_conversation() {
    let text = "[narrative.n]\ntoc = ['rows', 'ask']\n[acts]\nrows = 'tables.t'\nask = 'See {{rows}}'\n[tables.t]\ntable_name = 't'\nformat = 'text'\n";
    let stage = Stage::saying(["one"]).rows("t", json!([{"x": "ROWS"}]));
    let run = stage.play(text).await.unwrap();
    assert_eq!(stage.conversations(), ["User: See ROWS"]);
    assert_eq!(run.acts_run, 2);
}

#[tokio::test]
async fn a_composed_narrative_starts_afresh_and_is_one_turn_for_its_parent() {
    let text = "
[narrative.all]
target = 'everything'
toc = ['greet', 'one', 'two', 'sum']
[narrative.leaf]
description = 'A leaf.'
toc = ['x', 'y']
[narrative.named]
target = 'own'
toc = ['x']
[acts]
greet = 'Hello'
x = 'X'
y = 'Y {{x}}'
sum = 'Sum of {{one}}'
[acts.one]
narrative = 'leaf'
[acts.two]
narrative = 'named'
";
    let stage = Stage::saying(["hi", "x1", "y1", "x2", "done"]);
    let run = stage.play_with(text, Some("all"), &options(json!({}))).await.unwrap();
    assert_eq!(
        stage.conversations(),
        [
            "User: Hello",
            "User: X",
            "User: X\nAssistant: x1\nUser: Y x1",
            "User: X",
            "User: Hello\nAssistant: hi\nUser: A leaf.\nAssistant: x1\n\ny1\nUser: named\nAssistant: x2\nUser: Sum of x1\n\ny1"
        ]
    );
    let outputs: Vec<_> = run
        .outputs
        .iter()
        .map(|output| {
            (
                output.narrative.as_str(),
                output.target.as_ref().map(|target| target.table.as_str()),
                output.text.as_str(),
            )
        })
        .collect();
    assert_eq!(
        outputs,
        [
            ("leaf", Some("everything"), "y1"),
            ("named", Some("own"), "x2"),
            ("all", Some("everything"), "done")
        ]
    );
    let records = stage.records.lock().unwrap();
    assert_eq!(
        records.keys().collect::<Vec<_>>(),
        ["1/greet", "1/one/x", "1/one/y", "1/sum", "1/two/x"]
    );
}

#[tokio::test]
async fn settings_of_the_act_win_over_those_of_the_narrative() {
    let text = "[narrative.n]\ntoc = ['a', 'b']\nmodel = 'big'\ntemperature = 0.5\nmax_tokens = 7\n[acts]\na = 'A'\n[acts.b]\ninput = ['B']\nmodel = 'small'\ntemperature = 0\nmax_tokens = 9\nschema = { type = 'object' }\n";
    let stage = Stage::saying(["one", "{}"]);
    let run = stage.play(text).await.unwrap();
    let requests = stage.requests.lock().unwrap();
    let settings: Vec<_> = requests
        .iter()
        .map(|request| {
            (
                request.model.as_deref(),
                request.temperature,
                request.max_tokens,
                request.schema.is_some(),
            )
        })
        .collect();
    assert_eq!(
        settings,
        [
            (Some("big"), Some(0.5), Some(7), false),
            (Some("small"), Some(0.0), Some(9), true)
        ]
    );
    assert_eq!(run.outputs[0].json, Some(json!({})));
    assert_eq!(run.outputs[0].model.as_deref(), Some("small"));
}

#[tokio::test]
async fn every_call_has_a_seed_of_its_own_and_the_same_run_the_same_seeds() {
    let text = "[narrative.n]\ncarousel = { iterations = 2 }\ntoc = ['a', 'b']\n[acts]\na = 'A'\nb = 'B'\n";
    let mut runs = Vec::new();
    for (seed, prefix) in [(Some(7), ""), (Some(7), "again/"), (Some(8), ""), (None, "")] {
        let mut options = options(json!({}));
        options.seed = seed;
        options.step_prefix = prefix.to_owned();
        let stage = Stage::saying(["1", "2", "3", "4"]);
        stage.play_with(text, None, &options).await.unwrap();
        let seeds: Vec<_> = stage
            .requests
            .lock()
            .unwrap()
            .iter()
            .map(|request| request.seed)
            .collect();
        runs.push(seeds);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    assert_eq!(runs[3], [None; 4]);
    let mut distinct = runs[0].clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 4);
    assert!(
        distinct
            .iter()
            .all(|seed| seed.is_some_and(|seed| i32::try_from(seed).is_ok()))
    );
}
