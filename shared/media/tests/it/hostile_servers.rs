//! Servers that want more than they should get.

use std::time::Duration;

use botticelli_media::{FetchError, FetchLimits, Fetcher, MediaFile, SniffError};

use crate::TestResult;
use crate::server::{After, Server};

const CAP: usize = 10_000;

async fn fetch_within(server: &Server, timeout: Duration) -> Result<MediaFile, FetchError> {
    let fetcher = Fetcher::new(&[server.host()]).unwrap();
    let limits = FetchLimits {
        timeout,
        ..FetchLimits::new(CAP)
    };
    fetcher.fetch(&server.url("/x.txt"), None, &limits).await
}

async fn fetch(server: &Server) -> Result<MediaFile, FetchError> {
    fetch_within(server, Duration::from_secs(20)).await
}

#[tokio::test]
async fn an_endless_body_ends_at_the_cap() {
    for (head, again) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n",
            &b"more and more\n"[..],
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"4\r\nmore\r\n",
        ),
    ] {
        let server = Server::start(head, After::Again(again)).await;
        let outcome = fetch(&server).await;
        assert!(
            matches!(outcome, Err(FetchError::TooLarge { cap: CAP, .. })),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_length_beyond_the_cap_is_believed_and_one_below_it_is_not() -> TestResult {
    // Nothing of it ever comes, so whoever read on would wait.
    let announced = Server::start("HTTP/1.1 200 OK\r\nContent-Length: 10001\r\n\r\n", After::Silence).await;
    let outcome = fetch(&announced).await;
    assert!(matches!(outcome, Err(FetchError::TooLarge { .. })), "{outcome:?}");

    let more = Server::start(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello, and more",
        After::Close,
    )
    .await;
    assert_eq!(&*fetch(&more).await?.bytes, b"Hello");

    let less = Server::start("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nHello", After::Close).await;
    let outcome = fetch(&less).await;
    assert!(
        matches!(&outcome, Err(error @ FetchError::Connection { .. }) if error.is_transient()),
        "{outcome:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_server_that_never_comes_to_an_end_is_left() {
    let a_little = Duration::from_millis(200);
    for head in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nHel",
    ] {
        let server = Server::start(head, After::Silence).await;
        let outcome = fetch_within(&server, a_little).await;
        assert!(
            matches!(outcome, Err(FetchError::Timeout { .. })),
            "{head}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn what_is_packed_is_not_unpacked() -> TestResult {
    // The first bytes of a gzip stream.
    let packed = b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xed\xc1";
    let encoded = [
        &b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\n"[..],
        packed,
    ]
    .concat();
    let outcome = fetch(&Server::start(encoded, After::Close).await).await;
    assert!(
        matches!(&outcome, Err(FetchError::Encoded { encoding, .. }) if encoding == "gzip"),
        "{outcome:?}"
    );

    let bare = Server::of("text/plain", packed).await;
    let outcome = fetch(&bare).await;
    assert!(
        matches!(
            outcome,
            Err(FetchError::Content {
                source: SniffError::Unknown,
                ..
            })
        ),
        "{outcome:?}"
    );

    let said = Server::start(
        "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 2\r\n\r\nHi",
        After::Close,
    )
    .await;
    assert_eq!(&*fetch(&said).await?.bytes, b"Hi");
    Ok(())
}

#[tokio::test]
async fn headers_without_end_and_nonsense_are_a_failed_connection() {
    for (head, after) in [
        (
            "HTTP/1.1 200 OK\r\n",
            After::Again(b"X-More: and more and more and more and more and more and more\r\n"),
        ),
        ("SSH-2.0-OpenSSH_9.9\r\n", After::Close),
    ] {
        let server = Server::start(head, after).await;
        let outcome = fetch(&server).await;
        assert!(
            matches!(outcome, Err(FetchError::Connection { .. })),
            "{head}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn an_empty_answer_is_no_media() {
    let server = Server::of("text/plain", b"").await;
    let outcome = fetch(&server).await;
    assert!(
        matches!(
            outcome,
            Err(FetchError::Content {
                source: SniffError::Empty,
                ..
            })
        ),
        "{outcome:?}"
    );
}
