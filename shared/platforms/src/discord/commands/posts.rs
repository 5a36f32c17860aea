//! The posts of a forum.

use serde_json::{Value, json};

use super::endpoint::{self, Request};
use super::{Checked, shape};
use crate::discord::Discord;
use crate::discord::catalogue::POST;
use crate::{CommandError, Rejection, SendError};

impl Discord {
    /// The posts of a forum: the active ones, which Discord lists by server, and then those in the archive.
    pub(super) async fn list_posts(&self, checked: &Checked<'_>) -> Result<Value, CommandError> {
        let failure = |error| checked.failure(error);
        let forum = checked.text("channel_id");
        let guild = match checked.text("guild_id") {
            "" => {
                let channel = self.ask(&Request::get(&["channels", forum])).await.map_err(failure)?;
                channel["guild_id"].as_str().unwrap_or_default().to_owned()
            }
            named => named.to_owned(),
        };
        if guild.is_empty() || !guild.bytes().all(|digit| digit.is_ascii_digit()) {
            let detail = format!("channel {forum} is not in a server");
            return Err(failure(SendError::refused(Rejection::Settings, detail)));
        }
        let active = self
            .ask_next(&Request::get(&["guilds", &guild, "threads", "active"]))
            .await
            .map_err(failure)?;
        let archived = self.ask_next(&endpoint::request(checked)).await.map_err(failure)?;
        let of_forum = threads(&active).filter(|thread| thread["parent_id"] == forum);
        let posts: Vec<Value> = of_forum.chain(threads(&archived)).cloned().collect();
        shape::counted(&json!(posts), "posts", POST).map_err(failure)
    }
}

fn threads(answer: &Value) -> impl Iterator<Item = &Value> {
    answer["threads"].as_array().into_iter().flatten()
}
