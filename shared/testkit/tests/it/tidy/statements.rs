//! Statements of the product: each is made for the schema that the process serves.

use std::error::Error;
use std::path::Path;

use super::workspace::Source;
use super::{TestResult, none, product_sources};

/// What makes a statement for the served schema of one that is written for `botticelli`.
const MAKER: &str = "sql(";

/// The room of the maker, which writes the name down once for all.
const ROOM_OF_MAKER: &str = "database";

/// Texts with `botticelli.` in them that are no SQL.
const NO_SQL: &[&str] = &["botticelli.role", "botticelli.toml"];

/// The endings of the names of notification channels.
const CHANNELS: &[&str] = &["_cancel", "_jobs", "_published"];

#[test]
fn every_statement_is_made_for_the_schema_that_the_process_serves() -> TestResult {
    let mut broken = Vec::new();
    for source in product_sources()?.iter().filter(|source| source.room != ROOM_OF_MAKER) {
        broken.extend(unmade(source)?);
    }
    none(&broken)
}

/// The literals of a Rust source that name the schema, or bring a file of SQL in, outside of `sql(…)`.
fn unmade(source: &Source) -> Result<Vec<String>, Box<dyn Error>> {
    if !is_file_of(&source.path, "rs") {
        return Ok(Vec::new());
    }
    let product = source.text.split("#[cfg(test)]").next().unwrap_or_default();
    let literals = literals(product).ok_or_else(|| format!("{} has a text without an end", source.path))?;
    let unmade = literals.into_iter().filter(|literal| {
        let before = product[..literal.start].trim_end();
        match before.strip_suffix("include_str!(") {
            Some(before) => is_file_of(literal.text, "sql") && !before.trim_end().ends_with(MAKER),
            None => names_schema(literal.text) && !before.ends_with(MAKER),
        }
    });
    Ok(unmade
        .map(|literal| {
            let line = product[..literal.start].matches('\n').count() + 1;
            format!("{}:{line} names the schema outside of `{MAKER}…)`", source.path)
        })
        .collect())
}

fn is_file_of(path: &str, language: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == language)
}

/// Whether a text holds the schema before a dot, as a whole literal, or in the name of a channel.
fn names_schema(text: &str) -> bool {
    text.match_indices("botticelli").any(|(start, name)| {
        let behind = &text[start + name.len()..];
        let is_no_sql = NO_SQL.iter().any(|no_sql| text[start..].starts_with(no_sql));
        let is_literal = text[..start].ends_with('\'') && behind.starts_with('\'');
        let is_qualifier = behind.starts_with('.') && !behind[1..].starts_with(' ');
        let is_channel = CHANNELS
            .iter()
            .any(|end| behind == *end || behind.starts_with(&format!("{end}'")));
        !is_no_sql && (is_literal || is_qualifier || is_channel)
    })
}

/// A text in the code.
struct Literal<'a> {
    /// Where its quote is, from the beginning of the source.
    start: usize,
    text: &'a str,
}

/// The texts of a Rust source, comments left out; `None` when one does not end.
fn literals(source: &str) -> Option<Vec<Literal<'_>>> {
    let mut literals = Vec::new();
    let mut at = 0;
    while let Some(next) = source[at..].find(['"', '/', '\'']) {
        at += next;
        let rest = &source[at..];
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            at += rest.find("*/")?;
        } else if let Some(inner) = rest.strip_prefix('"') {
            let length = match hashes_of_raw(&source[..at]) {
                Some(hashes) => inner.find(&format!("\"{}", "#".repeat(hashes)))?,
                None => length_with_escapes(inner)?,
            };
            literals.push(Literal {
                start: at,
                text: &inner[..length],
            });
            at += length + 2;
        } else {
            at += length_of_character(rest);
        }
    }
    Some(literals)
}

/// How many `#` a raw text has whose quote comes next; `None` for a text with escapes.
fn hashes_of_raw(before: &str) -> Option<usize> {
    let prefix = before.trim_end_matches('#');
    prefix.ends_with('r').then(|| before.len() - prefix.len())
}

/// How long a text is that ends with a quote no backslash stands before.
fn length_with_escapes(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.find(|c| {
        let ends = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    })
}

/// The length of a character such as `'"'`, or of the mark alone when it begins a lifetime.
fn length_of_character(text: &str) -> usize {
    let inner = &text[1..];
    let length = if inner.starts_with('\\') {
        inner[2..].find('\'').map(|end| end + 2)
    } else {
        inner
            .chars()
            .next()
            .map(char::len_utf8)
            .filter(|length| inner[*length..].starts_with('\''))
    };
    length.map_or(1, |length| length + 2)
}

fn findings(text: &str) -> Result<Vec<String>, Box<dyn Error>> {
    unmade(&Source {
        room: "queue".to_owned(),
        path: "queue.rs".to_owned(),
        text: text.to_owned(),
    })
}

#[test]
fn a_statement_outside_of_the_maker_is_found_with_its_line() -> TestResult {
    for text in [
        "query(\n\"select 1 from botticelli.jobs\")",
        "let quote = '\"';\nquery(\"botticelli.\\\"jobs\\\"\")",
        "fn a<'a>() {}\nquery(r#\"select \"a\" from botticelli.jobs\"#)",
        "/* \" */\nlisten(\"botticelli_jobs\")",
        "// \"\nquery(\"where schema = 'botticelli'\")",
        "query(\ninclude_str!(\"sql/claim.sql\"))",
    ] {
        assert_eq!(
            findings(text)?,
            ["queue.rs:2 names the schema outside of `sql(…)`"],
            "{text}"
        );
    }
    Ok(())
}

#[test]
fn statements_inside_of_the_maker_and_other_texts_are_let_be() -> TestResult {
    for text in [
        "query(sql(\n    \"select 1 from botticelli.jobs\",\n))",
        "query(sql(include_str!(\"sql/claim.sql\")))",
        "include_str!(\"a.toml\"); metric(\"botticelli_jobs_rescued_total\"); \"run `botticelli migrate`\"",
        "// \"botticelli.jobs\"\n/// \"botticelli.jobs\"\n\"botticelli.toml\"",
        "#[cfg(test)]\nquery(\"select 1 from botticelli.jobs\")",
    ] {
        assert_eq!(findings(text)?, [""; 0], "{text}");
    }
    Ok(())
}
