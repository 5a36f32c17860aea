//! Rows as text.

use serde_json::Value;

use crate::ports::Row;

/// How rows are written into a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A JSON array of objects.
    Json,
    /// A Markdown table.
    Markdown,
    /// Comma-separated values with a header, quoted as RFC 4180 says.
    Csv,
    /// Only the values, one in a line, and a blank line between rows.
    Text,
}

impl Format {
    /// Every name by which a document may ask for a format.
    pub(crate) const NAMES: [&'static str; 4] = ["json", "markdown", "csv", "text"];

    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "markdown" => Some(Self::Markdown),
            "csv" => Some(Self::Csv),
            "text" => Some(Self::Text),
            _ => None,
        }
    }
}

/// Writes `rows`; the columns are `columns`, or the first row's where that is empty.
pub(crate) fn render(format: Format, columns: &[String], rows: &[Row]) -> String {
    let columns: Vec<&str> = if columns.is_empty() {
        rows.first()
            .map(|row| row.keys().map(String::as_str).collect())
            .unwrap_or_default()
    } else {
        columns.iter().map(String::as_str).collect()
    };
    match format {
        Format::Json => json(&columns, rows),
        Format::Markdown => lines(
            &columns,
            rows,
            markdown_cell,
            |cells| format!("| {} |", cells.join(" | ")),
            true,
        ),
        Format::Csv => lines(&columns, rows, csv_cell, |cells| cells.join(","), false),
        Format::Text => text(&columns, rows),
    }
}

fn json(columns: &[&str], rows: &[Row]) -> String {
    let objects = rows.iter().map(|row| {
        Value::Object(
            columns
                .iter()
                .map(|column| ((*column).to_owned(), cell(row, column).clone()))
                .collect(),
        )
    });
    Value::Array(objects.collect()).to_string()
}

fn text(columns: &[&str], rows: &[Row]) -> String {
    let rows = rows.iter().map(|row| {
        let values = columns
            .iter()
            .map(|column| cell(row, column))
            .filter(|value| !value.is_null())
            .map(plain);
        values.collect::<Vec<_>>().join("\n")
    });
    rows.collect::<Vec<_>>().join("\n\n")
}

fn lines(
    columns: &[&str],
    rows: &[Row],
    write_cell: fn(&str) -> String,
    write_line: fn(&[String]) -> String,
    ruled: bool,
) -> String {
    let header: Vec<String> = columns.iter().map(|column| write_cell(column)).collect();
    let mut written = vec![write_line(&header)];
    if ruled {
        written.push(write_line(&vec!["---".to_owned(); columns.len()]));
    }
    written.extend(rows.iter().map(|row| {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| write_cell(&plain(cell(row, column))))
            .collect();
        write_line(&cells)
    }));
    written.join("\n")
}

fn cell<'a>(row: &'a Row, column: &str) -> &'a Value {
    row.get(column).unwrap_or(&Value::Null)
}

/// A value as a person would write it: texts bare, nothing for null, the rest as JSON.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn markdown_cell(text: &str) -> String {
    text.replace('|', "\\|").replace("\r\n", "<br>").replace('\n', "<br>")
}

fn csv_cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
