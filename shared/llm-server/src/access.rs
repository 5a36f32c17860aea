//! Who may ask.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::desk::Desk;
use crate::refusal::Refusal;

/// Lets a request through that has the key or, where there is none, names the loopback as its host: a web page that is open on
/// this machine can reach the port too, under a name that its author has made lead here.
pub(crate) async fn admit(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Result<Response, Refusal> {
    match &desk.options.key {
        Some(key) if !has_key(request.headers(), key) => Err(Refusal::wrong_key()),
        None if !is_at_home(request.headers(), request.uri()) => Err(Refusal::foreign_host()),
        _ => Ok(next.run(request).await),
    }
}

fn has_key(headers: &HeaderMap, key: &SecretString) -> bool {
    let sent = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let Some((scheme, sent)) = sent.and_then(|sent| sent.split_at_checked("Bearer ".len())) else {
        return false;
    };
    // Of digests, what the time of a comparison tells is of no use to anybody.
    scheme.eq_ignore_ascii_case(b"Bearer ") && Sha256::digest(sent) == Sha256::digest(key.expose_secret())
}

fn is_at_home(headers: &HeaderMap, uri: &Uri) -> bool {
    let of_header = headers.get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    // A request without any, of HTTP/1.0, is from no browser.
    uri.authority()
        .map(Authority::as_str)
        .or(of_header)
        .is_none_or(is_loopback)
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    name.is_some_and(|name| {
        name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_loopback_are_at_home() {
        for host in [
            "localhost",
            "LOCALHOST:8089",
            "127.0.0.1:8089",
            "127.1.2.3",
            "[::1]:80",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.org",
            "localhost.example.org:8089",
            "127.0.0.1.example.org",
            "10.0.0.1",
            "[::2]:80",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
