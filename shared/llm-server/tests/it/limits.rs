//! How much is taken at a time, and when the work ends.

use std::num::NonZero;
use std::sync::Arc;

use botticelli_llm::Answer;
use botticelli_llm_server::ServerOptions;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::puppet::Puppet;
use crate::served::{Served, json_of, options, question, refusal};

async fn with_one_place(puppet: &Arc<Puppet>) -> Served {
    Served::with(ServerOptions {
        places: NonZero::new(1).unwrap(),
        ..options(puppet.clone())
    })
    .await
}

#[tokio::test]
async fn who_finds_every_place_taken_is_told_when_to_come_back() {
    let puppet = Puppet::new();
    let served = with_one_place(&puppet).await;
    let request = question(json!({}));
    let (first, ()) = tokio::join!(served.ask(&request), async {
        puppet.begun(1).await;
        let busy = served.ask(&request).await;
        assert_eq!(busy.headers()["retry-after"], "5");
        let (status, error) = refusal(busy).await;
        assert_eq!((status, &error["code"]), (429, &json!("rate_limit_exceeded")));
        assert_eq!(error["type"], "rate_limit_error");
        puppet.go();
    });
    assert_eq!(first.status(), 200);
    // The place is free again.
    puppet.go();
    assert_eq!(served.ask(&request).await.status(), 200);
}

async fn hang_up_cancels(fields: Value) {
    let puppet = Puppet::new();
    let served = with_one_place(&puppet).await;
    let request = question(fields);
    {
        let mut asking = Box::pin(async {
            let response = served.ask(&request).await;
            response.text().await
        });
        tokio::select! {
            answered = &mut asking => panic!("nobody let it go: {answered:?}"),
            () = puppet.begun(1) => {}
        }
    }
    puppet.dropped().await;
    puppet.go();
    // The place is free once the server has seen it.
    while served.ask(&request).await.status() != 200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_its_call() {
    hang_up_cancels(json!({})).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_in_the_midst_of_a_stream_ends_its_call() {
    hang_up_cancels(json!({"stream": true})).await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_in_the_same_form() {
    let (served, script) = Served::answering([Answer::text("Hello")]).await;
    let long = |length: usize| question(json!({"messages": [{"role": "user", "content": "a".repeat(length)}]}));
    let (status, error) = refusal(served.ask(&long(1 << 20)).await).await;
    assert_eq!((status, &error["code"]), (413, &json!("request_too_large")));
    assert!(script.requests().is_empty());
    assert_eq!(served.ask(&long((1 << 20) - 1000)).await.status(), 200);
}

#[tokio::test]
async fn a_stop_lets_a_request_come_to_its_end_and_takes_no_other() {
    let puppet = Puppet::new();
    let served = with_one_place(&puppet).await;
    let request = question(json!({}));
    let (answer, ()) = tokio::join!(served.ask(&request), async {
        puppet.begun(1).await;
        served.drain.cancel();
        // The port closes, which nothing tells of.
        while TcpStream::connect(served.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        puppet.go();
    });
    assert_eq!(json_of(answer).await["choices"][0]["message"]["content"], "one two");
    served.serving.await.unwrap().unwrap();
}
