//! Making the cluster, once.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::{Command as StdCommand, Output, Stdio};

use tokio::process::Command;

use super::account::Account;
use super::binaries::Binaries;
use super::data_dir::{DataDir, failed};
use super::session::SUPERUSER;
use super::{ClusterError, diagnosis};

/// Runs `initdb` beside the final place and moves the result there, so that a crash never leaves half a cluster.
pub(super) async fn run(
    binaries: &Binaries,
    data_dir: &DataDir,
    account: &Account,
    fast_unsafe: bool,
) -> Result<(), ClusterError> {
    let draft = data_dir.path().join("cluster.new");
    let mut last = String::new();
    // `C.UTF-8` knows the letters beyond ASCII, but not every system has it.
    for locale in ["C.UTF-8", "C"] {
        make_empty(&draft, account)?;
        let program = binaries.program("initdb");
        let mut command = StdCommand::new(&program);
        command
            .arg("--pgdata")
            .arg(&draft)
            .arg("--pwfile")
            .arg(data_dir.password_file())
            .args(["--username", SUPERUSER, "--auth", "scram-sha-256", "--encoding", "UTF8"])
            .args(["--locale", locale, "--no-instructions"])
            .stdin(Stdio::null());
        if fast_unsafe {
            command.arg("--no-sync");
        }
        account.apply(&mut command, &draft);
        let output = Command::from(command)
            .output()
            .await
            .map_err(|source| ClusterError::Spawn { program, source })?;
        if output.status.success() {
            let cluster = data_dir.cluster();
            fs::rename(&draft, &cluster).map_err(failed("rename", &draft))?;
            tracing::info!("Made a cluster in {}", cluster.display());
            return Ok(());
        }
        last = text_of(&output);
        if !last.contains("locale") {
            break;
        }
    }
    // Whatever stopped `initdb`, a draft is of no use to anybody.
    let _ = fs::remove_dir_all(&draft);
    Err(ClusterError::Initdb {
        data_dir: data_dir.path().to_owned(),
        output: diagnosis::tail(&last, 12),
    })
}

fn make_empty(draft: &Path, account: &Account) -> Result<(), ClusterError> {
    if draft.exists() {
        fs::remove_dir_all(draft).map_err(failed("remove", draft))?;
    }
    fs::DirBuilder::new()
        .mode(0o700)
        .create(draft)
        .map_err(failed("create", draft))?;
    account.give(draft)
}

fn text_of(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
