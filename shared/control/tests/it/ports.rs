use std::net::{IpAddr, Ipv4Addr};

use botticelli_control::{Listeners, Ports, ServeError};

use crate::client::TestResult;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[tokio::test]
async fn port_zero_takes_a_free_port_for_each_surface_and_says_which() -> TestResult {
    let listeners = Listeners::bind(
        LOCAL,
        Ports {
            metrics: Some(0),
            health: Some(0),
            api: Some(0),
        },
    )
    .await?;
    let addresses = listeners.addresses();
    let mut ports: Vec<_> = [addresses.metrics, addresses.health, addresses.api]
        .into_iter()
        .flatten()
        .map(|it| it.port())
        .collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 3);
    assert!(!ports.contains(&0));
    Ok(())
}

#[tokio::test]
async fn a_surface_without_a_port_is_not_opened() -> TestResult {
    let listeners = Listeners::bind(
        LOCAL,
        Ports {
            health: Some(0),
            ..Ports::default()
        },
    )
    .await?;
    let addresses = listeners.addresses();
    assert!(addresses.health.is_some() && addresses.metrics.is_none() && addresses.api.is_none());
    Ok(())
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_its_setting_and_the_way_out() -> TestResult {
    let other_program = std::net::TcpListener::bind((LOCAL, 0))?;
    let port = other_program.local_addr()?.port();
    let refused = Listeners::bind(
        LOCAL,
        Ports {
            api: Some(port),
            ..Ports::default()
        },
    )
    .await
    .err();
    let message = refused.map(|error| error.to_string());
    let expected = format!(
        "port `{port}` for the API is taken; give it another one with `[server] api_port` or `--api-port` \
         (0 takes any free port)"
    );
    assert_eq!(message, Some(expected));
    Ok(())
}

#[tokio::test]
async fn two_surfaces_on_one_port_are_refused() {
    let ports = Ports {
        metrics: Some(18_080),
        health: Some(18_080),
        api: None,
    };
    let refused = Listeners::bind(LOCAL, ports).await.err();
    assert!(
        matches!(refused, Some(ServeError::SamePort { port: 18_080, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_address_of_another_machine_is_refused_with_the_settings_to_check() {
    // 192.0.2.0/24 is reserved for documentation (RFC 5737).
    let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let refused = Listeners::bind(
        elsewhere,
        Ports {
            metrics: Some(0),
            ..Ports::default()
        },
    )
    .await
    .err();
    let message = refused.map(|error| error.to_string()).unwrap_or_default();
    assert!(
        message.contains("`[server] bind`") && message.contains("metrics_port"),
        "{message}"
    );
}
