//! Turning a text that is written for the schema `botticelli` into one for another.

use crate::SchemaName;

/// The name that every statement and migration is written for.
pub(crate) const WRITTEN_FOR: &str = "botticelli";

/// What follows the schema's name in the names of its notification channels.
const CHANNELS: [&str; 3] = ["_cancel", "_jobs", "_published"];

/// `text` with `schema` in place of `botticelli`.
///
/// Only where it is the schema: before a dot and a name, before a semicolon, or as a whole literal. In quotes, because a
/// word of SQL may be the name of a schema. Inside of another word, and in prose, it stays.
pub(crate) fn renamed(text: &str, schema: &SchemaName) -> String {
    let mut renamed = String::with_capacity(text.len() + text.len() / 8);
    let mut rest = text;
    let mut before = None;
    while let Some(start) = rest.find(WRITTEN_FOR) {
        let (head, tail) = (&rest[..start], &rest[start + WRITTEN_FOR.len()..]);
        renamed.push_str(head);
        before = head.chars().next_back().or(before);
        match place(before, tail) {
            Place::Schema => renamed.extend(["\"", schema.as_str(), "\""]),
            Place::Literal | Place::Channel => renamed.push_str(schema.as_str()),
            Place::Elsewhere => renamed.push_str(WRITTEN_FOR),
        }
        before = WRITTEN_FOR.chars().next_back();
        rest = tail;
    }
    renamed.push_str(rest);
    renamed
}

/// What the name is where it was found.
enum Place {
    Schema,
    Literal,
    Channel,
    Elsewhere,
}

/// Judges by the character before the name and the text behind it.
fn place(before: Option<char>, behind: &str) -> Place {
    if before.is_some_and(is_of_word) {
        return Place::Elsewhere;
    }
    let mut next = behind.chars();
    match next.next() {
        Some('.') if next.next().is_some_and(is_begin_of_name) => Place::Schema,
        Some(';') => Place::Schema,
        Some('\'') if before == Some('\'') => Place::Literal,
        Some('_') if is_channel(behind) => Place::Channel,
        _ => Place::Elsewhere,
    }
}

/// Whether `behind` begins with the end of a channel's name and no longer word.
fn is_channel(behind: &str) -> bool {
    CHANNELS
        .iter()
        .filter_map(|end| behind.strip_prefix(end))
        .any(|rest| !rest.chars().next().is_some_and(is_of_word))
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

/// A name, one in quotes, one that `format` fills in, or one that is put together behind a literal `'botticelli.'`.
fn is_begin_of_name(c: char) -> bool {
    c.is_ascii_lowercase() || matches!(c, '_' | '"' | '%' | '\'')
}

#[cfg(test)]
mod tests {
    use super::renamed;
    use crate::SchemaNameError;

    fn for_fleet_b(text: &str) -> Result<String, SchemaNameError> {
        Ok(renamed(text, &"fleet_b".parse()?))
    }

    #[test]
    fn the_schema_is_renamed_wherever_it_is_one() -> Result<(), SchemaNameError> {
        for (text, expected) in [
            (
                "select botticelli.enqueue($1) from botticelli.jobs",
                "select \"fleet_b\".enqueue($1) from \"fleet_b\".jobs",
            ),
            ("botticelli._sqlx_migrations", "\"fleet_b\"._sqlx_migrations"),
            ("row(1)::botticelli.ending", "row(1)::\"fleet_b\".ending"),
            ("hashtext('botticelli.prune')", "hashtext('\"fleet_b\".prune')"),
            (
                "to_regclass('botticelli.' || name)",
                "to_regclass('\"fleet_b\".' || name)",
            ),
            ("drop table botticelli.%I", "drop table \"fleet_b\".%I"),
            (" from botticelli.\"posts\"", " from \"fleet_b\".\"posts\""),
            ("where table_schema = 'botticelli'", "where table_schema = 'fleet_b'"),
            (
                "create schema if not exists botticelli;",
                "create schema if not exists \"fleet_b\";",
            ),
        ] {
            assert_eq!(for_fleet_b(text)?, expected);
        }
        Ok(())
    }

    #[test]
    fn the_channels_are_renamed_and_names_that_only_begin_like_them_are_not() -> Result<(), SchemaNameError> {
        for (text, expected) in [
            ("notify('botticelli_jobs', queue)", "notify('fleet_b_jobs', queue)"),
            ("botticelli_cancel", "fleet_b_cancel"),
            ("'botticelli_published'", "'fleet_b_published'"),
            ("botticelli_jobs_rescued_total", "botticelli_jobs_rescued_total"),
            ("botticelli_testkit", "botticelli_testkit"),
        ] {
            assert_eq!(for_fleet_b(text)?, expected);
        }
        Ok(())
    }

    #[test]
    fn other_words_and_prose_stay_as_they_are() -> Result<(), SchemaNameError> {
        for text in [
            "my_botticelli.jobs",
            "botticelli2.jobs",
            "x$botticelli.jobs",
            "run `botticelli migrate` first",
            "the painter is botticelli. He paints",
            "botticelli",
            "botticellibotticelli",
            "",
        ] {
            assert_eq!(for_fleet_b(text)?, text);
        }
        Ok(())
    }

    #[test]
    fn the_name_that_texts_are_written_for_can_be_put_in_and_letters_of_other_scripts_survive()
    -> Result<(), SchemaNameError> {
        let schema = "botticelli_jobs".parse()?;
        assert_eq!(
            renamed("pg_notify('botticelli_jobs', 'ä') — botticelli.jobs", &schema),
            "pg_notify('botticelli_jobs_jobs', 'ä') — \"botticelli_jobs\".jobs"
        );
        Ok(())
    }
}
