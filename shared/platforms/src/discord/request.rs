//! What is sent, and what is refused before it is.

use serde_json::{Value, json};

use super::{MAX_CHARS, MAX_NONCE};
use crate::{Outgoing, Rejection, SendError};

/// Checks what Discord would refuse anyway, and returns the channel.
pub(super) fn check(delivery: &Outgoing) -> Result<&str, SendError> {
    let refuse = |class, detail| Err(SendError::refused(class, detail));
    let Some(channel) = delivery.channel.as_deref() else {
        return refuse(
            Rejection::Settings,
            "a Discord post needs a `channel`, the id of a channel".to_owned(),
        );
    };
    // A snowflake is 64 bits; anything else could also lead the URL astray.
    if channel.parse::<u64>().is_err() || !channel.bytes().all(|digit| digit.is_ascii_digit()) {
        let detail = format!("channel `{channel}` is not the id of a Discord channel, which is a number");
        return refuse(Rejection::Settings, detail);
    }
    check_nonce(&delivery.nonce)?;
    let characters = delivery.text.chars().count();
    if characters > MAX_CHARS {
        let detail = format!("the text has {characters} characters; Discord takes {MAX_CHARS} at most");
        return refuse(Rejection::Content, detail);
    }
    if delivery.text.trim().is_empty() {
        return refuse(Rejection::Content, "the text is empty".to_owned());
    }
    Ok(channel)
}

/// Checks the length of a nonce.
pub(super) fn check_nonce(nonce: &str) -> Result<(), SendError> {
    let length = nonce.chars().count();
    if (1..=MAX_NONCE).contains(&length) {
        return Ok(());
    }
    let detail = format!("the nonce has {length} characters; Discord takes 1 to {MAX_NONCE}");
    Err(SendError::refused(Rejection::Settings, detail))
}

pub(super) fn body(delivery: &Outgoing) -> Value {
    json!({
        "content": delivery.text,
        "nonce": delivery.nonce,
        "enforce_nonce": true,
        // Left out, it would mean that users, roles and everyone may be pinged.
        "allowed_mentions": { "parse": [] },
    })
}
