//! Why media could not be fetched.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use super::resolver::{Forbidden, NoAddress};
use super::target::Target;
use crate::{Mime, SniffError};

/// Why [`crate::Fetcher::fetch`] has no media. A URL in it is without its query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The URL is not one that is fetched.
    #[error("`{url}` is not fetched: {reason}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The host is not on the public network.
    #[error(
        "`{url}` is not fetched: its host is at {address}, which is {purpose}; allow the host in the settings if that is meant"
    )]
    Forbidden {
        /// The URL, of a redirect if one led there.
        url: String,
        /// The address of its host.
        address: IpAddr,
        /// What such addresses are for.
        purpose: &'static str,
    },
    /// The name of the host has no address.
    #[error("`{url}`: the name of its host has no address")]
    NoAddress {
        /// Which.
        url: String,
    },
    /// A redirect leads where it may not.
    #[error("`{url}` redirects to `{to}`, which is not followed: {reason}")]
    Redirect {
        /// The URL that answered.
        url: String,
        /// Where it leads.
        to: String,
        /// What is wrong with that.
        reason: &'static str,
    },
    /// Redirect after redirect.
    #[error("`{url}` comes after {most} redirects and redirects again; give the last URL itself")]
    TooManyRedirects {
        /// The last one that was looked at.
        url: String,
        /// How many are followed.
        most: usize,
    },
    /// The server has no such media.
    #[error("`{url}` answered with status {status}")]
    Status {
        /// Which.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The content is packed, although it was asked for as it is.
    #[error("`{url}` answered in the encoding `{encoding}`, which is not unpacked")]
    Encoded {
        /// Which.
        url: String,
        /// How it is packed.
        encoding: String,
    },
    /// It is larger than allowed.
    #[error("`{url}` is larger than {cap} bytes, which is the most allowed here")]
    TooLarge {
        /// Which.
        url: String,
        /// The most bytes allowed.
        cap: usize,
    },
    /// It is not one of the types that were asked for.
    #[error("`{url}` is `{mime}`, which is not taken here")]
    Type {
        /// Which.
        url: String,
        /// What it is.
        mime: Mime,
    },
    /// Its content is not taken.
    #[error("`{url}`: {source}")]
    Content {
        /// Which.
        url: String,
        /// Why.
        source: SniffError,
    },
    /// It took too long.
    #[error("`{url}` was not there within {timeout:?}")]
    Timeout {
        /// The URL that was asked for.
        url: String,
        /// How long it may take.
        timeout: Duration,
    },
    /// The connection could not be made or broke.
    #[error("`{url}` could not be fetched: {detail}")]
    Connection {
        /// Which.
        url: String,
        /// What happened.
        detail: String,
    },
}

impl FetchError {
    /// Whether the same URL may be there a little later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Connection { .. } | Self::NoAddress { .. } => true,
            Self::Status { status, .. } => *status >= 500 || matches!(*status, 408 | 425 | 429),
            _ => false,
        }
    }

    pub(super) fn forbidden(target: &Target, forbidden: &Forbidden) -> Self {
        let Forbidden { address, purpose, .. } = forbidden;
        Self::Forbidden {
            url: target.shown(),
            address: *address,
            purpose,
        }
    }

    /// What a failure of the client is, from the causes below it.
    pub(super) fn of(target: &Target, error: &reqwest::Error) -> Self {
        let url = target.shown();
        let causes = || causes_of(error);
        if let Some(forbidden) = causes().find_map(|cause| cause.downcast_ref::<Forbidden>()) {
            return Self::forbidden(target, forbidden);
        }
        if causes().any(<dyn Error>::is::<NoAddress>) {
            return Self::NoAddress { url };
        }
        // The first one names the URL with its query.
        let detail: Vec<String> = causes().skip(1).map(ToString::to_string).collect();
        let detail = if detail.is_empty() {
            "the connection failed".to_owned()
        } else {
            detail.join(": ")
        };
        Self::Connection {
            url,
            detail: detail.chars().filter(|letter| !letter.is_control()).take(300).collect(),
        }
    }
}

/// The error and those below it.
fn causes_of<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}
