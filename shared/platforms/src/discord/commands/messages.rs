//! Messages by the dozen: long texts, and deletion.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::endpoint::{self, Request};
use super::{Checked, channels::not_done, shape, split};
use crate::command::Method;
use crate::discord::catalogue::SENT_MESSAGE;
use crate::discord::{Discord, made_at, request::check_nonce};
use crate::nonce::nonce_of_part;
use crate::{CommandError, Rejection, SendError};

/// What `messages.clear` deletes where no limit is given, and the most of one bulk deletion.
const MOST: i64 = 100;
/// Discord deletes younger messages than two weeks in bulk. An hour less, for the clocks and the way.
/// Source: <https://docs.discord.com/developers/resources/message#bulk-delete-messages>.
const BULK_AGE: TimeDelta = TimeDelta::hours(14 * 24 - 1);
/// Unknown Message: somebody else has deleted it.
const UNKNOWN_MESSAGE: i64 = 10008;

impl Discord {
    /// Sends a text as one message, or as several one after the other.
    ///
    /// The first goes under the nonce of the call and each other one under a nonce made from it, so that a repeat finds
    /// those that were sent.
    pub(super) async fn send_messages(&self, checked: &Checked<'_>) -> Result<Value, CommandError> {
        let nonce = checked.call.nonce.as_deref();
        nonce
            .map_or(Ok(()), check_nonce)
            .map_err(|error| checked.failure(error))?;
        let parts = split::into_messages(checked.text("content"));
        let mut sent: Vec<Value> = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            let mut request = endpoint::request(checked);
            let body = request.body.get_or_insert_with(|| json!({}));
            body["content"] = json!(part);
            if let Some(nonce) = nonce {
                body["nonce"] = json!(nonce_of_part(nonce, index));
                body["enforce_nonce"] = json!(true);
            }
            let answer = if index == 0 {
                self.ask(&request).await
            } else {
                self.ask_next(&request).await
            };
            match answer.and_then(|message| shape::object(&message, SENT_MESSAGE)) {
                Ok(message) => sent.push(message),
                Err(error) => return Err(ended(checked, error, index > 0, sent_so_far(&sent, parts.len()))),
            }
        }
        let mut result = sent.first().cloned().unwrap_or_default();
        if sent.len() > 1 {
            result["split_messages"] = json!(sent.len());
            result["ids"] = ids(&sent);
        }
        Ok(result)
    }

    /// Deletes the newest messages of a channel, the young ones in bulk and the old ones one by one.
    pub(super) async fn clear_messages(&self, checked: &Checked<'_>) -> Result<Value, CommandError> {
        let channel = checked.text("channel_id");
        let limit = checked.args.get("limit").and_then(Value::as_i64).unwrap_or(MOST);
        let look = Request::get(&["channels", channel, "messages"]).with_query("limit", limit);
        let messages = self.ask(&look).await.map_err(|error| not_done(checked, error))?;
        let found: Vec<&str> = messages
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|message| message["id"].as_str())
            .collect();
        let (young, mut old): (Vec<&str>, Vec<&str>) = found.into_iter().partition(|id| is_young(checked, id));
        let reason = endpoint::request(checked).reason;
        let mut cleared = 0;
        if young.len() > 1 {
            let mut request = endpoint::request(checked);
            request.body = Some(json!({ "messages": young }));
            self.ask_next(&request).await.map_err(|error| checked.failure(error))?;
            cleared += young.len();
        } else {
            old.splice(0..0, young);
        }
        for id in old {
            let mut request = Request::new(Method::Delete, &["channels", channel, "messages", id]);
            request.reason.clone_from(&reason);
            match self.ask_next(&request).await {
                Ok(_)
                | Err(SendError::Rejected {
                    code: Some(UNKNOWN_MESSAGE),
                    ..
                }) => cleared += 1,
                Err(error) => return Err(ended(checked, error, cleared > 0, cleared_so_far(cleared, channel))),
            }
        }
        Ok(cleared_so_far(cleared, channel))
    }

    /// Deletes the messages that are named. Discord takes all of them or none.
    pub(super) async fn bulk_delete_messages(&self, checked: &Checked<'_>) -> Result<Value, CommandError> {
        let named = checked
            .args
            .get("message_ids")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let old: Vec<&str> = named
            .iter()
            .filter_map(Value::as_str)
            .filter(|id| !is_young(checked, id))
            .collect();
        if !old.is_empty() {
            let detail = format!(
                "messages {} are older than two weeks, which Discord does not delete in bulk; delete them with `messages.delete`",
                old.join(", ")
            );
            return Err(checked.failure(SendError::refused(Rejection::Content, detail)));
        }
        self.ask(&endpoint::request(checked))
            .await
            .map_err(|error| checked.failure(error))?;
        Ok(json!({ "success": true, "deleted_count": named.len() }))
    }
}

/// The failure of a command that may have done a part already.
fn ended(checked: &Checked<'_>, error: SendError, has_acted: bool, done: Value) -> CommandError {
    let failure = checked.failure(error);
    if !has_acted {
        return failure;
    }
    let command = checked.command.name;
    CommandError::Partly {
        command,
        done,
        source: Box::new(failure),
    }
}

fn sent_so_far(sent: &[Value], of: usize) -> Value {
    json!({ "ids": ids(sent), "sent": sent.len(), "of": of })
}

fn cleared_so_far(cleared: usize, channel: &str) -> Value {
    json!({ "cleared": cleared, "channel_id": channel })
}

fn ids(messages: &[Value]) -> Value {
    messages.iter().map(|message| message["id"].clone()).collect()
}

/// Whether a message is young enough for a deletion in bulk, by the time in its id.
fn is_young(checked: &Checked<'_>, id: &str) -> bool {
    let made = made_at(id).and_then(|made| i64::try_from(made).ok());
    let since = (checked.call.now - BULK_AGE).timestamp_millis();
    made.is_some_and(|made| made > since)
}
