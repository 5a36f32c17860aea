//! What is made of answers.

use botticelli_llm::ErrorClass;
use serde_json::json;

use crate::stage::Stage;

fn document(keys: &str) -> String {
    format!("[narrative.n]\ntarget = 'things'\ntoc = ['a']\n[acts.a]\nprompt = 'A'\n{keys}\n")
}

#[tokio::test]
async fn json_in_the_midst_of_words_is_taken_out_and_the_words_are_kept() {
    let said = "Sure!\n```json\n{\"a\": 1}\n```";
    let stage = Stage::saying([said]);
    let run = stage.play(&document("")).await.unwrap();
    assert_eq!(run.outputs[0].json, Some(json!({"a": 1})));
    assert_eq!(run.outputs[0].text, r#"{"a":1}"#);
    assert_eq!(stage.records.lock().unwrap()["1/a"].raw, [said]);
}

#[tokio::test]
async fn an_output_that_is_no_json_is_text() {
    let run = Stage::saying(["A post about {braces}."])
        .play(&document(""))
        .await
        .unwrap();
    assert_eq!(
        (run.outputs[0].json.clone(), run.outputs[0].text.as_str()),
        (None, "A post about {braces}.")
    );
    let run = Stage::saying(["{\"a\": 1}"])
        .play(&document("extract_output = false"))
        .await
        .unwrap();
    assert_eq!(run.outputs[0].json, None);
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_is_sent_back_with_what_is_wrong_with_it() {
    let stage = Stage::saying(["{\"a\": 1,}", "{\"a\": 1}"]);
    let run = stage.play(&document("extract_output = true")).await.unwrap();
    assert_eq!(run.outputs[0].json, Some(json!({"a": 1})));
    assert_eq!(
        stage.conversations()[1],
        "User: A\nAssistant: {\"a\": 1,}\nUser: Your answer cannot be used: it is not JSON, or not whole. Give the whole answer again, corrected, as JSON only and without any other words."
    );
    assert_eq!((run.calls, run.usage.input_tokens, run.usage.output_tokens), (2, 20, 4));
    let records = stage.records.lock().unwrap();
    assert_eq!((records["1/a"].calls, records["1/a"].raw.len()), (2, 1));
    // What later acts see is the question and the good answer.
    assert_eq!(records["1/a"].prompt.as_deref(), Some("A"));
}

#[tokio::test]
async fn repairs_are_bounded() {
    for (keys, calls) in [("repairs = 0", 1), ("repairs = 2", 3), ("", 2)] {
        let stage = Stage::saying(["no", "no", "no", "no"]);
        let text = document(&format!("extract_output = true\n{keys}"));
        let error = stage.play(&text).await.unwrap_err();
        assert_eq!(error.llm_error().unwrap().class, ErrorClass::Malformed);
        assert_eq!(error.llm_error().unwrap().answer.as_deref(), Some("no"));
        assert_eq!(stage.requests.lock().unwrap().len(), calls, "{keys}");
    }
}

#[tokio::test]
async fn a_text_that_asks_for_a_part_of_a_reply_makes_it_json() {
    let text = "[narrative.n]\ntoc = ['a', 'b']\n[acts]\na = 'A'\nb = 'See {{ a.items[1].name }} of {{ a.json.items | length }}'\n";
    let stage = Stage::saying([r#"Here: {"items": [{"name": "x"}, {"name": "y"}]}"#, "ok"]);
    stage.play(text).await.unwrap();
    assert_eq!(stage.prompt(1), "See y of 2");
}
