//! Gemini `generateContent`.

use std::time::Duration;

use botticelli_llm::{ErrorClass, Usage, Wire};
use serde_json::{Value, json};

use super::{ANSWERING, End, Failure, Speech};

pub(crate) fn speech() -> Speech {
    Speech {
        wire: Wire::Gemini,
        answer,
        events,
        terminator: None,
        // The wire counts 6 for the answer and 4 for the thoughts.
        usage: Usage {
            input_tokens: 19,
            output_tokens: 10,
            cached_input_tokens: 7,
            reasoning_tokens: 4,
            ..Usage::default()
        },
        usage_fields: &["usageMetadata"],
        declines: true,
        complaint: |code, message| json!({"error": {"code": code, "message": message, "status": "UNKNOWN"}}),
        failures,
        overload: || json!({"error": {"code": 503, "message": "The model is overloaded", "status": "UNAVAILABLE"}}),
    }
}

fn answer(text: &str, end: End) -> Value {
    let parts = json!([{"text": "Hm.", "thought": true}, {"text": text}]);
    event(&parts, Some(end))
}

fn events(pieces: &[&str], end: End) -> Vec<Value> {
    let words = pieces.iter().map(|piece| event(&json!([{"text": piece}]), None));
    words.chain([event(&json!([{"text": ""}]), Some(end))]).collect()
}

fn event(parts: &Value, end: Option<End>) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
    if let Some(end) = end {
        candidate["finishReason"] = match end {
            End::Stop => "STOP",
            End::Length => "MAX_TOKENS",
            End::Declined => "SAFETY",
        }
        .into();
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": 19,
            "candidatesTokenCount": 6,
            "totalTokenCount": 29,
            "thoughtsTokenCount": 4,
            "cachedContentTokenCount": 7,
        },
        "modelVersion": ANSWERING,
        "responseId": "gem_1",
    })
}

fn failures() -> Vec<Failure> {
    let quota = |id: &str| {
        json!({"error": {"code": 429, "message": "You exceeded your current quota", "status": "RESOURCE_EXHAUSTED", "details": [
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [
                {"quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests", "quotaId": id},
            ]},
            {"@type": "type.googleapis.com/google.rpc.Help", "links": []},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17.5s"},
        ]}})
    };
    let said = |code: u16, status: &str, message: &str, reason: &str| {
        let info =
            json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"});
        json!({"error": {"code": code, "message": message, "status": status, "details": [info]}})
    };
    let long = "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).";
    vec![
        Failure {
            retry_after: Some(Duration::from_millis(17_500)),
            ..Failure::new(
                429,
                quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"),
                ErrorClass::RateLimited,
            )
        },
        Failure {
            headers: &[("date", "Tue, 01 Dec 2026 07:00:00 GMT")],
            retry_after: Some(Duration::from_hours(1)),
            ..Failure::new(
                429,
                quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
                ErrorClass::QuotaExhausted,
            )
        },
        Failure::new(
            400,
            said(400, "INVALID_ARGUMENT", "API key not valid", "API_KEY_INVALID"),
            ErrorClass::Unauthorized,
        ),
        Failure::new(
            403,
            said(403, "PERMISSION_DENIED", "Not yours", "X"),
            ErrorClass::Unauthorized,
        ),
        Failure::new(
            404,
            said(404, "NOT_FOUND", "models/small is not found", "X"),
            ErrorClass::Invalid,
        ),
        Failure::new(400, said(400, "INVALID_ARGUMENT", long, "X"), ErrorClass::TooLong),
        Failure::new(
            400,
            said(400, "INVALID_ARGUMENT", "Unknown name", "X"),
            ErrorClass::Invalid,
        ),
        Failure::new(503, said(503, "UNAVAILABLE", "Overloaded", "X"), ErrorClass::Overloaded),
    ]
}
