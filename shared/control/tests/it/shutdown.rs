use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use botticelli_control::{Listeners, Ports, Routers};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::client::TestResult;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

async fn request(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: local\r\nconnection: close\r\n\r\n")
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn each_port_serves_its_own_router() -> TestResult {
    let listeners = Listeners::bind(
        LOCAL,
        Ports {
            metrics: Some(0),
            health: None,
            api: Some(0),
        },
    )
    .await?;
    let addresses = listeners.addresses();
    let routers = Routers {
        metrics: Router::new().route("/", get(|| async { "metrics" })),
        health: Router::new(),
        api: Router::new().route("/", get(|| async { "api" })),
    };
    let stop = CancellationToken::new();
    let serving = tokio::spawn(listeners.serve(routers, stop.clone()));
    assert!(
        request(addresses.metrics.ok_or("no metrics")?)
            .await?
            .ends_with("metrics")
    );
    assert!(request(addresses.api.ok_or("no API")?).await?.ends_with("api"));
    stop.cancel();
    serving.await??;
    Ok(())
}

#[tokio::test]
async fn a_request_in_progress_is_answered_after_the_stop_and_a_new_one_is_not_taken() -> TestResult {
    let (begun, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (begun, finish) = (Arc::clone(&begun), Arc::clone(&finish));
        Router::new().route(
            "/",
            get(move || async move {
                begun.notify_one();
                finish.notified().await;
                "finished"
            }),
        )
    };
    let listeners = Listeners::bind(
        LOCAL,
        Ports {
            api: Some(0),
            ..Ports::default()
        },
    )
    .await?;
    let address = listeners.addresses().api.ok_or("no API")?;
    let stop = CancellationToken::new();
    let serving = tokio::spawn(listeners.serve(
        Routers {
            api: slow,
            ..Routers::default()
        },
        stop.clone(),
    ));
    let in_progress = tokio::spawn(request(address));
    begun.notified().await;
    stop.cancel();
    finish.notify_one();
    assert!(in_progress.await??.ends_with("finished"));
    serving.await??;
    assert!(request(address).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_hold_up_the_end_of_the_process() -> TestResult {
    let begun = Arc::new(Notify::new());
    let stuck = {
        let begun = Arc::clone(&begun);
        Router::new().route(
            "/",
            get(move || async move {
                begun.notify_one();
                std::future::pending::<()>().await;
            }),
        )
    };
    let listeners = Listeners::bind(
        LOCAL,
        Ports {
            api: Some(0),
            ..Ports::default()
        },
    )
    .await?;
    let address = listeners.addresses().api.ok_or("no API")?;
    let stop = CancellationToken::new();
    let serving = tokio::spawn(listeners.serve(
        Routers {
            api: stuck,
            ..Routers::default()
        },
        stop.clone(),
    ));
    let in_progress = tokio::spawn(request(address));
    begun.notified().await;
    // From here on the runtime moves time on by itself when everybody waits for it.
    tokio::time::pause();
    stop.cancel();
    serving.await??;
    in_progress.abort();
    Ok(())
}

#[tokio::test]
async fn without_any_port_it_waits_for_the_stop() -> TestResult {
    let listeners = Listeners::bind(LOCAL, Ports::default()).await?;
    let stop = CancellationToken::new();
    let serving = tokio::spawn(listeners.serve(Routers::default(), stop.clone()));
    tokio::task::yield_now().await;
    assert!(!serving.is_finished());
    stop.cancel();
    serving.await??;
    Ok(())
}
