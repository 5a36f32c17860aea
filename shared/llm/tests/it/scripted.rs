use std::sync::Arc;
use std::time::Duration;

use botticelli_llm::{Answer, ErrorClass, Finish, LanguageModel, LlmError, Request, Scripted, Timeouts};
use serde_json::json;

use crate::asking::{question, question_for_a_post};

#[tokio::test]
async fn answers_come_in_their_order_and_then_no_more() {
    let model = Scripted::in_order([Answer::text("one"), Answer::cut("tw")]);
    assert_eq!(model.generate(&question("a")).await.unwrap().text, "one");
    assert_eq!(model.generate(&question("b")).await.unwrap().finish, Finish::Length);
    let result = model.generate(&question("c")).await;
    assert!(
        matches!(&result, Err(error) if error.class == ErrorClass::Invalid),
        "{result:?}"
    );
}

#[tokio::test]
async fn texts_can_repeat_for_ever() {
    let model = Scripted::repeating(["one".to_owned(), "two".to_owned()]);
    let mut texts = Vec::new();
    for _ in 0..3 {
        texts.push(model.generate(&question("again")).await.unwrap().text);
    }
    assert_eq!(texts, ["one", "two", "one"]);
}

#[tokio::test]
async fn an_answer_can_depend_on_the_question() {
    let model = Scripted::answering(|request| Answer::text(format!("You said {}.", request.messages[0].text())));
    assert_eq!(model.generate(&question("hi")).await.unwrap().text, "You said hi.");
}

#[tokio::test]
async fn a_streamed_answer_comes_word_by_word_and_is_the_same_in_the_end() {
    let model = Scripted::repeating(["one two\nthree".to_owned()]);
    let mut pieces = Vec::new();
    let mut collect = |piece: &str| pieces.push(piece.to_owned());
    let reply = model.stream(&question("count"), &mut collect).await.unwrap();
    assert_eq!(pieces, ["one ", "two\n", "three"]);
    assert_eq!(reply, model.generate(&question("count")).await.unwrap());
}

#[tokio::test]
async fn every_request_is_remembered() {
    let model = Scripted::repeating(["yes".to_owned()]);
    let asked = [question("one"), question("two")];
    for request in &asked {
        model.generate(request).await.unwrap();
    }
    model.received(2).await;
    assert_eq!(model.requests(), asked);
}

#[tokio::test]
async fn a_prepared_error_comes_out_as_it_went_in() {
    let mut error = LlmError::new(ErrorClass::Overloaded, "far", "asleep");
    error.retry_after = Some(Duration::from_secs(3));
    let model = Scripted::in_order([Answer::error(error.clone())]);
    assert_eq!(model.generate(&question("hi")).await, Err(error));
}

#[tokio::test]
async fn a_prepared_answer_has_to_follow_the_schema_too() {
    let model = Scripted::in_order([Answer::json(&json!({"title": 1})), Answer::text("prose")]);
    for _ in 0..2 {
        let result = model.generate(&question_for_a_post("Post!")).await;
        assert!(
            matches!(&result, Err(error) if error.class == ErrorClass::Malformed),
            "{result:?}"
        );
    }
}

#[tokio::test]
async fn a_held_answer_stays_in_flight_until_it_is_released() {
    let (answer, mut hold) = Answer::text("at last").held();
    let model = Arc::new(Scripted::in_order([answer]));
    let asking = tokio::spawn({
        let model = Arc::clone(&model);
        async move { model.generate(&question("hi")).await }
    });
    hold.reached().await;
    assert!(!asking.is_finished());
    hold.release();
    assert_eq!(asking.await.unwrap().unwrap().text, "at last");
}

#[tokio::test]
async fn a_held_answer_does_not_outlast_the_request_s_time() {
    let (answer, _hold) = Answer::text("never").held();
    let model = Scripted::in_order([answer]);
    let request = Request {
        timeouts: Timeouts::within(Duration::from_millis(20)),
        ..question("hi")
    };
    let result = model.generate(&request).await;
    assert!(
        matches!(&result, Err(error) if error.class == ErrorClass::TimedOut),
        "{result:?}"
    );
}
