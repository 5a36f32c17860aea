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

#[test]
fn functions_that_were_written_anew_are_listed_with_their_last_file() -> Result<(), Box<dyn Error>> {
    let mut written = BTreeMap::<String, Vec<String>>::new();
    for entry in fs::read_dir(root().join("migrations"))? {
        let path = entry?.path();
        let number = path.file_name().map(|name| name.to_string_lossy()[..4].to_owned());
        let text = fs::read_to_string(&path)?;
        for line in text.lines() {
            let begins = ["create function ", "create or replace function "];
            if begins.iter().any(|begin| line.starts_with(begin)) {
                let name = named_in(line).next().unwrap_or_default().to_owned();
                written.entry(name).or_default().extend(number.clone());
            }
        }
    }
    let mut anew = BTreeMap::new();
    for (name, mut files) in written {
        files.sort();
        files.dedup();
        if let [_, .., last] = files.as_slice() {
            anew.insert(name, last.clone());
        }
    }
    let text = fs::read_to_string(root().join("migrations/README.md"))?;
    let rows = text
        .lines()
        .map(cells)
        .skip_while(|cells| cells[..] != ["function", "file"])
        .skip(2);
    let listed: BTreeMap<String, String> = rows
        .take_while(|cells| cells.len() == 2)
        .map(|cells| (cells[0].to_owned(), cells[1].to_owned()))
        .collect();
    assert_eq!(listed, anew, "the second table of migrations/README.md");
    Ok(())
}
