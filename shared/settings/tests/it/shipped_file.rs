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
    /// Whether its whole section is commented out.
    in_example: bool,
}

fn entries() -> Vec<Entry<'static>> {
    let (mut section, mut in_example) = ("", false);
    let mut entries = Vec::new();
    for line in FILE.lines() {
        // Sections that nothing is set in stand behind a `#` themselves.
        if let Some(name) = line.strip_prefix("# [").or_else(|| line.strip_prefix('['))
            && let Some(name) = name.strip_suffix(']')
        {
            section = name;
            in_example = line.starts_with('#');
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
                in_example,
            });
        }
    }
    entries
}

/// The section's path in the effective settings, and the name that the list of keys uses for it.
fn listed(section: &str) -> String {
    match section.split_once('.') {
        Some((table @ ("actors" | "providers" | "prices" | "budgets"), _)) => format!("{table}.NAME"),
        _ => section.to_owned(),
    }
}

/// Whether a default sets nothing: no value, or a list or table without any.
fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(Value::is_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
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
        if !is_unset(&default) {
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
    for entry in entries().iter().filter(|entry| entry.commented && !entry.in_example) {
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
    for entry in entries().iter().filter(|entry| entry.commented && !entry.in_example) {
        let line = format!("# {} = {}", entry.key, entry.value);
        let text = FILE.replace(&line, line.trim_start_matches("# "));
        let folder = Folder::new()?.with("botticelli.toml", &text)?;
        let loaded = folder.load(None, &[]).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(loaded, Ok(()), "{line}");
    }
    Ok(())
}

#[test]
fn every_section_that_is_an_example_is_accepted_as_a_whole() -> TestResult {
    let text: Vec<String> = FILE
        .lines()
        .scan(false, |in_example, line| {
            let header = line.strip_prefix("# ").unwrap_or(line).starts_with('[');
            *in_example = if header { line.starts_with('#') } else { *in_example };
            let is_entry = *in_example && (header || line.starts_with("# ") && line.contains(" = "));
            Some(if is_entry {
                line.trim_start_matches("# ").to_owned()
            } else {
                line.to_owned()
            })
        })
        .collect();
    let folder = Folder::new()?.with("botticelli.toml", &text.join("\n"))?;
    let settings = folder.load(None, &[]).map_err(|error| error.to_string())?;
    let named = (settings.providers.len(), settings.prices.len(), settings.budgets.len());
    assert_eq!(named, (1, 1, 1));
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
