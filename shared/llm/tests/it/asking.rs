use std::time::Duration;

use botticelli_llm::{Message, Request, Timeouts};
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
