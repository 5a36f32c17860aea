//! What this project says as a client of `OpenAI` is what it understands as a server, and the other way round.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use botticelli_llm::{
    Answer, ErrorClass, Finish, LanguageModel, LlmError, MaxTokensField, Message, ProviderOptions, Request, Timeouts,
    Wire, open,
};
use botticelli_llm_server::ServerOptions;
use serde_json::json;

use crate::puppet::Puppet;
use crate::served::{Served, options};

fn client_of(served: &Served, change: impl FnOnce(&mut ProviderOptions)) -> Arc<dyn LanguageModel> {
    let mut options = ProviderOptions {
        base_url: Some(format!("http://{}/v1", served.address)),
        ..ProviderOptions::new("served", Wire::OpenAi, "small")
    };
    change(&mut options);
    open(options).unwrap()
}

/// A question with everything that a question can have but files.
fn full_question() -> Request {
    let schema = json!({
        "type": "object",
        "properties": {"river": {"type": "string", "pattern": "^[A-Z]"}},
        "required": ["river"],
        "additionalProperties": false,
    });
    Request {
        system: Some("You are brief.".into()),
        schema: Some(schema.into()),
        max_tokens: Some(90),
        temperature: Some(0.5),
        top_p: Some(0.75),
        stop: vec!["END".to_owned()],
        seed: Some(7),
        ..Request::of(
            [
                Message::user("Hi"),
                Message::assistant("Hello"),
                Message::user("A river?"),
            ],
            Timeouts::within(Duration::from_mins(1)),
        )
    }
}

#[tokio::test]
async fn a_question_and_its_answer_come_through_as_they_are() {
    for field in [MaxTokensField::Plain, MaxTokensField::Completion] {
        for is_streamed in [false, true] {
            let answer = json!({"river": "Rhine"});
            let (served, script) = Served::answering([Answer::json(&answer)]).await;
            let client = client_of(&served, |options| options.max_tokens_field = Some(field));
            let (question, mut heard) = (full_question(), String::new());
            let reply = if is_streamed {
                client.stream(&question, &mut |piece| heard.push_str(piece)).await
            } else {
                client.generate(&question).await
            };
            let reply = reply.unwrap();
            assert_eq!(script.requests(), [question]);
            assert_eq!((reply.json.as_ref(), reply.finish), (Some(&answer), Finish::Stop));
            assert_eq!((reply.model.as_str(), reply.usage.is_estimated), ("small", false));
            assert_eq!((reply.usage.input_tokens, reply.usage.output_tokens), (7, 1));
            if is_streamed {
                assert_eq!(heard, reply.text);
            }
        }
    }
}

#[tokio::test]
async fn a_failure_keeps_its_class_and_its_wait() {
    for class in [
        ErrorClass::RateLimited,
        ErrorClass::QuotaExhausted,
        ErrorClass::Invalid,
        ErrorClass::TooLong,
        ErrorClass::Overloaded,
        ErrorClass::Declined,
    ] {
        let mut failure = LlmError::new(class, "far", "no");
        failure.retry_after = Some(Duration::from_secs(7));
        let (served, _) = Served::answering([Answer::error(failure)]).await;
        let error = client_of(&served, |_| {}).generate(&full_question()).await.unwrap_err();
        assert_eq!(
            (error.class, error.retry_after),
            (class, Some(Duration::from_secs(7))),
            "{error}"
        );
    }
    // What the limit cut is no answer to a question with a schema, and the client says so.
    let (served, _) = Served::answering([Answer::cut("{\"river\": ")]).await;
    let error = client_of(&served, |_| {}).generate(&full_question()).await.unwrap_err();
    assert_eq!(
        (error.class, error.answer.as_deref()),
        (ErrorClass::Truncated, Some("{\"river\": "))
    );
}

#[tokio::test]
async fn a_full_server_is_a_rate_limit_and_a_wrong_key_is_no_permission() {
    let puppet = Puppet::new();
    let served = Served::with(ServerOptions {
        places: NonZero::new(1).unwrap(),
        key: Some("secret".into()),
        ..options(puppet.clone())
    })
    .await;
    let stranger = client_of(&served, |options| options.api_key = Some("guess".into()));
    let client = client_of(&served, |options| options.api_key = Some("secret".into()));
    let question = Request::of([Message::user("Hi")], Timeouts::within(Duration::from_mins(1)));
    let error = stranger.generate(&question).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Unauthorized);
    let (answer, ()) = tokio::join!(client.generate(&question), async {
        puppet.begun(1).await;
        let error = client.generate(&question).await.unwrap_err();
        assert_eq!(
            (error.class, error.retry_after),
            (ErrorClass::RateLimited, Some(Duration::from_secs(5)))
        );
        puppet.go();
    });
    assert_eq!(answer.unwrap().text, "one two");
}
