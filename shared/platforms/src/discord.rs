//! Discord, by a bot's token.

mod answer;
pub(crate) mod catalogue;
mod commands;
mod request;

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, InvalidHeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};

use crate::{Capabilities, Outgoing, Platform, Rejection, SendError, SendFuture, Sent};

/// Discord's limit for the text of a message, in Unicode scalar values.
const MAX_CHARS: usize = 2000;
/// Discord's limit for a nonce.
const MAX_NONCE: usize = 25;
/// Discord remembers a nonce for "the past few minutes" and promises no number; a minute is surely within.
pub(crate) const NONCE_WINDOW: Duration = Duration::from_mins(1);
/// 2015-01-01T00:00:00Z in milliseconds since 1970, where Discord's ids begin.
const DISCORD_EPOCH: u64 = 1_420_070_400_000;
/// The proxy in front of Discord turns other forms of user agent away.
const USER_AGENT: &str = concat!(
    "DiscordBot (https://github.com/crumplecup/botticelli, ",
    env!("CARGO_PKG_VERSION"),
    ")"
);

/// How to reach Discord.
#[derive(Debug, Clone)]
pub struct DiscordOptions {
    /// The bot's token, without the word `Bot`.
    pub token: SecretString,
    /// The API with its version and without a final slash: `https://discord.com/api/v10`.
    pub base_url: String,
    /// Time to connect, 5 s.
    pub connect_timeout: Duration,
    /// Time for the whole attempt, connecting included, 15 s.
    pub timeout: Duration,
}

impl DiscordOptions {
    /// Discord itself, with the usual timeouts.
    pub fn new(token: SecretString) -> Self {
        Self {
            token,
            base_url: "https://discord.com/api/v10".to_owned(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(15),
        }
    }
}

/// Why [`DiscordOptions`] cannot work.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDiscordOptions {
    /// The token is empty.
    #[error("the token of the Discord bot is empty; copy it from the page `Bot` of the developer portal")]
    NoToken,
    /// The token has characters that no token has.
    #[error("the token of the Discord bot holds a line break or another character that cannot be sent")]
    Token(#[source] InvalidHeaderValue),
    /// The base URL is not one.
    #[error("the base URL `{url}` of Discord is not an `http` or `https` URL")]
    BaseUrl {
        /// What was given.
        url: String,
    },
    /// The HTTP client cannot be set up on this machine.
    #[error("the HTTP client for Discord could not be set up")]
    Client(#[source] reqwest::Error),
}

/// Posts and carries out commands as a Discord bot.
///
/// Every post goes out with its nonce enforced. No message, edit or thread, of a command either, may mention anybody, so
/// that nothing an LLM writes can ping people.
#[derive(Debug, Clone)]
pub struct Discord {
    client: Client,
    base_url: Url,
}

impl Discord {
    /// Prepares a client. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`InvalidDiscordOptions`], which never holds the token.
    pub fn new(options: &DiscordOptions) -> Result<Self, InvalidDiscordOptions> {
        let base_url = options.base_url.trim_end_matches('/').to_owned();
        let is_http = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        let Some(base_url) = Url::parse(&base_url).ok().filter(is_http) else {
            return Err(InvalidDiscordOptions::BaseUrl { url: base_url });
        };
        let token = options.token.expose_secret().trim();
        if token.is_empty() {
            return Err(InvalidDiscordOptions::NoToken);
        }
        let mut authorization = HeaderValue::from_str(&format!("Bot {token}")).map_err(InvalidDiscordOptions::Token)?;
        authorization.set_sensitive(true);
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, authorization)]))
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout)
            // A redirected POST could publish elsewhere, and would carry the token there.
            .redirect(Policy::none())
            // A kept connection may be closed by the other side in the moment of writing, which nobody can tell from
            // a message that was taken. Posts are rare; each gets a connection of its own.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(InvalidDiscordOptions::Client)?;
        Ok(Self { client, base_url })
    }

    async fn create_message(&self, delivery: &Outgoing) -> Result<Sent, SendError> {
        let channel = request::check(delivery)?;
        let url = self.url(&["channels", channel, "messages"]);
        let body = request::body(delivery);
        match self.client.post(url).json(&body).send().await {
            Ok(response) => answer::read(response).await,
            Err(error) => Err(not_answered(&error)),
        }
    }
}

impl Discord {
    /// An address below the base URL. What is in a segment cannot leave it: it is encoded, a slash too.
    fn url(&self, segments: &[impl AsRef<str>]) -> Url {
        let mut url = self.base_url.clone();
        // Only addresses without a host have no segments, and those were refused.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }
}

impl Platform for Discord {
    fn name(&self) -> &'static str {
        "discord"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            max_chars: MAX_CHARS,
            idempotency_window: Some(NONCE_WINDOW),
            read_back: false,
        }
    }

    fn send<'a>(&'a self, delivery: &'a Outgoing) -> SendFuture<'a> {
        Box::pin(self.create_message(delivery))
    }
}

/// When what has this id was made, in milliseconds since 1970.
fn made_at(id: &str) -> Option<u64> {
    id.parse::<u64>().ok().map(|id| (id >> 22) + DISCORD_EPOCH)
}

/// Sorts an attempt without an answer: before the connection stood, nothing can have been published.
fn not_answered(error: &reqwest::Error) -> SendError {
    let detail = words_of(error);
    if error.is_connect() {
        SendError::NotSent {
            retry_after: None,
            detail,
        }
    } else if error.is_builder() {
        SendError::refused(Rejection::Settings, detail)
    } else {
        SendError::Ambiguous { detail }
    }
}

/// The error and its causes on one line, because a `SendError` is stored as text.
fn words_of(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    on_one_line(&causes.fold(error.to_string(), |words, cause| format!("{words}: {cause}")))
}

/// Foreign words without control characters, which a database may refuse and a terminal obeys.
fn on_one_line(words: &str) -> String {
    words
        .chars()
        .map(|letter| if letter.is_whitespace() { ' ' } else { letter })
        .filter(|letter| !letter.is_control())
        .collect()
}
