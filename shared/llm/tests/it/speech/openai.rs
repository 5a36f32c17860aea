//! `OpenAI` chat completions.

use std::time::Duration;

use botticelli_llm::{ErrorClass, Usage, Wire};
use serde_json::{Value, json};

use super::{ANSWERING, End, Failure, Speech};

pub(crate) fn speech() -> Speech {
    Speech {
        wire: Wire::OpenAi,
        answer,
        events,
        terminator: Some("[DONE]"),
        usage: Usage {
            input_tokens: 19,
            output_tokens: 10,
            cached_input_tokens: 7,
            reasoning_tokens: 4,
            ..Usage::default()
        },
        usage_fields: &["usage"],
        declines: true,
        complaint,
        failures,
        overload: || json!({"error": {"message": "The server is overloaded", "type": "server_error", "code": 503}}),
    }
}

fn answer(text: &str, end: End) -> Value {
    let message = json!({"role": "assistant", "content": text, "refusal": null, "annotations": []});
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": ANSWERING,
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": reason(end)}],
        "usage": usage(),
        "system_fingerprint": "fp_1",
    })
}

fn events(pieces: &[&str], end: End) -> Vec<Value> {
    let chunk = |choices: Value, usage: Value| {
        json!({
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1_760_000_000,
            "model": ANSWERING,
            "choices": choices,
            "usage": usage,
        })
    };
    let delta = |delta: Value, reason: Value| {
        chunk(
            json!([{"index": 0, "delta": delta, "finish_reason": reason}]),
            Value::Null,
        )
    };
    let first = delta(json!({"role": "assistant", "content": ""}), Value::Null);
    let words = pieces.iter().map(|piece| delta(json!({"content": piece}), Value::Null));
    let last = [delta(json!({}), reason(end).into()), chunk(json!([]), usage())];
    std::iter::once(first).chain(words).chain(last).collect()
}

fn reason(end: End) -> &'static str {
    match end {
        End::Stop => "stop",
        End::Length => "length",
        End::Declined => "content_filter",
    }
}

fn usage() -> Value {
    json!({
        "prompt_tokens": 19,
        "completion_tokens": 10,
        "total_tokens": 29,
        "prompt_tokens_details": {"cached_tokens": 7, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 0},
    })
}

fn complaint(_: u16, message: &str) -> Value {
    json!({"error": {"message": message, "type": "some_error", "param": null, "code": null}})
}

pub(super) fn failures() -> Vec<Failure> {
    let coded = |status, code: &str, kind: &str, class| {
        let error = json!({"message": "It cannot be", "type": kind, "param": null, "code": code});
        Failure::new(status, json!({"error": error}), class)
    };
    vec![
        Failure {
            headers: &[("retry-after-ms", "1500"), ("retry-after", "2")],
            retry_after: Some(Duration::from_millis(1500)),
            ..coded(429, "rate_limit_exceeded", "tokens", ErrorClass::RateLimited)
        },
        coded(
            429,
            "insufficient_quota",
            "insufficient_quota",
            ErrorClass::QuotaExhausted,
        ),
        coded(
            429,
            "credit_balance_exhausted",
            "insufficient_quota",
            ErrorClass::QuotaExhausted,
        ),
        coded(
            429,
            "project_spend_limit_exceeded",
            "insufficient_quota",
            ErrorClass::QuotaExhausted,
        ),
        coded(
            401,
            "invalid_api_key",
            "invalid_request_error",
            ErrorClass::Unauthorized,
        ),
        coded(404, "model_not_found", "invalid_request_error", ErrorClass::Invalid),
        coded(
            400,
            "context_length_exceeded",
            "invalid_request_error",
            ErrorClass::TooLong,
        ),
        coded(400, "content_filter", "invalid_request_error", ErrorClass::Declined),
        coded(400, "unsupported_value", "invalid_request_error", ErrorClass::Invalid),
    ]
}
