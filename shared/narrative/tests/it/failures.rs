//! A failed act says which one it is and why.

use std::error::Error;

use botticelli_llm::ErrorClass;
use botticelli_narrative::ActFailure;
use serde_json::json;

use crate::stage::Stage;

#[tokio::test]
async fn the_model_s_error_is_kept_as_the_cause() {
    let error = Stage::default()
        .play("[narrative.n]\ntoc = ['a']\n[acts]\na = 'A'\n")
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "act 1 `a` of narrative `n` failed");
    assert_eq!(error.llm_error().unwrap().class, ErrorClass::Overloaded);
    assert_eq!(
        error.source().unwrap().to_string(),
        "model provider `script` is unavailable: no line left"
    );
}

#[tokio::test]
async fn blank_answers_and_prompts_are_failures() {
    let text = "[narrative.n]\ntoc = ['a']\n[acts]\na = '''{{ args.x | default(\" \") }}'''\n";
    let error = Stage::saying(["one"]).play(text).await.unwrap_err();
    assert!(matches!(error.failure(), Some(ActFailure::BlankPrompt)), "{error:?}");

    let error = Stage::saying(["  \n"])
        .play("[narrative.n]\ntoc = ['a']\n[acts]\na = 'A'\n")
        .await
        .unwrap_err();
    assert_eq!(error.llm_error().unwrap().class, ErrorClass::Malformed, "{error:?}");
}

#[tokio::test]
async fn an_answer_without_the_json_that_was_asked_for_is_a_failure() {
    let text = "[narrative.n]\ntoc = ['a']\n[acts.a]\ninput = ['A']\nschema = { type = 'object' }\n";
    let error = Stage::saying(["not json", "nor this"]).play(text).await.unwrap_err();
    assert_eq!(error.llm_error().unwrap().class, ErrorClass::Malformed, "{error:?}");
}

#[tokio::test]
async fn a_table_without_rows_fails_the_act_unless_it_may_be_empty() {
    let text =
        "[narrative.n]\ntoc = ['a']\n[acts]\na = ['tables.t', 'Judge the post above.']\n[tables.t]\ntable_name = 't'\n";
    let stage = Stage::saying(["one"]).rows("t", json!([]));
    let error = stage.play(text).await.unwrap_err();
    assert_eq!(
        error.failure().unwrap().to_string(),
        "table `t` has no matching row; write `required = false` where that is fine"
    );
    assert!(stage.requests.lock().unwrap().is_empty());

    stage.play(&format!("{text}required = false\n")).await.unwrap();
    assert_eq!(stage.prompt(0), "Judge the post above.");
}

#[tokio::test]
async fn a_table_that_cannot_be_read_names_itself_and_keeps_the_cause() {
    let text = "[narrative.n]\ntoc = ['a']\n[acts]\na = 'tables.t'\n[tables.t]\ntable_name = 'gone'\n";
    let error = Stage::default().play(text).await.unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!(failure.to_string(), "table `gone` could not be read");
    assert_eq!(failure.source().unwrap().to_string(), "no table `gone`");
}
