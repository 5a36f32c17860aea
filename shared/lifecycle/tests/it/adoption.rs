//! What a killed owner leaves behind is taken over.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use botticelli_lifecycle::{Cluster, ClusterError, ClusterOptions};
use rustix::process::{Pid, Signal, kill_process};

use crate::{Home, run, text};

type TestResult = Result<(), Box<dyn std::error::Error>>;

fn pid_of(cluster: &Cluster) -> Result<Pid, Box<dyn std::error::Error>> {
    Ok(Pid::from_raw(cluster.pid().try_into()?).ok_or("no pid")?)
}

#[tokio::test]
async fn a_server_left_running_is_adopted_and_stopped_by_the_next_owner() -> TestResult {
    let home = Home::new()?;
    let first = home.start().await?;
    let (pid, url) = (first.pid(), first.url().to_owned());
    run(&url, "create table kept as select 'row' as word").await?;
    first.leave_running();

    let second = home.start().await?;
    assert!(second.is_adopted());
    assert_eq!((second.pid(), second.url()), (pid, url.as_str()));
    assert_eq!(text(second.url(), "select word from kept").await?, "row");
    second.stop().await?;
    assert!(!home.data_dir().join("cluster/postmaster.pid").exists());
    Ok(())
}

#[tokio::test]
async fn a_killed_server_is_started_again_with_its_rows() -> TestResult {
    let home = Home::new()?;
    // A cluster for tests may lose its last commits here.
    let durable = ClusterOptions::new(home.data_dir());
    let first = Cluster::start(durable).await?;
    run(first.url(), "create table kept as select 'row' as word").await?;
    kill_process(pid_of(&first)?, Signal::KILL)?;
    first.leave_running();

    let second = home.start().await?;
    assert!(!second.is_adopted());
    assert_eq!(text(second.url(), "select word from kept").await?, "row");
    second.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_pid_that_another_program_got_since_is_not_mistaken_for_the_server() -> TestResult {
    let home = Home::new()?;
    home.start().await?.stop().await?;
    let path = home.data_dir().join("cluster/postmaster.pid");
    // The pid of a process that lives as long as this test, as a reboot may leave it.
    let parent = std::os::unix::process::parent_id();
    fs::write(&path, format!("{parent}\n/elsewhere\n1790000000\n54321\n\n127.0.0.1\n"))?;
    // As readable for the server's account as the file it stands for.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;

    let cluster = home.start().await?;
    assert!(!cluster.is_adopted());
    assert_eq!(text(cluster.url(), "select 'up'").await?, "up");
    cluster.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_dropped_cluster_shuts_its_server_down_and_the_next_start_waits_for_that() -> TestResult {
    let home = Home::new()?;
    let first = home.start().await?;
    let pid = first.pid();
    drop(first);

    let second = home.start().await?;
    assert!(!second.is_adopted());
    assert_ne!(second.pid(), pid);
    second.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_server_with_another_password_is_named_instead_of_adopted() -> TestResult {
    let home = Home::new()?;
    let first = home.start().await?;
    let (pid, path) = (first.pid(), home.data_dir().join("password"));
    first.leave_running();
    let password = fs::read_to_string(&path)?;
    fs::write(&path, "another\n")?;

    let refusal = home.start().await.err().ok_or("it was adopted")?;
    assert!(matches!(refusal, ClusterError::PasswordRefused { .. }), "{refusal}");
    assert!(refusal.to_string().contains(&format!("kill -INT {pid}")), "{refusal}");

    fs::write(&path, password)?;
    home.start().await?.stop().await?;
    Ok(())
}
