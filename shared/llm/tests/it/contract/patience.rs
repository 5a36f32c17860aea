//! Services that take too long: each limit of time ends the call, and the connection with it.

use std::time::Duration;

use botticelli_llm::{ErrorClass, Request, Timeouts};

use crate::asking::question;
use crate::speech::{End, all};
use crate::stub::{Act, Close, Stub, head};

/// So short that a test does not wait for it, and so long that what is there already has been read.
const SHORT: Duration = Duration::from_millis(500);

const LONG: Duration = Duration::from_mins(10);

fn within(timeouts: Timeouts) -> Request {
    Request {
        timeouts,
        ..question("Hi")
    }
}

#[tokio::test]
async fn a_service_that_does_not_begin_to_answer_is_given_up() {
    for speech in all() {
        let stub = Stub::playing(vec![Act::Stall]).await;
        let request = within(Timeouts {
            first_byte: SHORT,
            idle: LONG,
            total: LONG,
        });
        let error = speech.client(stub.url()).generate(&request).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::TimedOut, "{}: {error}", speech.wire);
        assert!(error.detail.contains("did not begin to answer within 500ms"), "{error}");
        stub.hung_up().await;
    }
}

#[tokio::test]
async fn a_service_that_stops_in_the_middle_of_a_body_is_given_up() {
    for speech in all() {
        let body = (speech.answer)("Hello.", End::Stop).to_string();
        let half = head(200, &[("content-length", "5000"), ("content-type", "application/json")]) + &body[..20];
        let stub = Stub::playing(vec![Act::Send(half.into_bytes()), Act::Stall]).await;
        let request = within(Timeouts {
            first_byte: LONG,
            idle: SHORT,
            total: LONG,
        });
        let error = speech.client(stub.url()).generate(&request).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::TimedOut, "{}: {error}", speech.wire);
        assert!(
            error.detail.contains("stopped in the middle of its answer for 500ms"),
            "{error}"
        );
        stub.hung_up().await;
    }
}

#[tokio::test]
async fn a_stream_that_stops_is_given_up_and_keeps_what_was_said() {
    for speech in all() {
        let frames = speech.frames(&["one ", "two"], End::Stop);
        let until = frames.iter().position(|frame| frame.contains("two")).unwrap();
        for (idle, total, words) in [
            (SHORT, LONG, "stopped in the middle"),
            (LONG, SHORT, "did not answer within 500ms"),
        ] {
            let stub = Stub::playing(speech.streamed(&frames[..until], Close::Stall)).await;
            let request = within(Timeouts {
                first_byte: LONG,
                idle,
                total,
            });
            let outcome = speech.client(stub.url()).stream(&request, &mut |_: &str| {}).await;
            let error = outcome.unwrap_err();
            assert_eq!(error.class, ErrorClass::TimedOut, "{}: {error}", speech.wire);
            assert!(error.detail.contains(words), "{}: {error}", speech.wire);
            assert_eq!(error.answer.as_deref(), Some("one "), "{}", speech.wire);
            assert!(
                error.usage.is_some_and(|usage| usage.output_tokens > 0),
                "{}: {error:?}",
                speech.wire
            );
            stub.hung_up().await;
        }
    }
}

#[tokio::test]
async fn a_call_that_takes_too_long_in_all_is_given_up() {
    for speech in all() {
        let stub = Stub::playing(vec![Act::Stall]).await;
        let request = within(Timeouts::within(SHORT));
        let error = speech.client(stub.url()).generate(&request).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::TimedOut, "{}: {error}", speech.wire);
        assert_eq!(error.to_string(), "model provider `far` did not answer within 500ms");
        assert!(error.is_paid() && error.class.is_transient(), "{}", speech.wire);
        stub.hung_up().await;
    }
}

#[tokio::test]
async fn a_failure_whose_body_does_not_come_is_understood_by_its_status() {
    for speech in all() {
        let half = head(429, &[("content-length", "5000"), ("retry-after", "7")]) + "{\"error\"";
        let stub = Stub::playing(vec![Act::Send(half.into_bytes()), Act::Stall]).await;
        let request = within(Timeouts {
            first_byte: LONG,
            idle: SHORT,
            total: LONG,
        });
        let error = speech.client(stub.url()).generate(&request).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::RateLimited, "{}: {error}", speech.wire);
        assert_eq!(error.retry_after, Some(Duration::from_secs(7)), "{}", speech.wire);
    }
}
