//! Fetching from hosts that are allowed, and not from others.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::Duration;

use botticelli_media::{FetchError, FetchLimits, Fetcher, InvalidFetcher, MediaFile, MediaKind, Mime, SniffError};

use crate::server::Server;
use crate::{PNG, TestResult};

fn limits() -> FetchLimits {
    FetchLimits {
        timeout: Duration::from_secs(20),
        ..FetchLimits::new(10_000)
    }
}

/// Fetches from servers that are allowed by host and port.
async fn fetch(servers: &[&Server], url: &str) -> Result<MediaFile, FetchError> {
    let hosts: Vec<String> = servers.iter().map(|server| server.host()).collect();
    Fetcher::new(&hosts).unwrap().fetch(url, None, &limits()).await
}

/// A port that would notice being connected to.
struct Trap(TcpListener);

impl Trap {
    fn set() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    fn was_stepped_on(&self) -> bool {
        !matches!(self.0.accept(), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }
}

#[tokio::test]
async fn media_come_with_type_name_and_kind() -> TestResult {
    let server = Server::of("image/png", PNG).await;
    let media = fetch(&[&server], &server.url("/art/spring.png?token=x#top")).await?;
    assert_eq!(
        (media.kind, media.mime, media.filename.as_str()),
        (MediaKind::Image, Mime::Png, "spring.png")
    );
    assert_eq!(&*media.bytes, PNG);
    Ok(())
}

#[tokio::test]
async fn a_request_carries_nothing_of_anybody() -> TestResult {
    let server = Server::of("image/png", PNG).await;
    fetch(&[&server], &server.url("/x.png")).await?;
    let request = server.requests().pop().ok_or("nothing arrived")?.to_lowercase();
    assert!(request.starts_with("get /x.png http/1.1\r\n"), "{request}");
    assert!(request.contains("accept-encoding: identity\r\n"), "{request}");
    for header in ["cookie:", "authorization:", "referer:", "proxy-"] {
        assert!(!request.contains(header), "{request}");
    }
    Ok(())
}

#[tokio::test]
async fn this_machine_is_not_reached_by_address_or_by_name() -> TestResult {
    let trap = Trap::set();
    let port = trap.port();
    let fetcher = Fetcher::new::<&str>(&[])?;
    for host in [
        "127.0.0.1",
        "2130706433",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "localhost",
        "LOCALHOST",
    ] {
        let url = format!("http://{host}:{port}/latest/meta-data/");
        let outcome = fetcher.fetch(&url, None, &limits()).await;
        assert!(
            matches!(outcome, Err(FetchError::Forbidden { .. })),
            "{host}: {outcome:?}"
        );
    }
    assert!(!trap.was_stepped_on());
    let outcome = fetcher
        .fetch(&format!("http://localhost:{port}/?key=secret"), None, &limits())
        .await;
    let words = outcome.err().ok_or("it was fetched")?.to_string();
    assert!(
        words.contains("which is of this machine; allow the host") && !words.contains("secret"),
        "{words}"
    );
    Ok(())
}

#[tokio::test]
async fn a_host_is_allowed_by_its_name_and_port_alone() -> TestResult {
    let server = Server::of("image/png", PNG).await;
    let trap = Trap::set();
    let fetcher = Fetcher::new(&[format!("localhost:{}", server.port)])?;
    let url = |host: &str, port: u16| format!("http://{host}:{port}/x.png");
    assert!(
        fetcher
            .fetch(&url("localhost", server.port), None, &limits())
            .await
            .is_ok()
    );
    for (host, port) in [("localhost", trap.port()), ("127.0.0.1", server.port)] {
        let outcome = fetcher.fetch(&url(host, port), None, &limits()).await;
        assert!(
            matches!(outcome, Err(FetchError::Forbidden { .. })),
            "{host}: {outcome:?}"
        );
    }
    assert!(!trap.was_stepped_on());
    assert_eq!(server.requests().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_redirect_is_followed_to_where_the_first_url_could_have_led() -> TestResult {
    let last = Server::of("image/png", PNG).await;
    let first = Server::redirecting_to(&last.url("/real.png")).await;
    let media = fetch(&[&first, &last], &first.url("/short")).await?;
    assert_eq!(media.filename, "real.png");
    Ok(())
}

#[tokio::test]
async fn a_redirect_into_this_machine_is_refused_before_it_is_connected_to() -> TestResult {
    let trap = Trap::set();
    for location in [
        format!("http://127.0.0.1:{}/", trap.port()),
        format!("http://localhost:{}/admin", trap.port()),
    ] {
        let server = Server::redirecting_to(&location).await;
        let outcome = fetch(&[&server], &server.url("/x.png")).await;
        assert!(
            matches!(&outcome, Err(FetchError::Forbidden { url, .. }) if *url == location),
            "{outcome:?}"
        );
    }
    assert!(!trap.was_stepped_on());
    for location in ["file:///etc/passwd", "http://user:pass@127.0.0.1/", ""] {
        let server = Server::redirecting_to(location).await;
        let outcome = fetch(&[&server], &server.url("/x.png")).await;
        assert!(
            matches!(outcome, Err(FetchError::Url { .. } | FetchError::Redirect { .. })),
            "{location}: {outcome:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn three_redirects_are_followed_and_no_more() -> TestResult {
    let last = Server::of("image/png", PNG).await;
    let third = Server::redirecting_to(&last.url("/x.png")).await;
    let second = Server::redirecting_to(&third.url("/3")).await;
    let first = Server::redirecting_to(&second.url("/2")).await;
    let before = Server::redirecting_to(&first.url("/1")).await;
    let all = [&before, &first, &second, &third, &last];
    assert!(fetch(&all, &first.url("/1")).await.is_ok());
    let outcome = fetch(&all, &before.url("/0")).await;
    assert!(
        matches!(outcome, Err(FetchError::TooManyRedirects { most: 3, .. })),
        "{outcome:?}"
    );
    assert_eq!(last.requests().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_type_must_be_that_of_the_content() -> TestResult {
    let contradiction = |declared| SniffError::Contradiction {
        declared,
        found: Mime::Png,
    };
    let lying = Server::of("image/gif", PNG).await;
    let outcome = fetch(&[&lying], &lying.url("/x")).await;
    assert!(
        matches!(&outcome, Err(FetchError::Content { source, .. }) if *source == contradiction(Mime::Gif)),
        "{outcome:?}"
    );

    let page = Server::of("text/html", b"<html>Log in</html>").await;
    let outcome = fetch(&[&page], &page.url("/x.png")).await;
    assert!(matches!(
        outcome,
        Err(FetchError::Content {
            source: SniffError::UnknownType { .. },
            ..
        })
    ));

    let vague = Server::of("application/octet-stream", PNG).await;
    let fetcher = Fetcher::new(&[vague.host(), lying.host()])?;
    let declared = |url: String, declared: &'static str| {
        let fetcher = fetcher.clone();
        async move { fetcher.fetch(&url, Some(declared), &limits()).await }
    };
    assert_eq!(declared(vague.url("/x"), "image/png").await?.mime, Mime::Png);
    assert!(matches!(
        declared(vague.url("/x"), "audio/mpeg").await,
        Err(FetchError::Content { .. })
    ));
    // The document is right, and the server is not.
    assert!(matches!(
        declared(lying.url("/x"), "image/png").await,
        Err(FetchError::Content { .. })
    ));
    Ok(())
}

#[tokio::test]
async fn a_type_that_was_not_asked_for_is_refused() -> TestResult {
    let server = Server::of("image/png", PNG).await;
    let fetcher = Fetcher::new(&[server.host()])?;
    let pictures = FetchLimits {
        types: vec![Mime::Jpeg, Mime::Webp],
        ..limits()
    };
    let outcome = fetcher.fetch(&server.url("/x"), None, &pictures).await;
    assert!(
        matches!(outcome, Err(FetchError::Type { mime: Mime::Png, .. })),
        "{outcome:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_status_is_told_with_whether_it_may_pass() -> TestResult {
    for (status, is_transient) in [(404, false), (403, false), (429, true), (503, true), (206, false)] {
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
        let server = Server::start(head, crate::server::After::Close).await;
        let error = fetch(&[&server], &server.url("/x.png?key=secret"))
            .await
            .err()
            .ok_or("it was fetched")?;
        assert!(
            matches!(error, FetchError::Status { status: found, .. } if found == status),
            "{error:?}"
        );
        assert_eq!(error.is_transient(), is_transient, "{status}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    Ok(())
}

#[test]
fn an_allowed_host_that_is_none_is_refused() {
    for host in ["http://a.org", "a/b", "", "a:port"] {
        assert!(
            matches!(Fetcher::new(&[host]), Err(InvalidFetcher::Host { .. })),
            "{host}"
        );
    }
}
