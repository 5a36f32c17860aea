//! `OpenAI` responses.

use botticelli_llm::{Usage, Wire};
use serde_json::{Value, json};

use super::{ANSWERING, End, Speech, openai};

pub(crate) fn speech() -> Speech {
    Speech {
        wire: Wire::OpenAiResponses,
        answer,
        events,
        terminator: None,
        usage: Usage {
            input_tokens: 19,
            output_tokens: 10,
            cached_input_tokens: 7,
            cache_write_tokens: 2,
            reasoning_tokens: 4,
            is_estimated: false,
        },
        usage_fields: &["usage"],
        declines: true,
        complaint: |status, message| (openai::speech().complaint)(status, message),
        failures: openai::failures,
        overload: || json!({"type": "error", "code": "server_error", "message": "The server is overloaded", "param": null}),
    }
}

fn answer(text: &str, end: End) -> Value {
    let (status, details) = match end {
        End::Stop => ("completed", Value::Null),
        End::Length => ("incomplete", json!({"reason": "max_output_tokens"})),
        End::Declined => ("incomplete", json!({"reason": "content_filter"})),
    };
    json!({
        "id": "resp_1",
        "object": "response",
        "created_at": 1_760_000_000,
        "status": status,
        "error": null,
        "incomplete_details": details,
        "model": ANSWERING,
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {
                "type": "message",
                "id": "msg_1",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": text, "annotations": []}],
            },
        ],
        "usage": {
            "input_tokens": 19,
            "input_tokens_details": {"cached_tokens": 7, "cache_write_tokens": 2},
            "output_tokens": 10,
            "output_tokens_details": {"reasoning_tokens": 4},
            "total_tokens": 29,
        },
    })
}

fn events(pieces: &[&str], end: End) -> Vec<Value> {
    let mut begun = answer("", End::Stop);
    begun["status"] = "in_progress".into();
    begun["output"] = json!([]);
    begun["usage"] = Value::Null;
    let finished = answer(&pieces.concat(), end);
    let last = if end == End::Stop {
        "response.completed"
    } else {
        "response.incomplete"
    };
    let words = pieces.iter().map(|piece| {
        json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 1, "content_index": 0, "delta": piece})
    });
    let first = [
        json!({"type": "response.created", "sequence_number": 0, "response": begun.clone()}),
        json!({"type": "response.in_progress", "sequence_number": 1, "response": begun}),
        json!({"type": "response.output_item.added", "output_index": 1, "item": {"type": "message", "content": []}}),
    ];
    let done = json!({"type": "response.output_text.done", "item_id": "msg_1", "text": pieces.concat()});
    let end = json!({"type": last, "response": finished});
    first.into_iter().chain(words).chain([done, end]).collect()
}
