//! What the stub of the LLM says in these tests.

use std::sync::atomic::{AtomicUsize, Ordering};

use botticelli_testkit::{LlmReply, LlmRequest, StubLlm};
use serde_json::json;

/// A stub that answers the shipped narratives as a good model would. No two posts are alike, and no two ideas, so that a
/// prompt that quotes one tells which act it is of.
pub(crate) async fn writer() -> StubLlm {
    let llm = StubLlm::start().await;
    let said = AtomicUsize::new(0);
    llm.reply_with(move |request| {
        let word = word(said.fetch_add(1, Ordering::Relaxed));
        if asks_for(request, "verdict") {
            LlmReply::Json(json!({ "reason": "Clear, kind and useful.", "score": 8, "verdict": "approve" }))
        } else if asks_for(request, "body") {
            let body = format!("Neighbours met on the green to talk about {word}, and everybody went home happy.");
            LlmReply::Json(json!({ "body": body, "tags": ["community"] }))
        } else {
            LlmReply::Text(format!("a walk to {word}"))
        }
    });
    llm
}

fn asks_for(request: &LlmRequest, property: &str) -> bool {
    request
        .schema()
        .is_some_and(|schema| schema["properties"].get(property).is_some())
}

/// A word of letters only, another for each number.
fn word(number: usize) -> String {
    let digits = format!("{number:03}");
    digits
        .bytes()
        .map(|digit| ["ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "tu"][usize::from(digit - b'0')])
        .collect()
}
