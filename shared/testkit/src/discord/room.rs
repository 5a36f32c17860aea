//! The messages that were published, and the nonces that are remembered.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

/// 2015-01-01T00:00:00Z in milliseconds since 1970, where Discord's ids begin.
const DISCORD_EPOCH: u64 = 1_420_070_400_000;

/// A message that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscordMessage {
    /// Its snowflake, which holds the time of its creation.
    pub id: String,
    /// The snowflake of its channel.
    pub channel: String,
    /// The snowflake of the bot that sent it.
    pub author: String,
    /// Its text.
    pub content: String,
    /// The nonce it was sent with, if any.
    pub nonce: Option<String>,
    /// `allowed_mentions` as sent; `null` when left out, which means that everybody may be pinged.
    pub allowed_mentions: Value,
}

impl DiscordMessage {
    /// The message as Discord's API shows it. The nonce is echoed to its creator only.
    pub(super) fn to_json(&self, with_nonce: bool) -> Value {
        let mut message = json!({
            "id": self.id,
            "type": 0,
            "content": self.content,
            "channel_id": self.channel,
            "author": author_json(&self.author),
            "attachments": [],
            "embeds": [],
            "mentions": [],
            "mention_roles": [],
            "mention_everyone": false,
            "pinned": false,
            "tts": false,
            "timestamp": time_of(&self.id),
            "edited_timestamp": null,
            "flags": 0,
            "components": [],
        });
        if let (true, Some(nonce)) = (with_nonce, &self.nonce) {
            message["nonce"] = json!(nonce);
        }
        message
    }
}

pub(super) fn author_json(id: &str) -> Value {
    json!({ "id": id, "username": "stub-bot", "discriminator": "0000", "avatar": null, "bot": true })
}

/// What came of a request to publish.
pub(super) enum Outcome {
    Created(DiscordMessage),
    /// The nonce is known: this is the message of then.
    Known(DiscordMessage),
    /// The nonce is known, and its message was deleted since.
    Deleted,
}

/// A message to be, checked and complete but for its id.
pub(super) struct Draft {
    pub(super) channel: String,
    pub(super) author: String,
    pub(super) content: String,
    pub(super) nonce: Option<String>,
    pub(super) enforce_nonce: bool,
    pub(super) allowed_mentions: Value,
}

struct RememberedNonce {
    message: String,
    at: Duration,
}

pub(super) struct Room {
    messages: Vec<DiscordMessage>,
    nonces: HashMap<(String, String), RememberedNonce>,
    created: u64,
    authors: Vec<String>,
    pub(super) nonce_window: Duration,
    pub(super) backdated: Duration,
    pub(super) is_history_denied: bool,
    pub(super) removed_channels: HashSet<String>,
}

impl Room {
    pub(super) fn new() -> Self {
        Self {
            messages: Vec::new(),
            nonces: HashMap::new(),
            created: 0,
            authors: Vec::new(),
            nonce_window: Duration::from_mins(5),
            backdated: Duration::ZERO,
            is_history_denied: false,
            removed_channels: HashSet::new(),
        }
    }

    /// The snowflake of the bot with this token.
    pub(super) fn author_of(&mut self, token: &str) -> String {
        let known = self.authors.iter().position(|author| author == token);
        let index = known.unwrap_or_else(|| {
            self.authors.push(token.to_owned());
            self.authors.len() - 1
        });
        format!("{}", 900_000_000_000_000_000 + index)
    }

    pub(super) fn publish(&mut self, draft: Draft) -> Outcome {
        let now = since_1970();
        let window = self.nonce_window;
        self.nonces.retain(|_, nonce| nonce.at + window > now);
        let key = draft.nonce.clone().map(|nonce| (draft.author.clone(), nonce));
        if let Some(remembered) = key
            .as_ref()
            .filter(|_| draft.enforce_nonce)
            .and_then(|key| self.nonces.get(key))
        {
            let message = self.messages.iter().find(|message| message.id == remembered.message);
            return message.map_or(Outcome::Deleted, |message| Outcome::Known(message.clone()));
        }
        let message = DiscordMessage {
            id: self.next_id(),
            channel: draft.channel,
            author: draft.author,
            content: draft.content,
            nonce: draft.nonce,
            allowed_mentions: draft.allowed_mentions,
        };
        if let Some(key) = key {
            self.nonces.insert(
                key,
                RememberedNonce {
                    message: message.id.clone(),
                    at: now,
                },
            );
        }
        self.messages.push(message.clone());
        Outcome::Created(message)
    }

    /// An id that nothing has yet, of now or of the time to which messages are dated back.
    pub(super) fn next_id(&mut self) -> String {
        self.created += 1;
        snowflake(since_1970().saturating_sub(self.backdated), self.created)
    }

    pub(super) fn message(&self, id: &str) -> Option<DiscordMessage> {
        self.messages.iter().find(|message| message.id == id).cloned()
    }

    pub(super) fn edit(&mut self, id: &str, content: &str, allowed_mentions: &Value) -> Option<DiscordMessage> {
        let message = self.messages.iter_mut().find(|message| message.id == id)?;
        content.clone_into(&mut message.content);
        message.allowed_mentions = allowed_mentions.clone();
        Some(message.clone())
    }

    pub(super) fn forget_nonces(&mut self) {
        self.nonces.clear();
    }

    pub(super) fn delete(&mut self, id: &str) {
        self.messages.retain(|message| message.id != id);
    }

    pub(super) fn in_channel(&self, channel: &str) -> Vec<DiscordMessage> {
        self.messages
            .iter()
            .filter(|message| message.channel == channel)
            .cloned()
            .collect()
    }

    /// A page as Discord gives it: newest first; `after` starts at the oldest that is newer.
    pub(super) fn page(
        &self,
        channel: &str,
        after: Option<u64>,
        before: Option<u64>,
        limit: usize,
    ) -> Vec<DiscordMessage> {
        if self.is_history_denied {
            return Vec::new();
        }
        let number = |message: &DiscordMessage| message.id.parse::<u64>().unwrap_or_default();
        let mut found = self.in_channel(channel);
        found.retain(|message| {
            after.is_none_or(|after| number(message) > after) && before.is_none_or(|before| number(message) < before)
        });
        found.sort_by_key(number);
        if after.is_some() {
            found.truncate(limit);
        } else {
            found.drain(..found.len().saturating_sub(limit));
        }
        found.reverse();
        found
    }
}

/// How long ago the id was made.
pub(super) fn age_of(id: &str) -> Duration {
    let made = id.parse::<u64>().map_or(0, |id| (id >> 22) + DISCORD_EPOCH);
    since_1970().saturating_sub(Duration::from_millis(made))
}

/// The wall clock as a server far away has it; nothing else in a test depends on it.
fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn snowflake(at: Duration, sequence: u64) -> String {
    let milliseconds = u64::try_from(at.as_millis())
        .unwrap_or(u64::MAX)
        .saturating_sub(DISCORD_EPOCH);
    ((milliseconds << 22) | (sequence & 0x003f_ffff)).to_string()
}

/// The time inside a snowflake, in Discord's spelling.
fn time_of(snowflake: &str) -> String {
    let milliseconds = snowflake.parse::<u64>().map_or(0, |id| (id >> 22) + DISCORD_EPOCH);
    let time = i64::try_from(milliseconds)
        .ok()
        .and_then(DateTime::<Utc>::from_timestamp_millis);
    time.unwrap_or_default().to_rfc3339_opts(SecondsFormat::Micros, false)
}
