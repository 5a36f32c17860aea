//! Media from an address that a stranger may have written.

mod address;
mod failure;
mod resolver;
mod target;

use std::time::Duration;

use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION,
};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response, StatusCode};

use crate::{MediaFile, Mime, sniff};
pub use failure::FetchError;
use resolver::PublicOnly;
use target::{AllowedHost, Target};

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 3;
/// How it introduces itself.
const USER_AGENT: &str = concat!("botticelli/", env!("CARGO_PKG_VERSION"));

/// What is taken of an answer, and how long it may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchLimits {
    /// The most bytes.
    pub max_bytes: usize,
    /// The types that are taken.
    pub types: Vec<Mime>,
    /// Time for all of it, redirects included.
    pub timeout: Duration,
}

impl FetchLimits {
    /// At most `max_bytes` of any type, in 30 s.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            types: Mime::all().collect(),
            timeout: Duration::from_secs(30),
        }
    }
}

/// Why a [`Fetcher`] cannot be.
#[derive(Debug, thiserror::Error)]
pub enum InvalidFetcher {
    /// An allowed host is none.
    #[error("`{host}` is not a host; write `cdn.example.org`, or `cdn.example.org:8080` for one port alone")]
    Host {
        /// What was given.
        host: String,
    },
    /// The HTTP client cannot be set up on this machine.
    #[error("the HTTP client for media could not be set up")]
    Client(#[source] reqwest::Error),
}

/// Gets media by `http` and `https`.
///
/// Only addresses of the public network are connected to: none of this machine, of its networks, of clouds' metadata, and
/// none that stands for one of those, whether a URL names it, a name resolves to it or a redirect leads to it. The
/// connection goes to the very address that was checked. Hosts that are allowed by name are left out of that. There are
/// no cookies, no credentials, no proxies of the environment, and no decompression.
#[derive(Debug, Clone)]
pub struct Fetcher {
    strict: Client,
    trusting: Client,
    allowed: Vec<AllowedHost>,
}

impl Fetcher {
    /// Prepares a client. `allowed_hosts` may be anywhere: `media.internal`, or `127.0.0.1:8080` for one port alone. They
    /// are trusted, each at the name itself and not at names below it.
    ///
    /// # Errors
    ///
    /// [`InvalidFetcher`].
    pub fn new<S: AsRef<str>>(allowed_hosts: &[S]) -> Result<Self, InvalidFetcher> {
        let allowed = allowed_hosts
            .iter()
            .map(|host| AllowedHost::parse(host.as_ref()))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            strict: client()
                .dns_resolver(PublicOnly::new())
                .build()
                .map_err(InvalidFetcher::Client)?,
            trusting: client().build().map_err(InvalidFetcher::Client)?,
            allowed,
        })
    }

    /// Gets the media at `url`. `declared` is the type that the document gives; without it the answer's own counts.
    ///
    /// # Errors
    ///
    /// [`FetchError`], which never shows the query of a URL.
    pub async fn fetch(
        &self,
        url: &str,
        declared: Option<&str>,
        limits: &FetchLimits,
    ) -> Result<MediaFile, FetchError> {
        let target = Target::parse(url)?;
        let shown = target.shown();
        let fetching = tokio::time::timeout(limits.timeout, self.follow(target, declared, limits));
        fetching.await.unwrap_or(Err(FetchError::Timeout {
            url: shown,
            timeout: limits.timeout,
        }))
    }

    async fn follow(
        &self,
        mut target: Target,
        declared: Option<&str>,
        limits: &FetchLimits,
    ) -> Result<MediaFile, FetchError> {
        for _ in 0..=MAX_REDIRECTS {
            let response = self.ask(&target).await?;
            match next(&target, &response)? {
                Some(next) => target = next,
                None => return take(&target, response, declared, limits).await,
            }
        }
        Err(FetchError::TooManyRedirects {
            url: target.shown(),
            most: MAX_REDIRECTS,
        })
    }

    async fn ask(&self, target: &Target) -> Result<Response, FetchError> {
        let is_allowed = self.allowed.iter().any(|host| host.is(target));
        if !is_allowed {
            // An address in the URL itself is never resolved.
            target.check_address()?;
        }
        let client = if is_allowed { &self.trusting } else { &self.strict };
        client
            .get(target.url().clone())
            .send()
            .await
            .map_err(|error| FetchError::of(target, &error))
    }
}

/// Nothing here is left to features that another room may turn on.
fn client() -> ClientBuilder {
    let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
    Client::builder()
        .user_agent(USER_AGENT)
        .default_headers(headers)
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(10))
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
        // A connection that is kept was checked for another request.
        .pool_max_idle_per_host(0)
}

/// Where an answer leads on to, if it does.
fn next(target: &Target, response: &Response) -> Result<Option<Target>, FetchError> {
    let leads_on = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    if !leads_on.contains(&response.status()) {
        return Ok(None);
    }
    target
        .redirected(text(response, &LOCATION).unwrap_or_default())
        .map(Some)
}

/// The media of the last answer.
async fn take(
    target: &Target,
    mut response: Response,
    declared: Option<&str>,
    limits: &FetchLimits,
) -> Result<MediaFile, FetchError> {
    let url = || target.shown();
    let status = response.status();
    if status != StatusCode::OK {
        return Err(FetchError::Status {
            url: url(),
            status: status.as_u16(),
        });
    }
    if let Some(encoding) =
        text(&response, &CONTENT_ENCODING).filter(|encoding| !encoding.eq_ignore_ascii_case("identity"))
    {
        // It was asked not to; what unpacks to any size is not unpacked.
        let encoding = encoding.chars().take(40).collect();
        return Err(FetchError::Encoded { url: url(), encoding });
    }
    let cap = limits.max_bytes;
    let announced = text(&response, &CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| u64::try_from(cap).is_ok_and(|cap| length > cap)) {
        return Err(FetchError::TooLarge { url: url(), cap });
    }
    let sent = text(&response, &CONTENT_TYPE).map(str::to_owned);
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| FetchError::of(target, &error))? {
        if bytes.len() + chunk.len() > cap {
            return Err(FetchError::TooLarge { url: url(), cap });
        }
        bytes.extend_from_slice(&chunk);
    }
    let refuse = |source| FetchError::Content { url: url(), source };
    if declared.is_some() {
        // Whatever the document says, the server must not contradict the content either.
        sniff(&bytes, sent.as_deref(), None).map_err(refuse)?;
    }
    let media = MediaFile::new(bytes, target.filename(), declared.or(sent.as_deref())).map_err(refuse)?;
    if !limits.types.contains(&media.mime) {
        return Err(FetchError::Type {
            url: url(),
            mime: media.mime,
        });
    }
    Ok(media)
}

fn text<'a>(response: &'a Response, name: &HeaderName) -> Option<&'a str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}
