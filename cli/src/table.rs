//! Rows for people, in columns.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};

/// Texts of other people are cut after so many letters, so that a row stays a row.
const MOST_LETTERS: usize = 100;

/// A table with a heading; every column is as wide as its widest cell.
pub(crate) fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = heading.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let mut line = |cells: [&str; N]| {
        let mut line = String::new();
        for (cell, width) in cells.into_iter().zip(widths) {
            write!(line, "{cell:width$}  ").ok();
        }
        text.push_str(line.trim_end());
        text.push('\n');
    };
    line(heading);
    for row in rows {
        line(std::array::from_fn(|column| row[column].as_str()));
    }
    text
}

/// A time as it is shown: to the second, in UTC.
pub(crate) fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// As [`time`], nothing for none.
pub(crate) fn time_if_any(at: Option<DateTime<Utc>>) -> String {
    at.map(time).unwrap_or_default()
}

/// A text of somebody else in one line, without what would steer the terminal.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_whitespace() { ' ' } else { letter })
        .filter(|letter| !letter.is_control())
        .collect()
}

/// As [`one_line`], cut to the width of a column.
pub(crate) fn short(text: &str) -> String {
    let line = one_line(text);
    match line.char_indices().nth(MOST_LETTERS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_end_where_they_end() {
        let rows = [["1".to_owned(), "größer".to_owned()], ["22".to_owned(), String::new()]];
        assert_eq!(table(["ID", "TEXT"], &rows), "ID  TEXT\n1   größer\n22\n");
    }

    #[test]
    fn a_text_that_would_steer_the_terminal_is_shown_without_what_does_it() {
        assert_eq!(short("a\u{1b}[2Jb\nc"), "a[2Jb c");
        assert_eq!(short(&"ä".repeat(200)).chars().count(), MOST_LETTERS + 1);
    }
}
