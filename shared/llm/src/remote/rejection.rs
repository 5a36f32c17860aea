//! What a response says that is not an answer: come back later, never again, or not this content.
//!
//! Services repeat each other's complaints, and gateways those of the services behind them, so there is one list of reasons
//! for all. Sources: the error pages of `OpenAI`, Anthropic and the Gemini API, and the type files of their clients.

use std::time::Duration;

use chrono::{Days, NaiveTime, TimeDelta};
use chrono_tz::America::Los_Angeles;
use reqwest::StatusCode;
use serde_json::Value;

use super::foreign::Foreign;
use super::limits;
use crate::{ErrorClass, LlmError};

/// Reasons that say more than the status they come with.
const REASONS: &[(ErrorClass, &[&str])] = &[
    // No waiting cures them, although most come with status 429.
    (
        ErrorClass::QuotaExhausted,
        &[
            "insufficient_quota",
            "credit_balance_exhausted",
            "organization_usage_limit_exceeded",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "billing_hard_limit_reached",
            "billing_not_active",
            "billing_error",
            "enforced_spend_limit_reached",
        ],
    ),
    (
        ErrorClass::Declined,
        &[
            "content_filter",
            "content_policy_violation",
            "image_content_policy_violation",
            "invalid_prompt",
            "bio_policy",
        ],
    ),
    (
        ErrorClass::TooLong,
        &[
            "context_length_exceeded",
            "exceed_context_size_error",
            "request_too_large",
        ],
    ),
    // Gemini says 400 to a wrong key.
    (ErrorClass::Unauthorized, &["API_KEY_INVALID", "invalid_api_key"]),
];

/// Words of Anthropic and Gemini that come without a reason of their own. In small letters.
const PHRASES: &[(ErrorClass, &[&str])] = &[
    (
        ErrorClass::QuotaExhausted,
        &[
            "credit balance is too low",
            "specified api usage limits",
            "specified workspace api usage limits",
        ],
    ),
    (
        ErrorClass::TooLong,
        &[
            "prompt is too long",
            "maximum context length",
            "exceeds the maximum number of tokens",
        ],
    ),
];

/// The statuses behind the reasons of a complaint that has no status, because the response began as a success.
const HIDDEN_STATUSES: &[(u16, &[&str])] = &[
    (
        400,
        &["invalid_request_error", "INVALID_ARGUMENT", "FAILED_PRECONDITION"],
    ),
    (401, &["authentication_error", "UNAUTHENTICATED"]),
    (403, &["permission_error", "PERMISSION_DENIED"]),
    (404, &["not_found_error", "model_not_found", "NOT_FOUND"]),
    (429, &["rate_limit_error", "rate_limit_exceeded", "RESOURCE_EXHAUSTED"]),
    (500, &["api_error", "server_error", "INTERNAL"]),
    (503, &["UNAVAILABLE"]),
    (504, &["timeout_error", "DEADLINE_EXCEEDED"]),
    (529, &["overloaded_error"]),
];

/// The error behind a response whose status is a failure.
pub(super) fn classify(foreign: &Foreign<'_>) -> LlmError {
    let body = serde_json::from_slice(foreign.body).unwrap_or_default();
    Complaint::of(&body, foreign).error(foreign.status, foreign)
}

/// The error behind `body`, which came as an answer.
pub(super) fn hidden(body: &Value, foreign: &Foreign<'_>) -> LlmError {
    let complaint = Complaint::of(body, foreign);
    complaint.error(complaint.hidden_status(), foreign)
}

/// The service's own words, which have as many shapes as there are services.
struct Complaint<'a> {
    text: String,
    /// Every name of a reason in it, whatever field it stands in.
    reasons: Vec<&'a str>,
    /// The status that a gateway has put into it.
    code: Option<u16>,
    /// `google.rpc.RetryInfo`.
    retry_delay: Option<Duration>,
}

impl<'a> Complaint<'a> {
    fn of(body: &'a Value, foreign: &Foreign<'_>) -> Self {
        // Gemini wraps the complaint of a stream into a list.
        let body = body.get(0).unwrap_or(body);
        let error = body.get("error").filter(|error| !error.is_null()).unwrap_or(body);
        let text = |field: &str| error.get(field).and_then(Value::as_str);
        let message = error.as_str().or_else(|| text("message")).or_else(|| text("detail"));
        // Anthropic has one object of details, Google a list of them.
        let details = match error.get("details") {
            Some(Value::Array(details)) => details.as_slice(),
            Some(details) => std::slice::from_ref(details),
            None => &[],
        };
        let violations = details.iter().filter_map(|detail| detail.get("violations")?.as_array());
        let quotas = violations.flatten().filter_map(|violation| violation.get("quotaId"));
        let named = ["reason", "error_code"];
        let of_details = details
            .iter()
            .flat_map(|detail| named.iter().filter_map(|name| detail.get(*name)));
        let own = ["code", "type", "status"].iter().filter_map(|name| error.get(*name));
        let mut delays = details.iter().filter_map(|detail| detail.get("retryDelay")?.as_str());
        Self {
            text: message.map_or_else(|| foreign.excerpt(), |message| foreign.safe(message)),
            reasons: own.chain(of_details).chain(quotas).filter_map(Value::as_str).collect(),
            code: error
                .get("code")
                .and_then(Value::as_u64)
                .and_then(|code| u16::try_from(code).ok()),
            retry_delay: delays.find_map(limits::go_duration),
        }
    }

    fn hidden_status(&self) -> StatusCode {
        let has = |reasons: &[&str]| self.reasons.iter().any(|reason| reasons.contains(reason));
        let mut statuses = HIDDEN_STATUSES.iter();
        let of_reason = || statuses.find(|(_, reasons)| has(reasons)).map(|(status, _)| *status);
        self.code
            .filter(|code| (400..600).contains(code))
            .or_else(of_reason)
            .and_then(|code| StatusCode::from_u16(code).ok())
            .unwrap_or(StatusCode::BAD_GATEWAY)
    }

    /// Quotas of a day, such as Gemini's `GenerateRequestsPerDayPerProjectPerModel-FreeTier`.
    fn is_daily(&self) -> bool {
        self.reasons.iter().any(|reason| reason.contains("PerDay"))
    }

    fn error(&self, status: StatusCode, foreign: &Foreign<'_>) -> LlmError {
        let class = self.class(status, foreign);
        let said = match self.text.as_str() {
            "" => format!("it answered {status} with an empty body"),
            text => format!("it answered {status}: {text}"),
        };
        let detail = [
            Some(said),
            self.way_out(class, status, foreign),
            foreign
                .request_id()
                .map(|id| format!("the provider knows the call as `{id}`")),
        ];
        let detail = detail.into_iter().flatten().collect::<Vec<_>>().join("; ");
        let mut error = foreign.error(class, detail);
        error.status = Some(status.as_u16());
        // A gateway gave up waiting for a model that may go on.
        error.may_have_run = matches!(status, StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT);
        error.retry_after = match class {
            ErrorClass::QuotaExhausted if self.is_daily() => midnight_in_california(foreign),
            _ => None,
        }
        .or_else(|| limits::retry_after(foreign))
        .or(self.retry_delay);
        error
    }

    fn class(&self, status: StatusCode, foreign: &Foreign<'_>) -> ErrorClass {
        let is_reason = |reasons: &[&str]| self.reasons.iter().any(|reason| reasons.contains(reason));
        if let Some((class, _)) = REASONS.iter().find(|(_, reasons)| is_reason(reasons)) {
            return *class;
        }
        let text = self.text.to_lowercase();
        let is_said = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
        if let Some((class, _)) = PHRASES.iter().find(|(_, phrases)| is_said(phrases))
            && status.is_client_error()
        {
            return *class;
        }
        if self.is_daily() {
            return ErrorClass::QuotaExhausted;
        }
        match (status.as_u16(), is_worth_repeating(status, foreign)) {
            (429, true) => ErrorClass::RateLimited,
            (_, true) => ErrorClass::Overloaded,
            (402 | 429, false) => ErrorClass::QuotaExhausted,
            (401 | 403, false) => ErrorClass::Unauthorized,
            (413, false) => ErrorClass::TooLong,
            (_, false) => ErrorClass::Invalid,
        }
    }

    fn way_out(&self, class: ErrorClass, status: StatusCode, foreign: &Foreign<'_>) -> Option<String> {
        match class {
            ErrorClass::QuotaExhausted if self.is_daily() => {
                Some("the quota of the day is used up, and the next one begins at midnight in California".to_owned())
            }
            ErrorClass::QuotaExhausted => Some("check the account's credit and spending limit".to_owned()),
            ErrorClass::Unauthorized => Some("check the API key and what it may do".to_owned()),
            ErrorClass::TooLong => Some("shorten the request or ask a model that reads more".to_owned()),
            _ if status == StatusCode::NOT_FOUND => {
                Some(format!("check `base_url` and the model's name `{}`", foreign.model))
            }
            _ if status.is_redirection() => Some("write the address that it leads to into `base_url`".to_owned()),
            _ => None,
        }
    }
}

/// The rule of the clients of `OpenAI` and Anthropic.
fn is_worth_repeating(status: StatusCode, foreign: &Foreign<'_>) -> bool {
    match foreign.header("x-should-retry") {
        Some("true") => true,
        Some("false") => false,
        _ => matches!(status.as_u16(), 408 | 409 | 429) || status.is_server_error(),
    }
}

/// How long until Gemini's next day: its daily quotas begin anew at midnight Pacific time
/// (ai.google.dev/gemini-api/docs/rate-limits). The `retryDelay` that comes with them is of another quota.
fn midnight_in_california(foreign: &Foreign<'_>) -> Option<Duration> {
    let now = limits::now(foreign)?.with_timezone(&Los_Angeles);
    let midnight = now
        .date_naive()
        .checked_add_days(Days::new(1))?
        .and_time(NaiveTime::MIN);
    // No clock is changed at midnight there.
    let midnight = midnight.and_local_timezone(Los_Angeles).earliest()?;
    (midnight - now).max(TimeDelta::zero()).to_std().ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{DATE, HeaderMap, HeaderValue};
    use serde_json::json;

    use super::*;

    fn error_of(body: &Value, status: u16) -> LlmError {
        let headers = HeaderMap::from_iter([(DATE, HeaderValue::from_static("Sun, 01 Nov 2026 06:30:00 GMT"))]);
        classify(&Foreign {
            provider: "far",
            model: "m",
            status: StatusCode::from_u16(status).unwrap_or_default(),
            headers: &headers,
            body: body.to_string().as_bytes(),
            secrets: &[],
        })
    }

    fn gemini(quota: &str) -> Value {
        json!({"error": {"code": 429, "message": "You exceeded your current quota", "status": "RESOURCE_EXHAUSTED", "details": [
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": quota}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"},
        ]}})
    }

    #[test]
    fn a_quota_of_a_minute_is_a_rate_limit_with_its_delay() {
        let error = error_of(&gemini("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"), 429);
        assert_eq!(error.class, ErrorClass::RateLimited);
        assert_eq!(error.retry_after, Some(Duration::from_secs(17)));
    }

    #[test]
    fn a_quota_of_a_day_waits_for_midnight_in_california() {
        let error = error_of(&gemini("GenerateRequestsPerDayPerProjectPerModel-FreeTier"), 429);
        assert_eq!(error.class, ErrorClass::QuotaExhausted);
        // 23:30 on the last day of summer time there.
        assert_eq!(error.retry_after, Some(Duration::from_mins(30)));
    }

    #[test]
    fn a_reason_wins_over_the_status_it_comes_with() {
        let class = |error: Value, status| error_of(&json!({"error": error}), status).class;
        assert_eq!(
            class(
                json!({"type": "insufficient_quota", "code": "credit_balance_exhausted"}),
                429
            ),
            ErrorClass::QuotaExhausted
        );
        let spent = json!({"type": "rate_limit_error", "details": {"error_code": "enforced_spend_limit_reached"}});
        assert_eq!(class(spent, 429), ErrorClass::QuotaExhausted);
        let key = json!({"code": 400, "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]});
        assert_eq!(class(key, 400), ErrorClass::Unauthorized);
        assert_eq!(class(json!({"code": "invalid_prompt"}), 400), ErrorClass::Declined);
    }

    #[test]
    fn words_decide_where_there_is_no_reason() {
        let class = |message: &str| {
            error_of(
                &json!({"error": {"type": "invalid_request_error", "message": message}}),
                400,
            )
            .class
        };
        assert_eq!(
            class("Your credit balance is too low to access the Anthropic API."),
            ErrorClass::QuotaExhausted
        );
        assert_eq!(
            class("You have reached your specified API usage limits."),
            ErrorClass::QuotaExhausted
        );
        assert_eq!(
            class("prompt is too long: 208310 tokens > 200000 maximum"),
            ErrorClass::TooLong
        );
        assert_eq!(class("messages: at least one message is required"), ErrorClass::Invalid);
    }

    #[test]
    fn a_bare_text_and_a_list_are_complaints_too() {
        assert!(
            error_of(&json!({"error": "model not found"}), 404)
                .detail
                .contains("model not found")
        );
        let list = json!([{"error": {"code": 503, "message": "Busy", "status": "UNAVAILABLE"}}]);
        assert!(error_of(&list, 503).detail.contains("Busy"));
    }
}
