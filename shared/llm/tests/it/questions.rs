//! How each service is asked: the path, the headers and the body that it gets.

use botticelli_llm::{ErrorClass, MaxTokensField, MediaKind, Request, SetupError, Wire, open};
use serde_json::{Value, json};

use crate::asking::{full_question, media, question, showing, verdict_schema};
use crate::speech::{End, KEY, Speech, anthropic, gemini, ollama, openai, openai_responses};
use crate::stub::Seen;

const VERDICT: &str = r#"{"verdict": "yes"}"#;

/// What the service gets when it is asked `request`.
async fn seen(speech: &Speech, request: &Request) -> Seen {
    let stub = speech.answering(VERDICT, End::Stop).await;
    speech.client(stub.url()).generate(request).await.unwrap();
    stub.seen().remove(0)
}

/// The same when its answer is to be streamed.
async fn seen_streaming(speech: &Speech, request: &Request) -> Seen {
    let stub = speech.streaming(&[VERDICT], End::Stop).await;
    speech
        .client(stub.url())
        .stream(request, &mut |_: &str| {})
        .await
        .unwrap();
    stub.seen().remove(0)
}

async fn unsupported(speech: &Speech, request: &Request) -> String {
    let stub = speech.answering(VERDICT, End::Stop).await;
    let error = speech.client(stub.url()).generate(request).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Unsupported, "{error}");
    assert!(stub.seen().is_empty());
    error.to_string()
}

/// The verdict's schema for those who do not know `pattern`.
fn described() -> Value {
    let mut schema = verdict_schema();
    schema["properties"]["verdict"] = json!({"type": "string", "description": "{pattern: \"^(yes|no)$\"}"});
    schema
}

#[tokio::test]
async fn openai_is_asked_in_its_words() {
    let speech = openai::speech();
    let asked = seen(&speech, &full_question()).await;
    assert_eq!(asked.path, "/v1/chat/completions");
    assert_eq!(asked.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(asked.headers["content-type"], "application/json");
    let body = json!({
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
        "top_p": 0.75,
        "stop": ["END"],
        "seed": 7,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "reply", "schema": verdict_schema(), "strict": true},
        },
    });
    assert_eq!(asked.body, body);
    let mut streaming = body;
    streaming["stream"] = true.into();
    streaming["stream_options"] = json!({"include_usage": true});
    assert_eq!(seen_streaming(&speech, &full_question()).await.body, streaming);
}

#[tokio::test]
async fn openai_is_not_told_what_a_request_leaves_open() {
    let speech = openai::speech();
    let stub = speech.answering("Hello.", End::Stop).await;
    let mut options = speech.options(format!("{}/v1/", stub.url()));
    options.api_key = Some("".into());
    let request = Request {
        model: Some("large".to_owned()),
        ..question("Hi")
    };
    open(options).unwrap().generate(&request).await.unwrap();
    let asked = stub.seen().remove(0);
    assert_eq!(asked.path, "/v1/chat/completions");
    assert!(!asked.headers.contains_key("authorization"));
    assert_eq!(
        asked.body,
        json!({"model": "large", "messages": [{"role": "user", "content": "Hi"}], "stream": false})
    );
}

#[tokio::test]
async fn openai_is_promised_strictness_only_by_a_schema_that_keeps_it() {
    let open = json!({"type": "object", "properties": {"verdict": {"type": "string"}}});
    let request = Request {
        schema: Some(open.clone().into()),
        ..question("Hi")
    };
    let asked = seen(&openai::speech(), &request).await;
    let format = &asked.body["response_format"]["json_schema"];
    assert_eq!((&format["schema"], &format["strict"]), (&open, &json!(false)));
    let asked = seen(&openai_responses::speech(), &request).await;
    assert_eq!(asked.body["text"]["format"]["strict"], false);
}

#[tokio::test]
async fn the_limit_of_tokens_is_called_what_the_options_say() {
    let speech = openai::speech();
    let stub = speech.answering(VERDICT, End::Stop).await;
    let mut options = speech.options(stub.url());
    options.max_tokens_field = Some(MaxTokensField::Completion);
    open(options).unwrap().generate(&full_question()).await.unwrap();
    let asked = stub.seen().remove(0);
    assert_eq!(asked.body["max_completion_tokens"], 90);
    assert_eq!(asked.body.get("max_tokens"), None);
}

#[tokio::test]
async fn openai_is_shown_files_in_parts() {
    let request = showing([
        media(MediaKind::Image, "image/png", None),
        media(MediaKind::Audio, "audio/mpeg", None),
        media(MediaKind::Document, "application/pdf", Some("plan.pdf")),
    ]);
    let asked = seen(&openai::speech(), &request).await;
    assert_eq!(
        asked.body["messages"][0]["content"],
        json!([
            {"type": "text", "text": "Look:"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,YWJj"}},
            {"type": "input_audio", "input_audio": {"data": "YWJj", "format": "mp3"}},
            {"type": "file", "file": {"filename": "plan.pdf", "file_data": "data:application/pdf;base64,YWJj"}},
            {"type": "text", "text": "What is it?"},
        ])
    );
    let foreign = showing([media(MediaKind::Audio, "audio/ogg", None)]);
    let text = unsupported(&openai::speech(), &foreign).await;
    assert!(text.contains("`audio/ogg`"), "{text}");
}

#[tokio::test]
async fn openai_responses_is_asked_in_its_words() {
    let speech = openai_responses::speech();
    let request = Request {
        stop: Vec::new(),
        ..full_question()
    };
    let asked = seen(&speech, &request).await;
    assert_eq!(asked.path, "/v1/responses");
    assert_eq!(asked.headers["authorization"], format!("Bearer {KEY}"));
    let body = json!({
        "model": "small",
        "instructions": "You are brief.",
        "input": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
            {"role": "user", "content": "Post!"},
        ],
        "stream": false,
        "store": false,
        "max_output_tokens": 90,
        "temperature": 0.5,
        "top_p": 0.75,
        "text": {"format": {"type": "json_schema", "name": "reply", "schema": verdict_schema(), "strict": true}},
    });
    assert_eq!(asked.body, body);
    assert_eq!(seen_streaming(&speech, &request).await.body["stream"], true);

    let text = unsupported(&speech, &full_question()).await;
    assert!(text.contains("`stop`"), "{text}");
}

#[tokio::test]
async fn openai_responses_is_shown_files_in_parts() {
    let request = showing([
        media(MediaKind::Image, "image/webp", None),
        media(MediaKind::Document, "application/pdf", None),
    ]);
    let asked = seen(&openai_responses::speech(), &request).await;
    assert_eq!(
        asked.body["input"][0]["content"],
        json!([
            {"type": "input_text", "text": "Look:"},
            {"type": "input_image", "image_url": "data:image/webp;base64,YWJj"},
            {"type": "input_file", "filename": "document", "file_data": "data:application/pdf;base64,YWJj"},
            {"type": "input_text", "text": "What is it?"},
        ])
    );
}

#[tokio::test]
async fn anthropic_is_asked_in_its_words() {
    let speech = anthropic::speech();
    let asked = seen(&speech, &full_question()).await;
    assert_eq!(asked.path, "/v1/messages");
    assert_eq!(asked.headers["x-api-key"], KEY);
    assert_eq!(asked.headers["anthropic-version"], "2023-06-01");
    assert!(!asked.headers.contains_key("authorization"));
    let body = json!({
        "model": "small",
        "max_tokens": 90,
        "system": "You are brief.",
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
            {"role": "user", "content": "Post!"},
        ],
        "stream": false,
        "temperature": 0.5,
        "top_p": 0.75,
        "stop_sequences": ["END"],
        "output_config": {"format": {"type": "json_schema", "schema": described()}},
    });
    assert_eq!(asked.body, body);
    assert_eq!(seen_streaming(&speech, &full_question()).await.body["stream"], true);
}

#[tokio::test]
async fn anthropic_always_gets_a_limit_and_never_a_temperature_beyond_its_scale() {
    let request = Request {
        temperature: Some(1.5),
        ..question("Hi")
    };
    let asked = seen(&anthropic::speech(), &request).await;
    assert_eq!(
        asked.body,
        json!({
            "model": "small",
            "max_tokens": 4096,
            "messages": [{"role": "user", "content": "Hi"}],
            "stream": false,
            "temperature": 1.0,
        })
    );
}

#[tokio::test]
async fn anthropic_is_shown_files_in_blocks() {
    let request = showing([
        media(MediaKind::Image, "image/jpeg", None),
        media(MediaKind::Document, "application/pdf", Some("plan.pdf")),
        media(MediaKind::Document, "text/markdown", None),
    ]);
    let asked = seen(&anthropic::speech(), &request).await;
    assert_eq!(
        asked.body["messages"][0]["content"],
        json!([
            {"type": "text", "text": "Look:"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "YWJj"}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "YWJj"},
                "title": "plan.pdf",
            },
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "abc"}},
            {"type": "text", "text": "What is it?"},
        ])
    );
    let foreign = showing([media(MediaKind::Image, "image/tiff", None)]);
    let text = unsupported(&anthropic::speech(), &foreign).await;
    assert!(text.contains("`image/tiff`"), "{text}");
}

#[tokio::test]
async fn gemini_is_asked_in_its_words() {
    let speech = gemini::speech();
    let request = Request {
        seed: Some(7 + (1 << 40)),
        ..full_question()
    };
    let asked = seen(&speech, &request).await;
    assert_eq!(asked.path, "/v1beta/models/small:generateContent");
    assert_eq!(asked.headers["x-goog-api-key"], KEY);
    let body = json!({
        "contents": [
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [{"text": "Hello"}]},
            {"role": "user", "parts": [{"text": "Post!"}]},
        ],
        "systemInstruction": {"parts": [{"text": "You are brief."}]},
        "generationConfig": {
            "maxOutputTokens": 90,
            "temperature": 0.5,
            "topP": 0.75,
            "stopSequences": ["END"],
            "seed": 7,
            "responseMimeType": "application/json",
            "responseJsonSchema": described(),
        },
    });
    assert_eq!(asked.body, body);
    let streaming = seen_streaming(&speech, &request).await;
    assert_eq!(streaming.path, "/v1beta/models/small:streamGenerateContent?alt=sse");
    assert_eq!(streaming.body, body);
}

#[tokio::test]
async fn gemini_is_shown_every_kind_of_file_in_line() {
    let request = showing([
        media(MediaKind::Image, "image/png", None),
        media(MediaKind::Audio, "audio/ogg", None),
        media(MediaKind::Video, "video/mp4", None),
        media(MediaKind::Document, "application/pdf", None),
    ]);
    let asked = seen(&gemini::speech(), &request).await;
    assert_eq!(
        asked.body["contents"][0]["parts"],
        json!([
            {"text": "Look:"},
            {"inlineData": {"mimeType": "image/png", "data": "YWJj"}},
            {"inlineData": {"mimeType": "audio/ogg", "data": "YWJj"}},
            {"inlineData": {"mimeType": "video/mp4", "data": "YWJj"}},
            {"inlineData": {"mimeType": "application/pdf", "data": "YWJj"}},
            {"text": "What is it?"},
        ])
    );
}

#[tokio::test]
async fn ollama_is_asked_in_its_words() {
    let speech = ollama::speech();
    let asked = seen(&speech, &full_question()).await;
    assert_eq!(asked.path, "/api/chat");
    let body = json!({
        "model": "small",
        "messages": [
            {"role": "system", "content": "You are brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
            {"role": "user", "content": "Post!"},
        ],
        "stream": false,
        "format": verdict_schema(),
        "options": {"num_predict": 90, "temperature": 0.5, "top_p": 0.75, "stop": ["END"], "seed": 7},
    });
    assert_eq!(asked.body, body);
    assert_eq!(seen_streaming(&speech, &full_question()).await.body["stream"], true);
}

#[tokio::test]
async fn ollama_is_shown_pictures_beside_the_text() {
    let request = showing([media(MediaKind::Image, "image/png", None)]);
    let asked = seen(&ollama::speech(), &request).await;
    assert_eq!(
        asked.body["messages"][0],
        json!({"role": "user", "content": "Look:\n\nWhat is it?", "images": ["YWJj"]})
    );
}

#[tokio::test]
async fn a_header_of_the_options_is_sent_and_wins() {
    let speech = openai::speech();
    let stub = speech.answering("Hello.", End::Stop).await;
    let mut options = speech.options(stub.url());
    options.headers.insert("Authorization".to_owned(), "Basic abc".into());
    options.headers.insert("x-title".to_owned(), "botticelli".into());
    open(options).unwrap().generate(&question("Hi")).await.unwrap();
    let asked = stub.seen().remove(0);
    assert_eq!(asked.headers["authorization"], "Basic abc");
    assert_eq!(asked.headers["x-title"], "botticelli");
}

#[test]
fn a_key_or_a_header_that_http_cannot_carry_is_refused_and_not_repeated() {
    for wire in Wire::ALL {
        let speech = Speech {
            wire,
            ..openai::speech()
        };
        let mut options = speech.options("http://localhost");
        options.api_key = Some("sk-secret\n".into());
        let error = open(options).map(|_| ()).unwrap_err();
        assert!(matches!(error, SetupError::ApiKey { .. }), "{wire}: {error:?}");
        let shown = format!("{error} {error:?}");
        assert!(
            shown.contains("line break") && !shown.contains("sk-secret"),
            "{wire}: {shown}"
        );

        let mut options = speech.options("http://localhost");
        options.headers.insert("x-gate".to_owned(), "tok-secret\n".into());
        let error = open(options).map(|_| ()).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(
            shown.contains("`x-gate`") && !shown.contains("tok-secret"),
            "{wire}: {shown}"
        );
    }
}
