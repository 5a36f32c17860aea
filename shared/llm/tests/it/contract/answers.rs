//! Answers as they should be, and answers that are of no use.

use botticelli_llm::{ErrorClass, Finish, LlmError, Request};
use serde_json::{Value, json};

use crate::asking::{question, question_for_a_post};
use crate::speech::{ANSWERING, End, MODEL, Speech, all};
use crate::stub::{Stub, response};

const POST: &str = r#"{"title": "A quick update", "body": "We are here, and we say it in a sentence of more than sixty characters.", "tags": ["event"]}"#;

async fn refusal(speech: &Speech, stub: &Stub, request: &Request) -> LlmError {
    match speech.client(stub.url()).generate(request).await {
        Ok(reply) => panic!("{}: {reply:?}", speech.wire),
        Err(error) => error,
    }
}

#[tokio::test]
async fn an_answer_carries_its_text_its_cost_its_end_and_the_model_that_gave_it() {
    for speech in all() {
        let stub = speech.answering("Hello.", End::Stop).await;
        let reply = speech.client(stub.url()).generate(&question("Hi")).await.unwrap();
        assert_eq!(reply.text, "Hello.", "{}", speech.wire);
        assert_eq!(reply.json, None, "{}", speech.wire);
        assert_eq!(reply.usage, speech.usage, "{}", speech.wire);
        assert_eq!(reply.finish, Finish::Stop, "{}", speech.wire);
        assert_eq!(reply.model, ANSWERING, "{}", speech.wire);
        assert_eq!(stub.seen().len(), 1, "{}", speech.wire);
    }
}

#[tokio::test]
async fn the_provider_s_name_is_the_configured_one() {
    for speech in all() {
        let model = speech.client("http://127.0.0.1:1");
        assert_eq!(model.provider(), "far", "{}", speech.wire);
    }
}

#[tokio::test]
async fn a_request_id_is_kept() {
    for speech in all() {
        let body = (speech.answer)("Hello.", End::Stop).to_string();
        let headers = [("x-request-id", "req_7"), ("content-type", "application/json")];
        let stub = Stub::playing(response(200, &headers, body.as_bytes())).await;
        let reply = speech.client(stub.url()).generate(&question("Hi")).await.unwrap();
        assert_eq!(reply.request_id.as_deref(), Some("req_7"), "{}", speech.wire);
    }
}

#[tokio::test]
async fn free_text_that_the_limit_cut_is_an_answer_that_says_so() {
    for speech in all() {
        let stub = speech.answering("Once upon", End::Length).await;
        let reply = speech.client(stub.url()).generate(&question("Hi")).await.unwrap();
        assert_eq!(reply.finish, Finish::Length, "{}", speech.wire);
    }
}

#[tokio::test]
async fn a_limit_that_left_no_word_is_truncated_and_says_what_it_cost() {
    for speech in all() {
        let stub = speech.answering("", End::Length).await;
        let error = refusal(&speech, &stub, &question("Hi")).await;
        assert_eq!(error.class, ErrorClass::Truncated, "{}: {error}", speech.wire);
        assert_eq!(error.usage, Some(speech.usage), "{}", speech.wire);
    }
}

#[tokio::test]
async fn an_answer_that_follows_the_schema_comes_back_as_json() {
    for speech in all() {
        let stub = speech.answering(POST, End::Stop).await;
        let reply = speech
            .client(stub.url())
            .generate(&question_for_a_post("Post!"))
            .await
            .unwrap();
        let post: Value = serde_json::from_str(POST).unwrap();
        assert_eq!(reply.json, Some(post), "{}", speech.wire);
    }
}

#[tokio::test]
async fn a_schema_that_the_service_ignored_is_enforced_here_and_the_answer_is_kept() {
    for speech in all() {
        let post = json!({"title": "[title]", "body": "", "tags": ["event"]}).to_string();
        let stub = speech.answering(&post, End::Stop).await;
        let error = refusal(&speech, &stub, &question_for_a_post("Post!")).await;
        assert_eq!(error.class, ErrorClass::Malformed, "{}: {error}", speech.wire);
        assert!(
            error.detail.contains("`/title`") && error.detail.contains("pattern"),
            "{error}"
        );
        assert_eq!(error.model.as_deref(), Some(ANSWERING), "{}", speech.wire);
        assert_eq!(error.answer, Some(post), "{}", speech.wire);
        assert_eq!(error.usage, Some(speech.usage), "{}", speech.wire);
    }
}

#[tokio::test]
async fn json_that_the_limit_cut_is_truncated_and_kept() {
    for speech in all() {
        let stub = speech.answering("{\"title\": \"A qui", End::Length).await;
        let error = refusal(&speech, &stub, &question_for_a_post("Post!")).await;
        assert_eq!(error.class, ErrorClass::Truncated, "{}: {error}", speech.wire);
        assert!(error.detail.contains("max_tokens"), "{}: {error}", speech.wire);
        assert_eq!(error.answer.as_deref(), Some("{\"title\": \"A qui"), "{}", speech.wire);
        assert_eq!(error.usage, Some(speech.usage), "{}", speech.wire);
    }
}

#[tokio::test]
async fn prose_and_blanks_are_malformed() {
    for speech in all() {
        let stub = speech.answering("Sure! Here is your post:", End::Stop).await;
        let error = refusal(&speech, &stub, &question_for_a_post("Post!")).await;
        assert_eq!(error.class, ErrorClass::Malformed, "{}: {error}", speech.wire);
        assert!(error.detail.contains("not JSON"), "{}: {error}", speech.wire);

        let stub = speech.answering(" \n", End::Stop).await;
        let error = refusal(&speech, &stub, &question("Hi")).await;
        assert_eq!(error.class, ErrorClass::Malformed, "{}: {error}", speech.wire);
        assert!(error.detail.contains("empty"), "{}: {error}", speech.wire);
    }
}

#[tokio::test]
async fn a_decision_about_the_content_is_declined_and_paid() {
    for speech in all().into_iter().filter(|speech| speech.declines) {
        let stub = speech.answering("", End::Declined).await;
        let error = refusal(&speech, &stub, &question_for_a_post("Post!")).await;
        assert_eq!(error.class, ErrorClass::Declined, "{}: {error}", speech.wire);
        assert!(!error.may_fall_back() && error.is_paid(), "{}", speech.wire);
        assert_eq!(error.usage, Some(speech.usage), "{}", speech.wire);
    }
}

#[tokio::test]
async fn a_cost_that_the_service_does_not_tell_is_estimated() {
    for speech in all() {
        let silent = speech.without_usage((speech.answer)("Hello there.", End::Stop));
        let stub = Stub::saying(200, silent.to_string()).await;
        let request = Request {
            system: Some("Brief!".into()),
            ..question("Hi")
        };
        let reply = speech.client(stub.url()).generate(&request).await.unwrap();
        assert!(reply.usage.is_estimated, "{}", speech.wire);
        let counted = (reply.usage.input_tokens, reply.usage.output_tokens);
        assert_eq!(counted, (2, 3), "{}", speech.wire);
    }
}

#[tokio::test]
async fn numbers_that_make_no_sense_do_not_spoil_an_answer_that_is_paid_for() {
    fn spoil(value: &mut Value, with: &Value) {
        match value {
            Value::Number(_) => *value = with.clone(),
            Value::Array(items) => items.iter_mut().for_each(|item| spoil(item, with)),
            Value::Object(fields) => fields.values_mut().for_each(|field| spoil(field, with)),
            Value::Null | Value::Bool(_) | Value::String(_) => {}
        }
    }
    for speech in all() {
        for nonsense in [json!(-1), json!("many"), json!(null), json!(u64::MAX)] {
            let mut body = (speech.answer)("Hello there.", End::Stop);
            for field in speech.usage_fields {
                spoil(&mut body[field], &nonsense);
            }
            let stub = Stub::saying(200, body.to_string()).await;
            let reply = speech.client(stub.url()).generate(&question("Hi")).await.unwrap();
            assert_eq!(reply.text, "Hello there.", "{} {nonsense}", speech.wire);
            assert_eq!(
                reply.usage.is_estimated,
                !nonsense.is_u64(),
                "{} {nonsense}",
                speech.wire
            );
        }
    }
}

#[tokio::test]
async fn a_model_that_is_not_told_is_the_one_that_was_asked() {
    for speech in all() {
        let mut body = (speech.answer)("Hello.", End::Stop);
        for field in ["model", "modelVersion"] {
            body.as_object_mut().unwrap().remove(field);
        }
        let stub = Stub::saying(200, body.to_string()).await;
        let reply = speech.client(stub.url()).generate(&question("Hi")).await.unwrap();
        assert_eq!(reply.model, MODEL, "{}", speech.wire);
    }
}

#[tokio::test]
async fn a_body_that_is_not_of_the_protocol_is_malformed_and_doubts_the_address() {
    let bodies: [&[u8]; 7] = [
        b"",
        b" \n",
        b"{}",
        b"[]",
        b"7",
        b"<!doctype html><title>Welcome</title>",
        b"{\"choices\": [",
    ];
    for speech in all() {
        for body in bodies {
            let stub = Stub::saying(200, body).await;
            let error = refusal(&speech, &stub, &question("Hi")).await;
            assert_eq!(error.class, ErrorClass::Malformed, "{}: {error}", speech.wire);
            assert!(error.detail.contains("base_url"), "{}: {error}", speech.wire);
        }
    }
}

#[tokio::test]
async fn invalid_utf_8_is_malformed() {
    for speech in all() {
        let body = (speech.answer)("Hello@", End::Stop).to_string().into_bytes();
        let body: Vec<u8> = body
            .into_iter()
            .map(|byte| if byte == b'@' { 0xff } else { byte })
            .collect();
        let stub = Stub::saying(200, body).await;
        let error = refusal(&speech, &stub, &question("Hi")).await;
        assert_eq!(error.class, ErrorClass::Malformed, "{}: {error}", speech.wire);
    }
}

#[tokio::test]
async fn a_body_of_ten_megabytes_is_not_read_to_its_end() {
    for speech in all() {
        let body = (speech.answer)(&"x".repeat(10 * 1024 * 1024), End::Stop).to_string();
        let stub = Stub::saying(200, body).await;
        let error = refusal(&speech, &stub, &question("Hi")).await;
        assert_eq!(error.class, ErrorClass::Malformed, "{}: {error}", speech.wire);
        assert!(
            error.detail.contains("2 MiB") && error.answer.is_none(),
            "{}: {error}",
            speech.wire
        );
    }
}
