//! What a response says that is not an answer: come back later, never again, or not this content.

use std::time::Duration;

use chrono::DateTime;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use serde_json::Value;

use super::{Foreign, PROVIDER};
use crate::{ErrorClass, LlmError};

/// Reasons that no waiting cures, although some of them come with status 429.
const OUT_OF_CREDIT: [&str; 4] = [
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "billing_error",
];

/// Reasons that speak about the content and not about the request.
const UNWANTED_CONTENT: [&str; 2] = ["content_filter", "content_policy_violation"];

/// Reasons that say that the conversation is longer than the model can read.
const TOO_LONG: [&str; 2] = ["context_length_exceeded", "exceed_context_size_error"];

/// The error behind a response whose status is, or hides, a failure.
pub(super) fn classify(status: StatusCode, foreign: &Foreign<'_>) -> LlmError {
    let complaint = Complaint::of(foreign);
    if complaint.is_one_of(&UNWANTED_CONTENT) {
        return foreign.declined(complaint.text);
    }
    let said = match complaint.text.as_str() {
        "" => format!("it answered {status} with an empty body"),
        text => format!("it answered {status}: {text}"),
    };
    let detail = match way_out(status, foreign, &complaint) {
        Some(way_out) => format!("{said}; {way_out}"),
        None => said,
    };
    let mut error = LlmError::new(class_of(status, foreign, &complaint), PROVIDER, detail).with_model(foreign.model);
    error.status = Some(status.as_u16());
    error.retry_after = retry_after(foreign.headers);
    error
}

fn class_of(status: StatusCode, foreign: &Foreign<'_>, complaint: &Complaint) -> ErrorClass {
    if complaint.is_one_of(&OUT_OF_CREDIT) {
        return ErrorClass::QuotaExhausted;
    }
    if complaint.is_one_of(&TOO_LONG) {
        return ErrorClass::TooLong;
    }
    match (status.as_u16(), worth_repeating(status, foreign.headers)) {
        (429, true) => ErrorClass::RateLimited,
        (_, true) => ErrorClass::Overloaded,
        (402 | 429, false) => ErrorClass::QuotaExhausted,
        (401 | 403, false) => ErrorClass::Unauthorized,
        (413, false) => ErrorClass::TooLong,
        (_, false) => ErrorClass::Invalid,
    }
}

fn way_out(status: StatusCode, foreign: &Foreign<'_>, complaint: &Complaint) -> Option<String> {
    if complaint.is_one_of(&OUT_OF_CREDIT) {
        return Some("check the account's credit and spending limit".to_owned());
    }
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Some("check the API key and what it may do".to_owned()),
        StatusCode::PAYMENT_REQUIRED => Some("check the account's credit".to_owned()),
        StatusCode::NOT_FOUND => Some(format!("check `base_url` and the model's name `{}`", foreign.model)),
        status if status.is_redirection() => Some("write the address that it leads to into `base_url`".to_owned()),
        _ => None,
    }
}

/// The rule of the provider's own clients.
fn worth_repeating(status: StatusCode, headers: &HeaderMap) -> bool {
    match headers
        .get("x-should-retry")
        .map(reqwest::header::HeaderValue::as_bytes)
    {
        Some(b"true") => true,
        Some(b"false") => false,
        _ => matches!(status.as_u16(), 408 | 409 | 429) || status.is_server_error(),
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |name: &str| text(name).and_then(|text| text.parse::<f64>().ok());
    if let Some(wait) = number("retry-after-ms").and_then(|millis| Duration::try_from_secs_f64(millis / 1000.0).ok()) {
        return Some(wait);
    }
    if let Some(seconds) = number(RETRY_AFTER.as_str()) {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    // Measured against the service's own clock, so a wrong one here does no harm.
    let until = DateTime::parse_from_rfc2822(text(RETRY_AFTER.as_str())?).ok()?;
    let now = DateTime::parse_from_rfc2822(text(DATE.as_str())?).ok()?;
    Some((until - now).to_std().unwrap_or(Duration::ZERO))
}

/// The service's own words, which have as many shapes as there are services.
struct Complaint {
    text: String,
    code: Option<String>,
    kind: Option<String>,
}

impl Complaint {
    fn of(foreign: &Foreign<'_>) -> Self {
        let body: Value = serde_json::from_slice(foreign.body).unwrap_or_default();
        let error = body.get("error").unwrap_or(&body);
        let field = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
        let message = error.as_str().map(str::to_owned);
        let message = message.or_else(|| field("message")).or_else(|| field("detail"));
        Self {
            text: message.map_or_else(|| foreign.excerpt(), |message| foreign.safe(&message)),
            code: field("code"),
            kind: field("type"),
        }
    }

    fn is_one_of(&self, reasons: &[&str]) -> bool {
        [&self.code, &self.kind]
            .into_iter()
            .flatten()
            .any(|reason| reasons.contains(&reason.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn waits(headers: &[(&'static str, &'static str)]) -> Option<Duration> {
        let headers = headers.iter().map(|&(name, value)| {
            (
                reqwest::header::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        retry_after(&headers.collect())
    }

    #[test]
    fn milliseconds_win_over_seconds() {
        assert_eq!(
            waits(&[("retry-after", "9"), ("retry-after-ms", "250")]),
            Some(Duration::from_millis(250))
        );
        assert_eq!(waits(&[("retry-after", "1.5")]), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn a_date_is_measured_against_the_service_s_own_clock() {
        let date = ("date", "Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(
            waits(&[date, ("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT")]),
            Some(Duration::from_secs(30))
        );
        assert_eq!(
            waits(&[date, ("retry-after", "Wed, 21 Oct 2015 07:00:00 GMT")]),
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn nonsense_is_no_wait() {
        assert_eq!(waits(&[]), None);
        assert_eq!(waits(&[("retry-after", "-3")]), None);
        assert_eq!(waits(&[("retry-after", "NaN")]), None);
        assert_eq!(waits(&[("retry-after", "soon")]), None);
    }
}
