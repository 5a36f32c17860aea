//! Channels that are looked for.

use serde_json::{Value, json};

use super::endpoint::{self, Request};
use super::{Checked, shape};
use crate::discord::Discord;
use crate::discord::catalogue::{CHANNEL_KINDS, NEW_CHANNEL, ONE_CHANNEL};
use crate::{CommandError, Rejection, SendError};

/// Kinds whose names Discord leaves as they are: voice, category and stage.
const NAMES_KEPT: &[i64] = &[2, 4, 13];
const CATEGORY: i64 = 4;

impl Discord {
    /// A channel, which must be in the server that is named, if one is.
    pub(super) async fn get_channel(&self, checked: &Checked<'_>) -> Result<Value, CommandError> {
        let request = endpoint::request(checked);
        let channel = self.ask(&request).await.map_err(|error| checked.failure(error))?;
        let guild = checked.text("guild_id");
        if !guild.is_empty() && channel["guild_id"] != guild {
            let detail = format!("channel {} is not in server {guild}", checked.text("channel_id"));
            return Err(checked.failure(SendError::refused(Rejection::TargetGone, detail)));
        }
        shape::object(&channel, ONE_CHANNEL).map_err(|error| checked.failure(error))
    }

    /// The channel of this name, made where there is none.
    ///
    /// Discord lets two channels have one name, so that two calls at the same moment can make two.
    pub(super) async fn get_or_create_channel(&self, checked: &Checked<'_>) -> Result<Value, CommandError> {
        let failure = |error| checked.failure(error);
        let look = Request::get(&["guilds", checked.text("guild_id"), "channels"]);
        let channels = self.ask(&look).await.map_err(|error| not_done(checked, error))?;
        let Some(channels) = channels.as_array() else {
            let detail = "the answer is not a list of channels".to_owned();
            return Err(failure(SendError::NotSent {
                retry_after: None,
                detail,
            }));
        };
        let (found, existed) = match channels.iter().find(|channel| is_it(checked, channel)) {
            Some(channel) => (channel.clone(), true),
            None => (
                self.ask_next(&endpoint::request(checked)).await.map_err(failure)?,
                false,
            ),
        };
        let mut result = shape::object(&found, NEW_CHANNEL).map_err(failure)?;
        result["existed"] = json!(existed);
        Ok(result)
    }
}

/// What a failure before anything was changed means.
pub(super) fn not_done(checked: &Checked<'_>, error: SendError) -> CommandError {
    checked.failure(match error {
        SendError::Ambiguous { detail } => SendError::NotSent {
            retry_after: None,
            detail,
        },
        error => error,
    })
}

fn is_it(checked: &Checked<'_>, channel: &Value) -> bool {
    let kind = channel["type"].as_i64().unwrap_or_default();
    let wanted = CHANNEL_KINDS
        .iter()
        .find(|(word, _)| *word == checked.text("channel_type"));
    // A category may have the name of a channel in it.
    let is_kind = wanted.map_or(kind != CATEGORY, |(_, wanted)| kind == *wanted);
    let name = checked.text("name");
    let has_name = channel["name"]
        .as_str()
        .is_some_and(|found| found == name || (!NAMES_KEPT.contains(&kind) && found == as_discord_writes(name)));
    is_kind && has_name
}

/// The form in which Discord keeps the name of a text channel; without it a channel `Daily News` would be made anew by
/// every call.
fn as_discord_writes(name: &str) -> String {
    name.to_lowercase().split_whitespace().collect::<Vec<_>>().join("-")
}
