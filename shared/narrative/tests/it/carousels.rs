//! Repetitions are played, counted and kept apart.

use serde_json::json;

use crate::stage::{Line, Stage, options};

const TWO_ACTS: &str = "[narrative.n]\ntarget = 't'\ntoc = ['a', 'b']\n[narrative.n.carousel]\niterations = 3\ncontinue_on_error = true\n[acts]\na = 'A'\nb = 'B'\n";

#[tokio::test]
async fn every_repetition_starts_afresh_and_has_its_output() {
    let stage = Stage::saying(["a1", "b1", "a2", "b2", "a3", "b3"]);
    let run = stage.play(TWO_ACTS).await.unwrap();
    let outputs: Vec<_> = run
        .outputs
        .iter()
        .map(|output| (output.iteration, output.text.as_str()))
        .collect();
    assert_eq!(outputs, [(1, "b1"), (2, "b2"), (3, "b3")]);
    assert_eq!(stage.conversations()[2], "User: A");
    assert_eq!(run.acts_run, 6);
}

#[tokio::test]
async fn a_run_may_ask_for_another_number_of_repetitions() {
    let mut options = options(json!({}));
    options.iterations = Some(1);
    let stage = Stage::saying(["a1", "b1"]);
    assert_eq!(stage.play_with(TWO_ACTS, None, &options).await.unwrap().acts_run, 2);

    options.iterations = Some(2);
    let once = "[narrative.n]\ntoc = ['a']\n[acts]\na = 'Round {{iteration}} of {{iterations}}'\n";
    let stage = Stage::saying(["1", "2"]);
    assert_eq!(stage.play_with(once, None, &options).await.unwrap().outputs.len(), 2);
    assert_eq!(stage.prompt(1), "Round 2 of 2");

    for iterations in [0, 1001] {
        options.iterations = Some(iterations);
        let error = Stage::default().play_with(once, None, &options).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("narrative `n` cannot be repeated {iterations} times; ask for 1 to 1000")
        );
    }
}

#[tokio::test]
async fn a_failed_repetition_is_counted_and_the_others_go_on() {
    let stage = Stage::with([
        Line::Say("a1"),
        Line::Fail,
        Line::Say("a2"),
        Line::Say("b2"),
        Line::Say("a3"),
        Line::Say("b3"),
    ]);
    let run = stage.play(TWO_ACTS).await.unwrap();
    assert_eq!((run.acts_run, run.acts_failed), (5, 1));
    assert_eq!(
        run.failures,
        ["act 2 `b` of narrative `n` failed: model provider `script` is unavailable: no line left"]
    );
    let iterations: Vec<_> = run.outputs.iter().map(|output| output.iteration).collect();
    assert_eq!(iterations, [2, 3]);
}

#[tokio::test]
async fn a_run_of_failures_only_is_a_failure() {
    let stage = Stage::default();
    let error = stage.play(TWO_ACTS).await.unwrap_err();
    assert!(error.llm_error().is_some(), "{error}");
    assert_eq!(stage.requests.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn without_patience_the_first_failure_ends_the_run() {
    let stage = Stage::with([Line::Say("a1"), Line::Fail]);
    let text = TWO_ACTS.replace("continue_on_error = true\n", "");
    assert_eq!(
        stage.play(&text).await.unwrap_err().to_string(),
        "act 2 `b` of narrative `n` failed"
    );
    assert_eq!(stage.requests.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_failing_port_ends_the_run_whatever_the_patience() {
    let stage = Stage {
        full: vec!["1/b".to_owned()],
        ..Stage::saying(["a1", "b1", "a2"])
    };
    let error = stage.play(TWO_ACTS).await.unwrap_err();
    assert_eq!(
        error.failure().unwrap().to_string(),
        "checkpoint `1/b` could not be loaded or saved"
    );
    assert_eq!(stage.requests.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_composed_carousel_has_steps_and_counters_of_its_own() {
    let text = "
[narrative.all]
carousel = { iterations = 2 }
toc = ['tip', 'plain']
[narrative.tip]
carousel = { iterations = 2 }
toc = ['draft']
[narrative.plain]
toc = ['draft']
[acts]
draft = 'Draft {{iteration}} of {{iterations}}'
tip = { narrative = 'tip' }
plain = { narrative = 'plain' }
";
    let stage = Stage::saying(["1", "2", "3", "4", "5", "6"]);
    let run = stage.play_with(text, Some("all"), &options(json!({}))).await.unwrap();
    let steps: Vec<String> = stage.records.lock().unwrap().keys().cloned().collect();
    assert_eq!(
        steps,
        [
            "1/plain/draft",
            "1/tip/1/draft",
            "1/tip/2/draft",
            "2/plain/draft",
            "2/tip/1/draft",
            "2/tip/2/draft"
        ]
    );
    let outputs: Vec<_> = run
        .outputs
        .iter()
        .map(|output| (output.narrative.as_str(), output.iteration))
        .collect();
    assert_eq!(
        outputs,
        [
            ("tip", 1),
            ("tip", 2),
            ("plain", 1),
            ("tip", 1),
            ("tip", 2),
            ("plain", 2)
        ]
    );
    assert_eq!(stage.prompt(5), "Draft 2 of 2");
}

#[tokio::test]
async fn a_failure_that_ends_two_carousels_is_counted_once() {
    let text = "
[narrative.all]
carousel = { iterations = 2, continue_on_error = true }
toc = ['tip']
[narrative.tip]
carousel = { iterations = 2, continue_on_error = true }
toc = ['draft']
[acts]
draft = 'Draft'
tip = { narrative = 'tip' }
";
    let stage = Stage::with([Line::Fail, Line::Fail, Line::Say("d"), Line::Fail]);
    let run = stage.play_with(text, Some("all"), &options(json!({}))).await.unwrap();
    assert_eq!((run.acts_run, run.acts_failed, run.failures.len()), (1, 3, 3));
}
