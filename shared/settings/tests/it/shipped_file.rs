//! `config/botticelli.toml` is the reference of all keys, and cannot rot.

use std::collections::BTreeMap;

use botticelli_settings::{AnonymousRole, LlmBackend, PlatformName, Settings};
use serde_json::Value;

use crate::{Folder, TestResult};

const FILE: &str = include_str!("../../../../config/botticelli.toml");

/// One `key = value` of the file.
struct Entry<'a> {
    section: &'a str,
    key: &'a str,
    value: &'a str,
    commented: bool,
}

fn entries() -> Vec<Entry<'static>> {
    let mut section = "";
    let mut entries = Vec::new();
    for line in FILE.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        }
        let uncommented = line.strip_prefix("# ");
        if let Some((key, value)) = uncommented.unwrap_or(line).split_once(" = ")
            && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        {
            entries.push(Entry {
                section,
                key,
                value,
                commented: uncommented.is_some(),
            });
        }
    }
    entries
}

/// The section's path in the effective settings, and the name that the list of keys uses for it.
fn listed(section: &str) -> &str {
    if section.starts_with("actors.") {
        "actors.NAME"
    } else {
        section
    }
}

fn effective(settings: &Settings, entry: &Entry<'_>) -> Result<Value, Box<dyn std::error::Error>> {
    let json = serde_json::to_value(settings)?;
    let pointer = format!("/{}/{}", entry.section.replace('.', "/"), entry.key);
    Ok(json.pointer(&pointer).cloned().unwrap_or(Value::Null))
}

#[test]
fn every_key_appears_in_the_shipped_file_and_no_other() {
    let mut shown = entries()
        .iter()
        .map(|entry| format!("{}.{}", listed(entry.section), entry.key))
        .collect::<Vec<_>>();
    shown.sort();
    shown.dedup();
    let mut known = Settings::keys();
    known.sort();
    assert_eq!(shown, known);
}

#[test]
fn commented_values_are_the_defaults_of_the_code() -> TestResult {
    let settings = Folder::new()?.load(None, &[])?;
    let mut compared = 0;
    for entry in entries().iter().filter(|entry| entry.commented) {
        let default = effective(&settings, entry)?;
        // A key without a default shows an example.
        if default != Value::Null {
            let shown = toml_value(entry.value)?;
            assert_eq!(shown, default, "{}.{}", entry.section, entry.key);
            compared += 1;
        }
    }
    assert!(compared > 15, "only {compared} compared");
    Ok(())
}

#[test]
fn a_key_without_a_default_says_so() -> TestResult {
    let settings = Folder::new()?.load(None, &[])?;
    for entry in entries().iter().filter(|entry| entry.commented) {
        if effective(&settings, entry)? == Value::Null {
            let line = format!("# {} = {}", entry.key, entry.value);
            let before = FILE.lines().take_while(|other| *other != line).collect::<Vec<_>>();
            let comment = before
                .rsplit(|line| line.is_empty())
                .next()
                .unwrap_or_default()
                .join("\n");
            assert!(
                comment.contains("Default: none"),
                "{}.{}: {comment}",
                entry.section,
                entry.key
            );
        }
    }
    Ok(())
}

#[test]
fn every_line_of_the_reference_is_accepted_when_it_is_set() -> TestResult {
    // One key at a time on top of the shipped file, as a reader would try it.
    for entry in entries().iter().filter(|entry| entry.commented) {
        let line = format!("# {} = {}", entry.key, entry.value);
        let text = FILE.replace(&line, line.trim_start_matches("# "));
        let folder = Folder::new()?.with("botticelli.toml", &text)?;
        let loaded = folder.load(None, &[]).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(loaded, Ok(()), "{line}");
    }
    Ok(())
}

#[test]
fn the_shipped_settings_need_no_key_no_network_and_no_outside_access() -> TestResult {
    let settings = Folder::new()?.load(None, &[])?;
    assert_eq!(settings.llm.backend, LlmBackend::Embedded);
    assert!(settings.server.bind.is_loopback());
    assert_eq!(settings.api.anonymous_role, AnonymousRole::Readonly);
    assert!(
        settings
            .actors
            .values()
            .all(|actor| actor.platform == PlatformName::Noop && actor.enabled)
    );
    Ok(())
}

fn toml_value(text: &str) -> Result<Value, Box<dyn std::error::Error>> {
    let table: BTreeMap<String, Value> = toml::from_str(&format!("value = {text}"))?;
    table.get("value").cloned().ok_or_else(|| "no value".into())
}
