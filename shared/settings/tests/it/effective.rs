//! The effective settings can be shown, and read back.

use crate::{Folder, TestResult};

#[test]
fn the_effective_settings_say_where_they_come_from_and_read_back_to_the_same() -> TestResult {
    let folder = Folder::new()?;
    let settings = folder.load(None, &[("BOTTICELLI_QUEUE_LEASE", "90s")])?;
    let toml = settings.masked_toml()?;
    assert!(
        toml.starts_with("# effective settings from embedded defaults\n\n[server]\n"),
        "{toml}"
    );
    assert!(
        toml.contains("lease = \"1m 30s\"") && toml.contains("schedule = \"every 2 minutes\""),
        "{toml}"
    );

    // Keys without effect for a kind are shown with their defaults and refused when written.
    let writable = toml.lines().filter(|line| {
        !["max_waiting", "limit", "min_score"]
            .iter()
            .any(|key| line.starts_with(key))
    });
    let writable = writable.collect::<Vec<_>>().join("\n");
    let again = folder.with("botticelli.toml", &writable)?.load(None, &[])?;
    assert_eq!(serde_json::to_value(&again)?, serde_json::to_value(&settings)?);
    Ok(())
}
