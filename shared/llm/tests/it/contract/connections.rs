//! Connections that do not come about, that break, and that nobody needs any more.

use std::sync::Arc;
use std::time::Duration;

use botticelli_llm::{ErrorClass, LlmError, open};
use tokio::net::TcpListener;

use crate::asking::question;
use crate::speech::{End, Speech, all};
use crate::stub::{Act, Close, Stub, head};

async fn failure_at(speech: &Speech, base_url: &str) -> LlmError {
    match speech.client(base_url).generate(&question("Hi")).await {
        Ok(reply) => panic!("{}: {reply:?}", speech.wire),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_service_that_is_not_there_is_named_with_what_to_check() {
    for speech in all() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let error = failure_at(&speech, &format!("http://{address}/v1?key=hidden")).await;
        let text = error.to_string();
        assert_eq!(error.class, ErrorClass::Transport, "{}: {text}", speech.wire);
        assert!(
            text.contains(&address.to_string()) && text.contains("refused") && text.contains("base_url"),
            "{text}"
        );
        assert!(!text.contains("hidden") && !error.is_paid(), "{text}");
    }
}

#[tokio::test]
async fn a_service_that_does_not_finish_the_handshake_is_given_up() {
    // The system accepts the connection, and nobody ever speaks TLS on it.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let [speech, ..] = all();
    let mut options = speech.options(format!("https://{}", listener.local_addr().unwrap()));
    options.connect_timeout = Duration::from_millis(50);
    let error = open(options).unwrap().generate(&question("Hi")).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Transport, "{error}");
    assert!(error.detail.contains("no connection within 50ms"), "{error}");
}

#[tokio::test]
async fn a_connection_that_breaks_is_worth_repeating() {
    for speech in all() {
        let body = (speech.answer)("Hello.", End::Stop).to_string();
        let half = head(200, &[("content-length", "5000"), ("content-type", "application/json")]) + &body[..20];
        for first in [String::new(), half] {
            let stub = Stub::playing(vec![Act::Send(first.into_bytes())]).await;
            let error = failure_at(&speech, &stub.url()).await;
            assert_eq!(error.class, ErrorClass::Transport, "{}: {error}", speech.wire);
            assert!(error.is_paid(), "{}: the model may have answered", speech.wire);
            assert!(
                error.detail.contains("broke") && error.class.is_transient(),
                "{}: {error}",
                speech.wire
            );
        }
    }
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_ends_its_connection() {
    for speech in all() {
        let stub = Stub::playing(vec![Act::Stall]).await;
        let model = speech.client(stub.url());
        let asking = tokio::spawn({
            let model = Arc::clone(&model);
            async move { model.generate(&question("Hi")).await }
        });
        stub.arrived().await;
        asking.abort();
        stub.hung_up().await;
    }
}

#[tokio::test]
async fn a_stream_that_nobody_waits_for_ends_its_connection() {
    for speech in all() {
        let frames = speech.frames(&["one ", "two"], End::Stop);
        let until = frames.iter().position(|frame| frame.contains("two")).unwrap();
        let stub = Stub::playing(speech.streamed(&frames[..until], Close::Stall)).await;
        let model = speech.client(stub.url());
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let asking = tokio::spawn(async move {
            let mut hear = |piece: &str| tell.send(piece.to_owned()).unwrap();
            model.stream(&question("Hi"), &mut hear).await
        });
        assert_eq!(told.recv().await.as_deref(), Some("one "), "{}", speech.wire);
        asking.abort();
        stub.hung_up().await;
    }
}

#[tokio::test]
async fn an_answer_with_too_many_bytes_ends_its_connection() {
    for speech in all() {
        // It would go on for ever.
        let flood = [
            head(200, &[("content-type", "application/json")]).into_bytes(),
            vec![b' '; 3 * 1024 * 1024],
        ];
        let stub = Stub::playing(vec![Act::Send(flood.concat()), Act::Stall]).await;
        let error = failure_at(&speech, &stub.url()).await;
        assert_eq!(error.class, ErrorClass::Malformed, "{}", speech.wire);
        stub.hung_up().await;
    }
}
