//! What an answer of Discord means for the post.
//!
//! The codes are those of <https://docs.discord.com/developers/topics/opcodes-and-status-codes>.

use std::time::Duration;

use chrono::DateTime;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::{made_at, words_of};
use crate::{Rejection, SendError, Sent};

/// A message or an error takes a few kilobytes; more is not from Discord.
const MAX_BODY: usize = 1 << 20;
/// Characters of Discord's words that an error keeps.
const MAX_DETAIL: usize = 500;
/// The longest wait that is believed.
const MAX_WAIT: Duration = Duration::from_hours(24);
/// How long to wait for a limit that names no time.
const UNTOLD_WAIT: Duration = Duration::from_mins(1);
/// A range of Discord's codes, and what has to change.
const CLASSES: &[(&[i64], Rejection)] = &[
    (
        &[10003, 10004, 10015, 50027, 10007, 10011, 10013, 10014, 10026, 10070],
        Rejection::TargetGone,
    ),
    (&[40001, 50014], Rejection::Auth),
    (&[50001, 50013, 50008, 50009], Rejection::Permission),
    (
        &[50035, 50006, 40005, 200_000, 200_001, 240_000, 20009, 50146, 50034],
        Rejection::Content,
    ),
    (
        &[
            40058, 40067, 160_004, 160_005, 160_006, 160_007, 220_001, 220_002, 220_003,
        ],
        Rejection::Settings,
    ),
    (&[40333], Rejection::RateBan),
    // Unknown Message: the nonce is remembered, its message deleted.
    (&[10008], Rejection::Removed),
];

/// Codes of limits on writing that do not come as 429: nothing is published, later it may be.
const WRITE_LIMITS: &[i64] = &[20016, 20022, 20028, 20029, 40062, 130_000, 400_001];

/// The part of a message that matters.
#[derive(Deserialize)]
struct Created {
    id: String,
}

/// An error as Discord words it; every field may be missing, because a proxy may be the one that answers.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    code: Option<i64>,
    message: Option<String>,
    errors: Option<Value>,
    retry_after: Option<f64>,
    global: Option<bool>,
}

/// The message that a post became.
pub(super) async fn read(response: Response) -> Result<Sent, SendError> {
    let headers = response.headers().clone();
    let body = taken(response, MAX_BODY).await?;
    created(&body, &headers)
}

/// The JSON of an answer of at most `most` bytes; `Null` where there is none.
pub(super) async fn json(response: Response, most: usize) -> Result<Value, SendError> {
    let body = taken(response, most).await?;
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&body).map_err(|error| SendError::Ambiguous {
        detail: format!("the answer is not JSON: {error}"),
    })
}

/// Whether it is a success, whatever its body is.
pub(super) async fn success(response: Response) -> Result<(), SendError> {
    if response.status().is_success() {
        return Ok(());
    }
    taken(response, MAX_BODY).await.map(drop)
}

/// The body of a success.
async fn taken(response: Response, most: usize) -> Result<Vec<u8>, SendError> {
    let (status, headers) = (response.status(), response.headers().clone());
    let body = bounded_body(response, most).await;
    if status.is_success() {
        return body.map_err(|reason| SendError::Ambiguous {
            detail: format!("{status}, {reason}"),
        });
    }
    // The status has decided; a body that cannot be read only leaves the words out.
    Err(refused(status, &headers, &body.unwrap_or_default()))
}

async fn bounded_body(mut response: Response, most: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > most => {
                return Err(format!("but the body is longer than {most} bytes"));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => return Err(format!("but the body broke off: {}", words_of(&error))),
        }
    }
}

fn created(body: &[u8], headers: &HeaderMap) -> Result<Sent, SendError> {
    match serde_json::from_slice::<Created>(body) {
        Ok(Created { id }) => Ok(Sent {
            deduplicated: is_older_than_answer(&id, headers),
            message_id: id,
        }),
        Err(error) => Err(SendError::Ambiguous {
            detail: format!("the answer is not a message: {error}"),
        }),
    }
}

/// Whether the message was made before this attempt, by Discord's own clock: the time in its id against the `Date` of
/// the answer. `Date` has whole seconds and an attempt takes some time, so the difference must be clear.
fn is_older_than_answer(id: &str, headers: &HeaderMap) -> bool {
    let made = made_at(id);
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let answered = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok());
    let answered = answered.and_then(|time| u64::try_from(time.timestamp_millis()).ok());
    made.zip(answered)
        .is_some_and(|(made, answered)| made + 3000 < answered)
}

fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> SendError {
    let parsed = serde_json::from_slice::<Refusal>(body).ok();
    let is_from_discord = parsed.is_some();
    let refusal = parsed.unwrap_or_default();
    let detail = words(status, &refusal);
    let code = refusal.code.filter(|code| *code != 0);
    let class = code
        .and_then(|code| CLASSES.iter().find(|(codes, _)| codes.contains(&code)))
        .map(|(_, class)| *class);

    if status == StatusCode::TOO_MANY_REQUESTS || code.is_some_and(|code| WRITE_LIMITS.contains(&code)) {
        let retry_after = Some(wait(&refusal, headers).unwrap_or(UNTOLD_WAIT));
        return SendError::NotSent { retry_after, detail };
    }
    if status.is_server_error() || !status.is_client_error() {
        return SendError::Ambiguous { detail };
    }
    let class = class.unwrap_or(match status {
        StatusCode::UNAUTHORIZED => Rejection::Auth,
        // Discord always answers in JSON; a page is from the proxy that guards it.
        StatusCode::FORBIDDEN if !is_from_discord => Rejection::RateBan,
        StatusCode::FORBIDDEN => Rejection::Permission,
        StatusCode::NOT_FOUND if is_from_discord => Rejection::TargetGone,
        // A page without Discord's form says more about the base URL than about the channel.
        StatusCode::NOT_FOUND => Rejection::Settings,
        StatusCode::PAYLOAD_TOO_LARGE => Rejection::Content,
        _ => Rejection::Unknown,
    });
    SendError::Rejected { class, code, detail }
}

/// The wait that Discord asks for: the body has fractions, the header is what a proxy sends too.
fn wait(refusal: &Refusal, headers: &HeaderMap) -> Option<Duration> {
    let header = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse().ok());
    let seconds = refusal.retry_after.or(header)?;
    Duration::try_from_secs_f64(seconds).ok().map(|wait| wait.min(MAX_WAIT))
}

fn words(status: StatusCode, refusal: &Refusal) -> String {
    let mut words = match &refusal.message {
        Some(message) => format!("{status}, {message}"),
        None => format!("{status}, without an explanation of Discord"),
    };
    if let Some(errors) = &refusal.errors {
        // The tree that says which field is wrong and why.
        words = format!("{words} {errors}");
    }
    if refusal.global == Some(true) {
        words.push_str(" (the limit of the whole bot)");
    }
    super::on_one_line(&words).chars().take(MAX_DETAIL).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class_of(status: u16, body: &str) -> Option<Rejection> {
        let status = StatusCode::from_u16(status).unwrap_or_default();
        match refused(status, &HeaderMap::new(), body.as_bytes()) {
            SendError::Rejected { class, .. } => Some(class),
            SendError::NotSent { .. } | SendError::Ambiguous { .. } => None,
        }
    }

    #[test]
    fn every_documented_code_has_its_class() {
        for (code, class) in [
            (10003, Rejection::TargetGone),
            (50014, Rejection::Auth),
            (50013, Rejection::Permission),
            (200_000, Rejection::Content),
            (40067, Rejection::Settings),
            (10008, Rejection::Removed),
            (99_999, Rejection::Unknown),
        ] {
            assert_eq!(
                class_of(400, &format!(r#"{{"code": {code}, "message": "x"}}"#)),
                Some(class),
                "{code}"
            );
        }
    }

    #[test]
    fn without_a_known_code_the_status_decides() {
        for (status, body, class) in [
            (401, r#"{"code": 0, "message": "401: Unauthorized"}"#, Rejection::Auth),
            (403, r#"{"code": 0}"#, Rejection::Permission),
            (403, "<html>Access denied</html>", Rejection::RateBan),
            (
                404,
                r#"{"code": 0, "message": "404: Not Found"}"#,
                Rejection::TargetGone,
            ),
            (404, "<html>nginx</html>", Rejection::Settings),
            (413, "", Rejection::Content),
            (418, "", Rejection::Unknown),
        ] {
            assert_eq!(class_of(status, body), Some(class), "{status} {body}");
        }
    }

    #[test]
    fn control_characters_of_an_answer_stay_out_of_the_words() {
        let refusal = Refusal {
            message: Some("No\0t\u{1b}[2J\nhere".to_owned()),
            ..Refusal::default()
        };
        assert_eq!(words(StatusCode::FORBIDDEN, &refusal), "403 Forbidden, Not[2J here");
    }

    #[test]
    fn an_odd_wait_is_not_believed() {
        let asked = |seconds: f64| {
            let refusal = Refusal {
                retry_after: Some(seconds),
                ..Refusal::default()
            };
            wait(&refusal, &HeaderMap::new())
        };
        assert_eq!(asked(0.25), Some(Duration::from_millis(250)));
        assert_eq!(asked(-1.0), None);
        assert_eq!(asked(1e12), Some(MAX_WAIT));
    }
}
