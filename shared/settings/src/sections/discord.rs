use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::problem::Report;
use crate::secret;

/// `[discord]`: how to reach Discord. The channel belongs to the actor that posts.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiscordSettings {
    /// The address of the HTTP API. Default: `https://discord.com/api/v10`.
    pub base_url: String,
    /// A file that holds the bot's token; `DISCORD_TOKEN` wins over it. Default: none.
    pub token_file: Option<PathBuf>,
    /// The token from `DISCORD_TOKEN`. Never in a file; see [`crate::Settings::discord_token`].
    #[serde(skip_deserializing, serialize_with = "secret::masked")]
    pub(crate) token: Option<SecretString>,
}

impl Default for DiscordSettings {
    fn default() -> Self {
        Self {
            base_url: "https://discord.com/api/v10".to_owned(),
            token_file: None,
            token: None,
        }
    }
}

impl DiscordSettings {
    pub(super) fn check(&self, report: &mut Report<'_>) {
        report.web_address(&["discord", "base_url"], &self.base_url);
    }
}
