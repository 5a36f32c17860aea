use botticelli_llm::{ErrorClass, Finish, LanguageModel, Message, OpenAi, OpenAiOptions, Part, Request, Role, Usage};
use serde_json::json;

use crate::asking::{post_schema, question, question_for_a_post};
use crate::stub::{KEY, Stub, said};

#[tokio::test]
async fn a_question_travels_in_the_service_s_own_words() {
    let stub = Stub::completing(said("{}"), "stop").await;
    let request = Request {
        system: Some("You are brief.".into()),
        messages: [(Role::User, "Hi"), (Role::Assistant, "Hello"), (Role::User, "Post!")]
            .map(|(role, content)| Message::of(role, [Part::Text(content.into())]))
            .to_vec(),
        max_tokens: Some(90),
        temperature: Some(0.5),
        seed: Some(7),
        schema: Some(json!({"type": "object"}).into()),
        ..question("")
    };
    stub.client().generate(&request).await.unwrap();

    let seen = stub.seen().remove(0);
    assert_eq!(seen.path, "/v1/chat/completions");
    assert_eq!(seen.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(
        seen.body,
        json!({
            "model": "small",
            "messages": [
                {"role": "system", "content": "You are brief."},
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello"},
                {"role": "user", "content": "Post!"},
            ],
            "stream": false,
            "max_tokens": 90,
            "temperature": 0.5,
            "seed": 7,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "reply", "schema": {"type": "object"}, "strict": true},
            },
        })
    );
}

#[tokio::test]
async fn what_a_request_leaves_open_is_not_sent() {
    let stub = Stub::completing(said("Hello."), "stop").await;
    let model = OpenAi::new(OpenAiOptions {
        base_url: format!("{}/v1/", stub.url()),
        api_key: None,
        model: "small".to_owned(),
    })
    .unwrap();
    let request = Request {
        model: Some("large".to_owned()),
        ..question("Hi")
    };
    model.generate(&request).await.unwrap();

    let seen = stub.seen().remove(0);
    assert_eq!(seen.path, "/v1/chat/completions");
    assert!(!seen.headers.contains_key("authorization"));
    assert_eq!(
        seen.body,
        json!({"model": "large", "messages": [{"role": "user", "content": "Hi"}], "stream": false})
    );
}

#[tokio::test]
async fn an_answer_carries_its_text_its_cost_and_the_model_that_gave_it() {
    let stub = Stub::completing(said("Hello."), "stop").await;
    let reply = stub.client().generate(&question("Hi")).await.unwrap();
    assert_eq!(reply.text, "Hello.");
    assert_eq!(reply.json, None);
    assert_eq!(reply.finish, Finish::Stop);
    assert_eq!(reply.model, "small-2026-01-01");
    let usage = Usage {
        input_tokens: 19,
        output_tokens: 10,
        ..Usage::default()
    };
    assert_eq!(reply.usage, usage);
}

#[tokio::test]
async fn free_text_that_the_limit_cut_is_an_answer_that_says_so() {
    let stub = Stub::completing(said("Once upon"), "length").await;
    let reply = stub.client().generate(&question("Hi")).await.unwrap();
    assert_eq!(reply.finish, Finish::Length);
}

#[tokio::test]
async fn a_service_without_usage_and_model_is_understood() {
    let stub = Stub::saying(200, r#"{"choices": [{"message": {"content": "Hello."}}]}"#).await;
    let reply = stub.client().generate(&question("Hi")).await.unwrap();
    assert_eq!((reply.text.as_str(), reply.model.as_str()), ("Hello.", "small"));
    assert_eq!(reply.usage, Usage::default());
}

#[tokio::test]
async fn an_answer_that_follows_the_schema_comes_back_as_json() {
    let post = json!({"title": "A quick update", "body": "", "tags": ["event"]});
    let mut schema = post_schema();
    schema["properties"]["body"] = json!({"type": "string"});
    let stub = Stub::completing(said(&post.to_string()), "stop").await;
    let request = Request {
        schema: Some(schema.into()),
        ..question("Post!")
    };
    let reply = stub.client().generate(&request).await.unwrap();
    assert_eq!(reply.json, Some(post));
}

#[tokio::test]
async fn a_schema_that_the_service_ignored_is_enforced_here() {
    let post = json!({"title": "[title]", "body": "", "tags": ["event"]});
    let stub = Stub::completing(said(&post.to_string()), "stop").await;
    let result = stub.client().generate(&question_for_a_post("Post!")).await;
    let Err(error) = result else {
        panic!("{result:?}");
    };
    assert_eq!(error.class, ErrorClass::Malformed);
    assert_eq!(error.model.as_deref(), Some("small-2026-01-01"));
    assert_eq!(error.answer, Some(post.to_string()));
    let detail = &error.detail;
    assert!(detail.contains("`/title`") && detail.contains("pattern"), "{detail}");
}

#[tokio::test]
async fn a_schema_that_is_not_one_is_refused_before_the_service_is_asked() {
    let stub = Stub::completing(said("{}"), "stop").await;
    let request = Request {
        schema: Some(json!({"type": "strin"}).into()),
        ..question("Post!")
    };
    let result = stub.client().generate(&request).await;
    assert!(
        matches!(&result, Err(error) if error.class == ErrorClass::Invalid),
        "{result:?}"
    );
    assert!(stub.seen().is_empty());
}

#[test]
fn a_key_with_a_line_break_is_refused_and_not_repeated() {
    let result = OpenAi::new(OpenAiOptions {
        base_url: "http://localhost".to_owned(),
        api_key: Some("sk-secret\n".into()),
        model: "small".to_owned(),
    });
    let Err(error) = result else {
        panic!("no header can carry this key");
    };
    assert!(
        error.to_string().contains("line break") && !error.to_string().contains("sk-secret"),
        "{error}"
    );
}
