//! What the column of a property is called.

/// Columns that every table made here has, behind which a property cannot hide.
pub(crate) const OURS: [&str; 11] = [
    "id",
    "run_id",
    "narrative",
    "act",
    "iteration",
    "model",
    "prompt_hash",
    "created_at",
    "pulled_at",
    "pulled_by",
    "pulled_for",
];

/// Columns that PostgreSQL gives to every table.
const OF_POSTGRESQL: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// What PostgreSQL cuts names off at.
const LONGEST: usize = 63;

/// The lower snake case of a property's name; `None` when it holds no letter of `a-z` and no digit.
///
/// Words begin at capitals and behind whatever is neither a letter of `a-z` nor a digit; a digit in front gets a `_` before it,
/// and more than 63 bytes are cut off. A name that needs no quotes stays as it is.
pub(crate) fn snake_case(property: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let has_word = property.bytes().any(|byte| byte.is_ascii_alphanumeric());
    let begins_with_digit = property.starts_with(|first: char| first.is_ascii_digit());
    if has_word && property.len() <= LONGEST && !begins_with_digit && property.bytes().all(is_plain) {
        return Some(property.to_owned());
    }
    let mut name = String::new();
    let mut before = '_';
    let mut letters = property.chars().peekable();
    while let Some(letter) = letters.next() {
        if !letter.is_ascii_alphanumeric() {
            before = '_';
            continue;
        }
        let ends_capitals = before.is_ascii_uppercase() && letters.peek().is_some_and(char::is_ascii_lowercase);
        let begins_word = letter.is_ascii_uppercase() && (!before.is_ascii_uppercase() || ends_capitals);
        if (before == '_' || begins_word) && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
        before = letter;
    }
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name.truncate(LONGEST);
    (!name.is_empty()).then(|| name.trim_end_matches('_').to_owned())
}

/// The column of a property in a table made here: its lower snake case, with a `_` behind it where the name is one of the
/// table's own.
pub(crate) fn column_of(property: &str) -> Option<String> {
    let mut name = snake_case(property)?;
    if OURS.contains(&name.as_str()) || OF_POSTGRESQL.contains(&name.as_str()) {
        name.push('_');
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::column_of;

    #[test]
    fn a_property_becomes_a_column_by_one_rule() {
        for (property, column) in [
            ("text_content", "text_content"),
            ("_private", "_private"),
            ("textContent", "text_content"),
            ("Text Content", "text_content"),
            ("HTMLBody2", "html_body2"),
            ("parseHTML", "parse_html"),
            ("A", "a"),
            ("it's \"quoted\"; drop table x", "it_s_quoted_drop_table_x"),
            ("  spaced  ", "spaced"),
            ("2024", "_2024"),
            ("2nd place", "_2nd_place"),
            ("größe", "gr_e"),
            ("order", "order"),
            ("generated_at", "generated_at"),
            ("generatedAt", "generated_at"),
            ("id", "id_"),
            ("ID", "id_"),
            ("createdAt", "created_at_"),
            ("pulled_by", "pulled_by_"),
            ("xmin", "xmin_"),
            ("id_", "id_"),
        ] {
            assert_eq!(column_of(property).as_deref(), Some(column), "{property}");
        }
        for property in ["", "!!!", "日本語", "_", "\0"] {
            assert_eq!(column_of(property), None, "{property:?}");
        }
        assert_eq!(column_of(&"x".repeat(10_000)), Some("x".repeat(63)));
        assert_eq!(column_of(&format!("{} b", "x".repeat(62))), Some("x".repeat(62)));
    }
}
