//! Anthropic messages.

use std::time::Duration;

use botticelli_llm::{ErrorClass, Usage, Wire};
use serde_json::{Value, json};

use super::{ANSWERING, End, Failure, Speech};

pub(crate) fn speech() -> Speech {
    Speech {
        wire: Wire::Anthropic,
        answer,
        events,
        terminator: None,
        // The wire counts 10 fresh ones.
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
        complaint: |_, message| said("some_error", message),
        failures,
        overload: || said("overloaded_error", "Overloaded"),
    }
}

fn answer(text: &str, end: End) -> Value {
    json!({
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": ANSWERING,
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
            {"type": "text", "text": text},
        ],
        "stop_reason": reason(end),
        "stop_sequence": null,
        "usage": usage(10),
    })
}

fn events(pieces: &[&str], end: End) -> Vec<Value> {
    let mut begun = answer("", End::Stop);
    begun["content"] = json!([]);
    begun["stop_reason"] = Value::Null;
    begun["usage"] = usage(1);
    let first = [
        json!({"type": "message_start", "message": begun}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
    ];
    let words = pieces.iter().map(
        |piece| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}),
    );
    let total = json!({"output_tokens": 10, "output_tokens_details": {"thinking_tokens": 4}});
    let last = [
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": reason(end), "stop_sequence": null}, "usage": total}),
        json!({"type": "message_stop"}),
    ];
    first.into_iter().chain(words).chain(last).collect()
}

fn reason(end: End) -> &'static str {
    match end {
        End::Stop => "end_turn",
        End::Length => "max_tokens",
        End::Declined => "refusal",
    }
}

fn usage(output: u64) -> Value {
    json!({
        "input_tokens": 10,
        "cache_creation_input_tokens": 2,
        "cache_read_input_tokens": 7,
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": 4},
    })
}

fn said(kind: &str, message: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"})
}

fn failures() -> Vec<Failure> {
    let spent = json!({
        "type": "error",
        "error": {
            "type": "rate_limit_error",
            "message": "You have reached the limit of your tier",
            "details": {"error_code": "enforced_spend_limit_reached"},
        },
    });
    let poor = "Your credit balance is too low to access the Anthropic API.";
    let limited = "You have reached your specified workspace API usage limits.";
    let long = "prompt is too long: 208310 tokens > 200000 maximum";
    vec![
        Failure {
            headers: &[("retry-after", "20")],
            retry_after: Some(Duration::from_secs(20)),
            ..Failure::new(429, said("rate_limit_error", "Slow down"), ErrorClass::RateLimited)
        },
        Failure::new(429, spent, ErrorClass::QuotaExhausted),
        Failure::new(402, said("billing_error", "Pay first"), ErrorClass::QuotaExhausted),
        Failure::new(400, said("invalid_request_error", poor), ErrorClass::QuotaExhausted),
        Failure::new(400, said("invalid_request_error", limited), ErrorClass::QuotaExhausted),
        Failure::new(400, said("invalid_request_error", long), ErrorClass::TooLong),
        Failure::new(413, said("request_too_large", "Too large"), ErrorClass::TooLong),
        Failure::new(
            401,
            said("authentication_error", "invalid x-api-key"),
            ErrorClass::Unauthorized,
        ),
        Failure::new(403, said("permission_error", "Not yours"), ErrorClass::Unauthorized),
        Failure::new(404, said("not_found_error", "model: small"), ErrorClass::Invalid),
        Failure::new(529, said("overloaded_error", "Overloaded"), ErrorClass::Overloaded),
    ]
}
