//! A private cluster starts, keeps its data, and stops.

use std::fs;
use std::os::unix::fs::MetadataExt;

use botticelli_lifecycle::ClusterError;

use crate::{Home, run, text};

type TestResult = Result<(), Box<dyn std::error::Error>>;

#[tokio::test]
async fn a_new_directory_becomes_a_cluster_that_keeps_its_rows_and_its_port() -> TestResult {
    let home = Home::new()?;
    let cluster = home.start().await?;
    let url = cluster.url().to_owned();
    run(&url, "create table kept (word text); insert into kept values ('früh')").await?;
    assert_eq!(text(&url, "select upper(word) from kept").await?, "FRÜH");
    cluster.stop().await?;

    let cluster = home.start().await?;
    assert!(!cluster.is_adopted());
    assert_eq!(cluster.url(), url);
    assert_eq!(text(cluster.url(), "select word from kept").await?, "früh");
    cluster.stop().await?;
    Ok(())
}

#[tokio::test]
async fn other_commands_find_the_url_while_it_runs_and_only_then() -> TestResult {
    let home = Home::new()?;
    let cluster = home.start().await?;
    let path = home.data_dir().join("database_url");
    assert_eq!(fs::read_to_string(&path)?.trim(), cluster.url());
    for secret in ["database_url", "password"] {
        assert_eq!(
            fs::metadata(home.data_dir().join(secret))?.mode() & 0o777,
            0o600,
            "{secret}"
        );
    }
    cluster.stop().await?;
    assert!(!path.exists());
    Ok(())
}

#[tokio::test]
async fn the_server_listens_on_the_loopback_only_and_wants_the_password() -> TestResult {
    let home = Home::new()?;
    let cluster = home.start().await?;
    assert_eq!(text(cluster.url(), "show listen_addresses").await?, "127.0.0.1");
    assert_eq!(text(cluster.url(), "show unix_socket_directories").await?, "");

    let password = fs::read_to_string(home.data_dir().join("password"))?;
    let guessed = cluster.url().replace(password.trim(), "guessed");
    let refusal = text(&guessed, "select 'in'")
        .await
        .err()
        .ok_or("the guess was let in")?;
    assert!(
        refusal.to_string().contains("password authentication failed"),
        "{refusal}"
    );
    cluster.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_taken_port_is_left_for_another_one() -> TestResult {
    let home = Home::new()?;
    home.start().await?.stop().await?;
    let port: u16 = fs::read_to_string(home.data_dir().join("port"))?.trim().parse()?;
    let _squatter = std::net::TcpListener::bind(("127.0.0.1", port))?;

    let cluster = home.start().await?;
    assert!(!cluster.url().contains(&format!(":{port}/")));
    assert_eq!(text(cluster.url(), "select 'up'").await?, "up");
    cluster.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_ends_by_itself_is_reported_with_its_last_words() -> TestResult {
    let home = Home::new()?;
    let mut cluster = home.start().await?;
    let pid = rustix::process::Pid::from_raw(cluster.pid().try_into()?).ok_or("no pid")?;
    rustix::process::kill_process(pid, rustix::process::Signal::INT)?;

    let death = cluster.died().await;
    assert!(matches!(death, ClusterError::Died { .. }), "{death}");
    assert!(death.to_string().contains("database system is shut down"), "{death}");
    Ok(())
}

#[tokio::test]
async fn the_server_is_outside_the_process_group_that_ctrl_c_reaches() -> TestResult {
    let home = Home::new()?;
    let cluster = home.start().await?;
    let pid = rustix::process::Pid::from_raw(cluster.pid().try_into()?).ok_or("no pid")?;
    assert_eq!(rustix::process::getpgid(Some(pid))?, pid);
    cluster.stop().await?;
    Ok(())
}
