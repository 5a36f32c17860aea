//! One URL of a fetch, checked as far as a URL can be.

use std::net::IpAddr;

use reqwest::Url;

use super::{FetchError, InvalidFetcher, resolver};

/// The longest URL that is taken.
const MAX_LENGTH: usize = 4096;

/// A URL of `http` or `https` with a host and without credentials.
#[derive(Debug, Clone)]
pub(super) struct Target {
    url: Url,
}

impl Target {
    pub(super) fn parse(text: &str) -> Result<Self, FetchError> {
        let refuse = |reason| {
            Err(FetchError::Url {
                url: without_query(text),
                reason,
            })
        };
        if text.len() > MAX_LENGTH {
            return refuse("it is longer than 4096 bytes");
        }
        match Url::parse(text.trim()) {
            Ok(url) => Self::of(url),
            Err(_) => refuse("it is not a URL; write `https://` before the host"),
        }
    }

    fn of(mut url: Url) -> Result<Self, FetchError> {
        let refuse = |url: &Url, reason| {
            Err(FetchError::Url {
                url: without_query(url.as_str()),
                reason,
            })
        };
        if !matches!(url.scheme(), "http" | "https") {
            return refuse(&url, "only `https` and `http` are fetched");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::Url {
                url: url.host_str().unwrap_or_default().to_owned(),
                reason: "it holds credentials, which are not sent; take them out",
            });
        }
        if url.host_str().is_none_or(str::is_empty) {
            return refuse(&url, "it has no host");
        }
        url.set_fragment(None);
        Ok(Self { url })
    }

    /// The URL that a redirect names, which may be relative to this one.
    pub(super) fn redirected(&self, location: &str) -> Result<Self, FetchError> {
        let refuse = |reason| {
            Err(FetchError::Redirect {
                url: self.shown(),
                to: without_query(location),
                reason,
            })
        };
        if location.is_empty() || location.len() > MAX_LENGTH {
            return refuse("it is no place to go");
        }
        let Ok(url) = self.url.join(location) else {
            return refuse("it is not a URL");
        };
        if self.url.scheme() == "https" && url.scheme() == "http" {
            return refuse("it would go on without encryption");
        }
        Self::of(url)
    }

    /// Refuses an address in the place of a name, however it is written: the parser has read all its spellings.
    pub(super) fn check_address(&self) -> Result<(), FetchError> {
        match self.address() {
            Some(address) => {
                resolver::check(self.host(), address).map_err(|forbidden| FetchError::forbidden(self, &forbidden))
            }
            None => Ok(()),
        }
    }

    fn address(&self) -> Option<IpAddr> {
        let host = self.host();
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        inner.unwrap_or(host).parse().ok()
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The last part of the path.
    pub(super) fn filename(&self) -> Option<&str> {
        self.url.path_segments()?.next_back().filter(|name| !name.is_empty())
    }

    /// The URL for messages. A query may hold what is secret.
    pub(super) fn shown(&self) -> String {
        without_query(self.url.as_str())
    }
}

fn without_query(url: &str) -> String {
    let shown = url.split(['?', '#']).next().unwrap_or_default();
    shown.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

/// A host that may be anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AllowedHost {
    /// As a URL has it: in small letters, an address of IPv6 in brackets.
    host: String,
    /// Any where there is none.
    port: Option<u16>,
}

impl AllowedHost {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidFetcher> {
        let refuse = || InvalidFetcher::Host { host: text.to_owned() };
        let with_port = text
            .rsplit_once(':')
            .filter(|(host, _)| !host.ends_with(':') && (!host.contains(':') || host.ends_with(']')));
        let port = with_port
            .map(|(_, port)| port.parse::<u16>().map_err(|_| refuse()))
            .transpose()?;
        let host = with_port.map_or(text, |(host, _)| host);
        // An address of IPv6 may stand without its brackets.
        let host = if host.parse::<std::net::Ipv6Addr>().is_ok() {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let url = Url::parse(&format!("http://{host}/")).map_err(|_| refuse())?;
        let parsed = url.host_str().unwrap_or_default();
        let is_host_alone = url.path() == "/"
            && url.username().is_empty()
            && url.query().is_none()
            && !host.contains(['/', '@', '#', '?']);
        if parsed.is_empty() || !is_host_alone {
            return Err(refuse());
        }
        Ok(Self {
            host: parsed.to_owned(),
            port,
        })
    }

    pub(super) fn is(&self, target: &Target) -> bool {
        let port = target.url.port_or_known_default();
        self.host == target.host() && self.port.is_none_or(|allowed| Some(allowed) == port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_seen_however_it_is_written() {
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://１２７.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[64:ff9b::127.0.0.1]/",
            "http://0/",
            "http://169.254.169.254/latest/meta-data/",
            "http://127.0.0.1./",
        ] {
            let checked = Target::parse(url).and_then(|target| target.check_address());
            assert!(
                matches!(checked, Err(FetchError::Forbidden { .. })),
                "{url}: {checked:?}"
            );
        }
        assert!(
            Target::parse("http://1.1.1.1/")
                .and_then(|target| target.check_address())
                .is_ok()
        );
    }

    #[test]
    fn what_is_not_fetched_is_refused_with_its_reason() {
        for (url, reason) in [
            ("file:///etc/passwd", "only `https` and `http` are fetched"),
            ("gopher://example.org/", "only `https` and `http` are fetched"),
            ("data:text/plain,x", "only `https` and `http` are fetched"),
            (
                "https://bob:secret@example.org/",
                "it holds credentials, which are not sent; take them out",
            ),
            (
                "https://bob@example.org/",
                "it holds credentials, which are not sent; take them out",
            ),
            ("example.org/x.png", "it is not a URL; write `https://` before the host"),
            ("https://", "it is not a URL; write `https://` before the host"),
        ] {
            let refused = Target::parse(url)
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert!(refused.ends_with(reason), "{url}: {refused}");
            assert!(!refused.contains("secret"), "{refused}");
        }
    }

    #[test]
    fn a_redirect_may_be_relative_and_may_not_leave_encryption() {
        let here = Target::parse("https://example.org/a/b?key=secret").ok();
        let to = |location: &str| {
            here.as_ref()
                .map(|here| here.redirected(location).map(|target| target.url.to_string()))
        };
        assert!(matches!(to("../c"), Some(Ok(url)) if url == "https://example.org/c"));
        assert!(matches!(to("//other.org/c"), Some(Ok(url)) if url == "https://other.org/c"));
        for refused in ["http://example.org/", "ftp://example.org/", "", "https://a@b/"] {
            assert!(matches!(to(refused), Some(Err(_))), "{refused}");
        }
    }

    #[test]
    fn an_allowed_host_is_that_host_and_port_alone() {
        let is = |allowed: &str, url: &str| {
            let allowed = AllowedHost::parse(allowed).ok();
            allowed
                .zip(Target::parse(url).ok())
                .is_some_and(|(allowed, target)| allowed.is(&target))
        };
        assert!(is("Media.Internal", "http://media.internal:81/x"));
        assert!(is("127.0.0.1:8080", "http://127.0.0.1:8080/"));
        assert!(is("media.internal:443", "https://media.internal/"));
        assert!(is("::1", "http://[::1]:9/"));
        assert!(is("[::1]:9", "http://[::1]:9/"));
        for (allowed, url) in [
            ("127.0.0.1:8080", "http://127.0.0.1:22/"),
            ("media.internal", "http://evil.media.internal/"),
            ("media.internal", "http://media.internal.evil.org/"),
            ("[::1]:9", "http://[::1]:8/"),
        ] {
            assert!(!is(allowed, url), "{allowed} {url}");
        }
        for bad in ["", "a/b", "http://a", "a:b", "u@a", "a:99999", "*"] {
            let parsed = AllowedHost::parse(bad);
            assert!(parsed.is_err() || bad == "*", "{bad}: {parsed:?}");
        }
    }
}
