use std::sync::Arc;
use std::time::Duration;

use botticelli_llm::{Answer, Finish, LanguageModel, LlmError, Request, Scripted};
use serde_json::json;

use crate::asking::{question, question_for_a_post};

#[tokio::test]
async fn answers_come_in_their_order_and_then_no_more() {
    let model = Scripted::in_order([Answer::text("one"), Answer::cut("tw")]);
    assert_eq!(model.generate(&question("a")).await.unwrap().text, "one");
    assert_eq!(model.generate(&question("b")).await.unwrap().finish, Finish::Length);
    let result = model.generate(&question("c")).await;
    assert!(matches!(result, Err(LlmError::Refused { .. })), "{result:?}");
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
    let model = Scripted::answering(|request| Answer::text(format!("You said {}.", request.messages[0].content)));
    assert_eq!(model.generate(&question("hi")).await.unwrap().text, "You said hi.");
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
    let model = Scripted::in_order([Answer::error(LlmError::Unavailable {
        provider: "far".to_owned(),
        detail: "asleep".to_owned(),
        retry_after: Some(Duration::from_secs(3)),
    })]);
    let result = model.generate(&question("hi")).await;
    assert!(matches!(
        result,
        Err(LlmError::Unavailable { retry_after: Some(wait), .. }) if wait == Duration::from_secs(3)
    ));
}

#[tokio::test]
async fn a_prepared_answer_has_to_follow_the_schema_too() {
    let model = Scripted::in_order([Answer::json(&json!({"title": 1})), Answer::text("prose")]);
    for _ in 0..2 {
        let result = model.generate(&question_for_a_post("Post!")).await;
        assert!(matches!(result, Err(LlmError::BadReply { .. })), "{result:?}");
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
        timeout: Duration::from_millis(20),
        ..question("hi")
    };
    let result = model.generate(&request).await;
    assert!(matches!(result, Err(LlmError::TimedOut { .. })), "{result:?}");
}
