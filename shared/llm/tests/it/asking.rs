use std::time::Duration;

use botticelli_llm::{Media, MediaKind, Message, Part, Request, Role, Timeouts};
use serde_json::{Value, json};

/// A question in free text with a minute to answer it.
pub(crate) fn question(content: &str) -> Request {
    Request::of([Message::user(content)], Timeouts::within(Duration::from_mins(1)))
}

/// The same, answered as a post.
pub(crate) fn question_for_a_post(content: &str) -> Request {
    Request {
        schema: Some(post_schema().into()),
        ..question(content)
    }
}

/// A question with everything that a question can have.
pub(crate) fn full_question() -> Request {
    Request {
        system: Some("You are brief.".into()),
        messages: vec![Message::user("Hi"), Message::assistant("Hello"), Message::user("Post!")],
        schema: Some(verdict_schema().into()),
        max_tokens: Some(90),
        temperature: Some(0.5),
        top_p: Some(0.75),
        stop: vec!["END".to_owned()],
        seed: Some(7),
        ..question("")
    }
}

/// A question that shows `media` between two texts.
pub(crate) fn showing(media: impl IntoIterator<Item = Media>) -> Request {
    let shown = media.into_iter().map(|media| Part::Media(media.into()));
    let parts = [Part::Text("Look:".into())].into_iter().chain(shown);
    let parts: Vec<Part> = parts.chain([Part::Text("What is it?".into())]).collect();
    Request {
        messages: vec![Message::of(Role::User, parts)],
        ..question("")
    }
}

/// A file of the three bytes `abc`, which are `YWJj` in base64.
pub(crate) fn media(kind: MediaKind, mime: &str, filename: Option<&str>) -> Media {
    Media {
        kind,
        mime: mime.to_owned(),
        filename: filename.map(str::to_owned),
        bytes: b"abc"[..].into(),
    }
}

/// A post whose texts hold no brackets or addresses and whose tags come from a list.
pub(crate) fn post_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "title": {"type": "string", "pattern": "^[A-Z][A-Za-z0-9 ,:'-]{8,48}[a-z!?]$"},
            "body": {"type": "string", "pattern": "^[A-Z][A-Za-z0-9 ,.:;'!?-]{60,280}[.!?]$"},
            "tags": {"type": "array", "items": {"enum": ["release", "event", "community"]}, "minItems": 1, "maxItems": 2},
        },
        "required": ["title", "body", "tags"],
        "additionalProperties": false,
    })
}

/// A schema with a rule that not everybody knows.
pub(crate) fn verdict_schema() -> Value {
    json!({
        "type": "object",
        "properties": {"verdict": {"type": "string", "pattern": "^(yes|no)$"}},
        "required": ["verdict"],
        "additionalProperties": false,
    })
}
