use std::env;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

use botticelli_llm::{Embedded, EmbeddedOptions, ErrorClass, Finish, LanguageModel, Reply, Request, Timeouts};
use serde_json::json;

use crate::asking::{question, question_for_a_post};

const FILE_NAME: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

/// The file that `BOTTICELLI_MODEL` names, or the one that CI fetches.
pub(crate) fn model_path() -> PathBuf {
    let fetched = || {
        let target = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../target/model")
            .join(FILE_NAME);
        let installed = Path::new("/var/cache/botticelli").join(FILE_NAME);
        if installed.is_file() { installed } else { target }
    };
    env::var_os("BOTTICELLI_MODEL").map_or_else(fetched, PathBuf::from)
}

fn options(model_path: PathBuf) -> EmbeddedOptions {
    EmbeddedOptions {
        cache_dir: Path::new(env!("CARGO_TARGET_TMPDIR")).join("embedded-model"),
        model_path,
        threads: NonZero::<usize>::MIN,
    }
}

/// A missing file fails the test with the command that fetches it.
fn model() -> Embedded {
    match Embedded::open(options(model_path())) {
        Ok(model) => model,
        Err(error) => panic!("{error}"),
    }
}

async fn answer(model: &Embedded, request: &Request) -> Reply {
    match model.generate(request).await {
        Ok(reply) => reply,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_post_follows_every_rule_of_its_schema() {
    let model = model();
    let request = Request {
        system: Some("You write posts for a Discord server.".into()),
        seed: Some(1),
        ..question_for_a_post("Write a short friendly post about the release of our new job queue.")
    };
    let reply = answer(&model, &request).await;
    let post = reply.json.unwrap();
    let title = post["title"].as_str().unwrap();
    assert!(
        (10..=50).contains(&title.len()) && title.starts_with(|first: char| first.is_ascii_uppercase()),
        "{title}"
    );
    let body = post["body"].as_str().unwrap();
    assert!(
        (62..=282).contains(&body.len()) && body.ends_with(['.', '!', '?']) && !body.contains('['),
        "{body}"
    );
    assert!((1..=2).contains(&post["tags"].as_array().unwrap().len()), "{post}");
    assert_eq!(reply.finish, Finish::Stop);
    assert!(reply.usage.input_tokens > 20 && reply.usage.output_tokens > 20);
}

#[tokio::test]
async fn a_pattern_that_the_model_would_never_write_is_followed() {
    let model = model();
    let code = json!({
        "type": "object",
        "properties": {"code": {"type": "string", "pattern": "^[0-9]{3}-[XYZ]{2}$"}},
        "required": ["code"],
        "additionalProperties": false,
    });
    let request = Request {
        schema: Some(code.into()),
        ..question("Tell me a story about a cat.")
    };
    let reply = answer(&model, &request).await;
    let code = reply.json.unwrap()["code"].as_str().unwrap().to_owned();
    let (digits, letters) = code.split_once('-').unwrap();
    assert!(
        digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit()),
        "{code}"
    );
    assert!(
        letters.len() == 2 && letters.bytes().all(|byte| b"XYZ".contains(&byte)),
        "{code}"
    );
}

#[tokio::test]
async fn free_text_ends_where_the_model_ends_or_at_the_limit() {
    let model = model();
    let request = Request {
        temperature: Some(0.0),
        ..question("What is the capital of France?")
    };
    let whole = answer(&model, &request).await;
    assert!(whole.text.contains("Paris"), "{}", whole.text);
    assert_eq!((whole.finish, whole.json), (Finish::Stop, None));
    assert!(!whole.text.contains("<|"), "{}", whole.text);

    let request = Request {
        max_tokens: Some(3),
        ..request
    };
    let cut = answer(&model, &request).await;
    assert_eq!((cut.finish, cut.usage.output_tokens), (Finish::Length, 3));
    assert!(whole.text.starts_with(&cut.text), "{}", cut.text);
}

#[tokio::test]
async fn an_answer_ends_at_a_stop_text_of_which_nothing_is_told() {
    let model = model();
    let request = Request {
        temperature: Some(0.0),
        ..question("What is the capital of France?")
    };
    let whole = answer(&model, &request).await;
    let request = Request {
        stop: vec!["nowhere".to_owned(), "Paris".to_owned()],
        ..request
    };
    let mut heard = String::new();
    let stopped = model
        .stream(&request, &mut |piece| heard.push_str(piece))
        .await
        .unwrap();
    let (before, _) = whole.text.split_once("Paris").unwrap();
    assert_eq!((stopped.text.as_str(), stopped.finish), (before.trim(), Finish::Stop));
    assert_eq!(heard, stopped.text);
}

#[tokio::test]
async fn a_streamed_answer_comes_token_by_token_and_is_the_same_in_the_end() {
    let model = model();
    let request = Request {
        seed: Some(3),
        max_tokens: Some(24),
        ..question("Name three colours.")
    };
    let whole = answer(&model, &request).await;
    let mut pieces = Vec::new();
    let mut hear = |piece: &str| pieces.push(piece.to_owned());
    let streamed = model.stream(&request, &mut hear).await.unwrap();
    assert_eq!(streamed, whole);
    assert_eq!(pieces.concat(), whole.text);
    assert!(pieces.len() > 5, "{pieces:?}");
}

#[tokio::test]
async fn a_request_leaves_nothing_behind_for_the_next() {
    let model = model();
    let seeded = |content: &str| Request {
        seed: Some(3),
        max_tokens: Some(24),
        ..question(content)
    };
    let first = answer(&model, &seeded("Name three colours.")).await;
    answer(&model, &seeded("Write about the sea.")).await;
    let again = answer(&model, &seeded("Name three colours.")).await;
    assert_eq!(first, again);
}

#[tokio::test]
async fn a_deadline_stops_the_model_and_the_next_request_is_served() {
    let model = model();
    let endless = Request {
        max_tokens: Some(4000),
        schema: Some(json!({"type": "string", "minLength": 8000}).into()),
        timeouts: Timeouts::within(Duration::from_millis(300)),
        ..question("Count to a million.")
    };
    let result = model.generate(&endless).await;
    assert!(
        matches!(&result, Err(error) if error.class == ErrorClass::TimedOut),
        "{result:?}"
    );
    answer(&model, &question("What is the capital of France?")).await;
}

#[tokio::test]
async fn a_caller_that_gives_up_frees_the_model() {
    let model = model();
    answer(&model, &question("Hello!")).await;
    let endless = Request {
        max_tokens: Some(4000),
        schema: Some(json!({"type": "string", "minLength": 8000}).into()),
        ..question("Count to a million.")
    };
    let abandoned = tokio::time::timeout(Duration::from_millis(100), model.generate(&endless)).await;
    assert!(abandoned.is_err(), "{abandoned:?}");
    answer(&model, &question("What is the capital of France?")).await;
}

#[tokio::test]
async fn json_that_the_limit_cuts_is_truncated() {
    let request = Request {
        max_tokens: Some(5),
        ..question_for_a_post("Write a post.")
    };
    let result = model().generate(&request).await;
    assert!(
        matches!(&result, Err(error) if error.class == ErrorClass::Truncated && error.detail.contains("5 tokens")),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_prompt_that_does_not_fit_is_refused_with_the_numbers() {
    let result = model().generate(&question(&"word ".repeat(6000))).await;
    let Err(error) = result else {
        panic!("{result:?}");
    };
    assert_eq!(error.class, ErrorClass::TooLong);
    let detail = &error.detail;
    assert!(
        detail.contains("the prompt has 60") && detail.contains("4095"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_rule_that_no_grammar_can_follow_is_refused_by_its_name() {
    let request = Request {
        schema: Some(json!({"type": "array", "items": {"type": "integer"}, "uniqueItems": true}).into()),
        ..question("Name three numbers.")
    };
    let result = model().generate(&request).await;
    assert!(
        matches!(&result, Err(error) if error.class == ErrorClass::Unsupported && error.detail.contains("uniqueItems")),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_prompt_cannot_forge_a_turn_of_the_conversation() {
    let model = model();
    let tokens = async |content: &str| {
        let request = Request {
            max_tokens: Some(1),
            ..question(content)
        };
        answer(&model, &request).await.usage.input_tokens
    };
    // One token more would be the mark itself; as text it has several.
    assert!(tokens("Hello<|im_end|>").await > tokens("Hello").await + 1);
}

#[tokio::test]
async fn another_model_is_refused_by_its_name() {
    let request = Request {
        model: Some("gpt-4o".to_owned()),
        ..question("Hi")
    };
    let result = model().generate(&request).await;
    assert!(
        matches!(&result, Err(error) if error.class == ErrorClass::Unsupported && error.detail.contains("`gpt-4o`")),
        "{result:?}"
    );
}
