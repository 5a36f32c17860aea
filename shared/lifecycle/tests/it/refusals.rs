//! What cannot work is refused with its way out.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use botticelli_lifecycle::{Cluster, ClusterError, ClusterOptions, is_root};

use crate::Home;

type TestResult = Result<(), Box<dyn std::error::Error>>;

async fn refusal(home: &Home) -> Result<ClusterError, &'static str> {
    home.start().await.err().ok_or("it started")
}

#[tokio::test]
async fn a_directory_in_use_names_the_process_that_has_it() -> TestResult {
    let home = Home::new()?;
    let cluster = home.start().await?;
    let refusal = refusal(&home).await?.to_string();
    assert!(
        refusal.contains(&format!("in use by process {}", std::process::id())),
        "{refusal}"
    );
    assert!(refusal.contains("--data-dir"), "{refusal}");
    cluster.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_cluster_of_another_major_version_names_the_package() -> TestResult {
    let home = Home::new()?;
    home.start().await?.stop().await?;
    fs::write(home.data_dir().join("cluster/PG_VERSION"), "12\n")?;
    let refusal = refusal(&home).await?.to_string();
    assert!(refusal.contains("`apt-get install postgresql-12`"), "{refusal}");
    Ok(())
}

#[tokio::test]
async fn a_damaged_cluster_shows_the_log_and_what_to_do() -> TestResult {
    let home = Home::new()?;
    home.start().await?.stop().await?;
    fs::remove_file(home.data_dir().join("cluster/global/pg_control"))?;
    let refusal = refusal(&home).await?.to_string();
    assert!(refusal.contains("the files are damaged; restore a backup"), "{refusal}");
    assert!(refusal.contains("pg_control"), "{refusal}");
    Ok(())
}

#[tokio::test]
async fn a_cluster_without_its_version_file_is_called_incomplete() -> TestResult {
    let home = Home::new()?;
    home.start().await?.stop().await?;
    fs::remove_file(home.data_dir().join("cluster/PG_VERSION"))?;
    let refusal = refusal(&home).await?;
    assert!(matches!(refusal, ClusterError::Incomplete { .. }), "{refusal}");
    Ok(())
}

#[tokio::test]
async fn a_cluster_without_its_password_is_not_given_a_new_one() -> TestResult {
    let home = Home::new()?;
    home.start().await?.stop().await?;
    fs::remove_file(home.data_dir().join("password"))?;
    let refusal = refusal(&home).await?;
    assert!(matches!(refusal, ClusterError::PasswordMissing { .. }), "{refusal}");
    Ok(())
}

#[tokio::test]
async fn half_a_cluster_of_a_killed_initdb_is_made_anew() -> TestResult {
    let home = Home::new()?;
    let draft = home.data_dir().join("cluster.new");
    fs::create_dir_all(&draft)?;
    fs::set_permissions(home.data_dir(), fs::Permissions::from_mode(0o755))?;
    fs::write(draft.join("PG_VERSION"), "15\n")?;
    home.start().await?.stop().await?;
    assert!(!draft.exists());
    Ok(())
}

#[tokio::test]
async fn a_directory_that_the_server_cannot_reach_names_the_blocking_parent() -> TestResult {
    if !is_root() {
        // Only root starts the server as another account.
        return Ok(());
    }
    let closed = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir()?;
    let data_dir = closed.path().join("data");
    let refusal = Cluster::start(ClusterOptions::for_tests(&data_dir))
        .await
        .err()
        .ok_or("it started")?;
    let ClusterError::Unreachable { blocked, .. } = &refusal else {
        return Err(refusal.into());
    };
    assert_eq!(*blocked, closed.path().canonicalize()?);
    assert!(
        refusal.to_string().contains("--data-dir /var/lib/botticelli"),
        "{refusal}"
    );
    Ok(())
}

#[tokio::test]
async fn a_cluster_of_another_account_is_left_alone() -> TestResult {
    if !is_root() {
        // Only root can give files away.
        return Ok(());
    }
    let home = Home::new()?;
    home.start().await?.stop().await?;
    std::os::unix::fs::chown(home.data_dir().join("cluster"), Some(0), Some(0))?;
    let refusal = refusal(&home).await?;
    assert!(
        matches!(refusal, ClusterError::WrongOwner { owner: 0, .. }),
        "{refusal}"
    );
    assert!(refusal.to_string().contains("chown -R"), "{refusal}");
    Ok(())
}
