//! The tables of the schema and who owns them, from `migrations/README.md`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;

use super::workspace::root;

/// The schema that holds every table.
const SCHEMA: &str = "botticelli.";

/// Table → room, from the rows under the heading `| table | room |`.
pub(super) fn owners_of_tables() -> Result<BTreeMap<String, String>, Box<dyn Error>> {
    let path = root().join("migrations/README.md");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut owners = BTreeMap::new();
    let rows = text
        .lines()
        .map(cells)
        .skip_while(|cells| cells[..] != ["table", "room"])
        .skip(2);
    for row in rows.take_while(|cells| cells.len() == 2) {
        owners.insert(row[0].to_owned(), row[1].to_owned());
    }
    if owners.is_empty() {
        Err("migrations/README.md has no table `| table | room |`".into())
    } else {
        Ok(owners)
    }
}

fn cells(line: &str) -> Vec<&str> {
    let inner = line.trim().strip_prefix('|').and_then(|line| line.strip_suffix('|'));
    inner
        .map(|inner| inner.split('|').map(|cell| cell.trim().trim_matches('`')).collect())
        .unwrap_or_default()
}

/// The names that follow the name of the schema in `line`.
pub(super) fn named_in(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices(SCHEMA).map(|(start, _)| {
        let name = &line[start + SCHEMA.len()..];
        let end = name
            .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .unwrap_or(name.len());
        &name[..end]
    })
}

#[test]
fn names_are_read_up_to_the_end_of_the_word() {
    let line = "select 1 from botticelli.jobs, botticelli.job_history as history";
    assert_eq!(named_in(line).collect::<Vec<_>>(), ["jobs", "job_history"]);
}

#[test]
fn every_table_of_the_migrations_has_an_owner() -> Result<(), Box<dyn Error>> {
    let owners = owners_of_tables()?;
    let mut orphans = Vec::new();
    for entry in fs::read_dir(root().join("migrations"))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        for line in fs::read_to_string(&path)?
            .lines()
            .filter(|line| line.trim_start().starts_with("create table"))
        {
            // A partition belongs to its table.
            if !line.contains(" partition of ") {
                orphans.extend(
                    named_in(line)
                        .filter(|table| !owners.contains_key(*table))
                        .map(str::to_owned),
                );
            }
        }
    }
    assert!(orphans.is_empty(), "migrations/README.md names no room for {orphans:?}");
    Ok(())
}
