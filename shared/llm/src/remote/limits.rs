//! What headers say about waiting and about what is left.

use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use reqwest::header::{DATE, RETRY_AFTER};

use super::foreign::Foreign;
use crate::Remaining;

/// How long the service asks us to wait: `retry-after-ms`, or `retry-after` in seconds or as a date.
pub(super) fn retry_after(foreign: &Foreign<'_>) -> Option<Duration> {
    let number = |name: &str| foreign.header(name).and_then(|text| text.parse::<f64>().ok());
    if let Some(wait) = number("retry-after-ms").and_then(|millis| Duration::try_from_secs_f64(millis / 1000.0).ok()) {
        return Some(wait);
    }
    if let Some(seconds) = number(RETRY_AFTER.as_str()) {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let until = DateTime::parse_from_rfc2822(foreign.header(RETRY_AFTER.as_str())?).ok()?;
    until_then(until, foreign)
}

/// The service's own time, so that a wrong clock here does no harm.
pub(super) fn now(foreign: &Foreign<'_>) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_rfc2822(foreign.header(DATE.as_str())?).ok()
}

fn until_then(until: DateTime<FixedOffset>, foreign: &Foreign<'_>) -> Option<Duration> {
    Some((until - now(foreign)?).to_std().unwrap_or(Duration::ZERO))
}

/// What is left of the rate limits: `x-ratelimit-*` of `OpenAI` and its kin, `anthropic-ratelimit-*` of Anthropic.
pub(super) fn remaining(foreign: &Foreign<'_>) -> Option<Remaining> {
    let number = |name: &str| foreign.header(name).and_then(|text| text.parse().ok());
    let reset = |name: &str| {
        let text = foreign.header(name)?;
        let moment = || DateTime::parse_from_rfc3339(text).ok();
        go_duration(text).or_else(|| until_then(moment()?, foreign))
    };
    let of = |remaining: [&str; 2], resets: [&str; 2]| {
        let left = remaining.iter().find_map(|name| number(name));
        (left, resets.iter().find_map(|name| reset(name)))
    };
    let (requests, requests_reset) = of(
        [
            "x-ratelimit-remaining-requests",
            "anthropic-ratelimit-requests-remaining",
        ],
        ["x-ratelimit-reset-requests", "anthropic-ratelimit-requests-reset"],
    );
    let (tokens, tokens_reset) = of(
        ["x-ratelimit-remaining-tokens", "anthropic-ratelimit-tokens-remaining"],
        ["x-ratelimit-reset-tokens", "anthropic-ratelimit-tokens-reset"],
    );
    let remaining = Remaining {
        requests,
        requests_reset,
        tokens,
        tokens_reset,
    };
    (remaining != Remaining::default()).then_some(remaining)
}

/// A duration as Go writes it, such as `6m0s`, `1.5s` or `20ms`; a bare number is seconds.
pub(super) fn go_duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let unit_at = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, behind) = rest.split_at(unit_at);
        let unit_end = behind
            .find(|letter: char| letter.is_ascii_digit() || letter == '.')
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit_end);
        let seconds = match unit {
            "d" => 86_400.0,
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
        sum = sum.checked_add(part)?;
        rest = behind;
    }
    (!text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn with<T>(headers: &[(&'static str, &'static str)], read: impl Fn(&Foreign<'_>) -> T) -> T {
        let headers = headers
            .iter()
            .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let headers: HeaderMap = headers.collect();
        read(&Foreign {
            provider: "far",
            model: "m",
            status: StatusCode::OK,
            headers: &headers,
            body: &[],
            secrets: &[],
        })
    }

    #[test]
    fn milliseconds_win_over_seconds() {
        let waits = |headers: &[(&'static str, &'static str)]| with(headers, retry_after);
        assert_eq!(
            waits(&[("retry-after", "9"), ("retry-after-ms", "250")]),
            Some(Duration::from_millis(250))
        );
        assert_eq!(waits(&[("retry-after", "1.5")]), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn a_date_is_measured_against_the_service_s_own_clock() {
        let date = ("date", "Wed, 21 Oct 2015 07:28:00 GMT");
        let waits = |until| with(&[date, ("retry-after", until)], retry_after);
        assert_eq!(waits("Wed, 21 Oct 2015 07:28:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(waits("Wed, 21 Oct 2015 07:00:00 GMT"), Some(Duration::ZERO));
    }

    #[test]
    fn nonsense_is_no_wait() {
        for text in ["-3", "NaN", "soon", ""] {
            assert_eq!(with(&[("retry-after", text)], retry_after), None, "{text}");
        }
        assert_eq!(with(&[], retry_after), None);
    }

    #[test]
    fn a_duration_is_read_as_go_writes_it() {
        for (text, millis) in [
            ("6m0s", 360_000),
            ("1.5s", 1500),
            ("20ms", 20),
            ("1h2m3s", 3_723_000),
            ("59", 59_000),
        ] {
            assert_eq!(go_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "1x", "-1s", "1..s", "soon"] {
            assert_eq!(go_duration(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_left_is_read_from_the_headers_of_openai() {
        let headers = [
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-remaining-tokens", "149984"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ];
        let left = Remaining {
            requests: Some(59),
            requests_reset: Some(Duration::from_secs(1)),
            tokens: Some(149_984),
            tokens_reset: Some(Duration::from_mins(6)),
        };
        assert_eq!(with(&headers, remaining), Some(left));
        assert_eq!(with(&[], remaining), None);
    }

    #[test]
    fn what_is_left_is_read_from_the_headers_of_anthropic() {
        let headers = [
            ("date", "Wed, 21 Oct 2015 07:28:00 GMT"),
            ("anthropic-ratelimit-requests-remaining", "4"),
            ("anthropic-ratelimit-requests-reset", "2015-10-21T07:28:12Z"),
        ];
        let left = Remaining {
            requests: Some(4),
            requests_reset: Some(Duration::from_secs(12)),
            ..Remaining::default()
        };
        assert_eq!(with(&headers, remaining), Some(left));
    }
}
