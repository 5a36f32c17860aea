//! Ollama's own chat.

use botticelli_llm::{ErrorClass, Usage, Wire};
use serde_json::{Value, json};

use super::{ANSWERING, End, Failure, Speech};

pub(crate) fn speech() -> Speech {
    Speech {
        wire: Wire::Ollama,
        answer,
        events,
        terminator: None,
        usage: Usage {
            input_tokens: 19,
            output_tokens: 10,
            ..Usage::default()
        },
        usage_fields: &["prompt_eval_count", "eval_count"],
        declines: false,
        complaint: |_, message| json!({"error": message}),
        failures: || {
            vec![
                Failure::new(404, json!({"error": "model 'small' not found"}), ErrorClass::Invalid),
                Failure::new(
                    503,
                    json!({"error": "server busy, please try again. maximum pending requests exceeded"}),
                    ErrorClass::Overloaded,
                ),
            ]
        },
        overload: || json!({"error": "an error was encountered while running the model"}),
    }
}

fn answer(text: &str, end: End) -> Value {
    json!({
        "model": ANSWERING,
        "created_at": "2026-01-01T00:00:00Z",
        "message": {"role": "assistant", "content": text, "thinking": "Hm."},
        "done": true,
        "done_reason": if end == End::Length { "length" } else { "stop" },
        "total_duration": 5_000_000_000_u64,
        "prompt_eval_count": 19,
        "eval_count": 10,
    })
}

fn events(pieces: &[&str], end: End) -> Vec<Value> {
    let words = pieces.iter().map(|piece| {
        json!({
            "model": ANSWERING,
            "created_at": "2026-01-01T00:00:00Z",
            "message": {"role": "assistant", "content": piece},
            "done": false,
        })
    });
    words.chain([answer("", end)]).collect()
}
