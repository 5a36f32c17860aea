//! Every mistake is refused with its place and the way out.

use std::collections::BTreeMap;

use botticelli_toml_document::{TomlError, mistakes, read};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only the shape matters here")]
struct Document {
    #[serde(default)]
    actors: BTreeMap<String, Actor>,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only the shape matters here")]
struct Actor {
    schedule: String,
    #[serde(default)]
    attempts: u32,
    #[serde(default)]
    overlap: Overlap,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Overlap {
    #[default]
    Skip,
    Queue,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only the shape matters here")]
struct Rule {
    column: String,
}

fn refusal(text: &str) -> String {
    match read::<Document>("config/botticelli.toml", text) {
        Ok(document) => format!("accepted: {document:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_right_document_is_read() -> Result<(), TomlError> {
    let document: Document = read(
        "f",
        "[actors.a]\nschedule = 'x'\noverlap = 'queue'\n[[rules]]\ncolumn = 'c'\n",
    )?;
    assert_eq!(document.actors.len(), 1);
    Ok(())
}

#[test]
fn every_mistake_names_its_place_its_key_and_the_way_out() {
    for (text, expected) in [
        (
            "[actors.a]\n  shedule = 'x'\n",
            "`config/botticelli.toml`:2:3: unknown key `shedule`; did you mean `schedule`?",
        ),
        (
            "[actors.a]\nschedule = 'x'\nzebra = 1\n",
            "`config/botticelli.toml`:3:1: unknown key `zebra`; the keys here are `schedule`, `attempts`, `overlap`",
        ),
        (
            "\n[actor.a]\n",
            "`config/botticelli.toml`:2:2: unknown key `actor`; did you mean `actors`?",
        ),
        (
            "[actors.a]\nschedule = 'x'\nattempts = 'many'\n",
            "`config/botticelli.toml`:3:12: key `actors.a.attempts`: invalid type: string \"many\", expected a whole number from 0 to 4294967295",
        ),
        (
            "[actors.a]\nschedule = 'x'\nattempts = -1\n",
            "`config/botticelli.toml`:3:12: key `actors.a.attempts`: invalid value: integer `-1`, expected a whole number from 0 to 4294967295",
        ),
        (
            "[actors.a]\nschedule = 'x'\noverlap = 'qeue'\n",
            "`config/botticelli.toml`:3:11: key `actors.a.overlap`: unknown value `qeue`; did you mean `queue`?",
        ),
        (
            "[actors.a]\nattempts = 1\n",
            "`config/botticelli.toml`:1:1: missing key `schedule` in `actors.a`",
        ),
        (
            "[[rules]]\ncolumn = 'c'\n\n[[rules]]\n",
            "`config/botticelli.toml`:4:1: missing key `column` in `rules[1]`",
        ),
        (
            "rules = [{ colum = 'c' }]\n",
            "`config/botticelli.toml`:1:12: unknown key `colum`; did you mean `column`?",
        ),
        (
            "actors = 3\n",
            "`config/botticelli.toml`:1:10: key `actors`: invalid type: integer `3`, expected a table",
        ),
        (
            "a = \n",
            "`config/botticelli.toml`:1:5: string values must be quoted, expected literal string",
        ),
        (
            "[actors\n",
            "`config/botticelli.toml`:1:8: unclosed table, expected `]`",
        ),
        (
            "[actors.a]\nschedule = 'x'\nschedule = 'y'\n",
            "`config/botticelli.toml`:3:1: duplicate key",
        ),
    ] {
        assert_eq!(refusal(text), expected, "{text}");
    }
}

#[test]
fn an_unknown_key_tells_programs_which_table_it_stood_in() {
    let error = read::<Document>("f", "[actors.a]\nwhere_clause = 'x'\n").err();
    assert!(
        matches!(&error, Some(TomlError::UnknownKey { key, table, .. }) if key == "where_clause" && table == "actors.a"),
        "{error:?}"
    );
}

#[test]
fn a_key_that_the_document_lacks_is_not_blamed_on_its_first_table() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only the shape matters here")]
    struct Needy {
        version: u32,
    }

    for text in ["", "[actors]\n", "[[rules]]\n", "a = 1"] {
        let told = read::<Needy>("f", text).err().map(|error| error.to_string());
        assert_eq!(told.as_deref(), Some("`f`:1:1: missing key `version`"), "{text}");
    }
}

#[test]
fn all_mistakes_are_found_and_none_that_only_follows_from_another() {
    let text = "\
[actors.a]
schedule = 7
attempts = 'many'
zebra = 1
[actors.b]
attempts = 1
[actors.c]
schedule = 'x'
overlap = 'qeue'
[[rules]]
column = 'c'
[[rules]]
colum = 'c'
[aktors]
";
    let reading = mistakes::<Document>("f", text);
    let told: Vec<String> = reading.mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "`f`:2:12: key `actors.a.schedule`: invalid type: integer `7`, expected a string",
            "`f`:3:12: key `actors.a.attempts`: invalid type: string \"many\", expected a whole number from 0 to 4294967295",
            "`f`:4:1: unknown key `zebra`; the keys here are `schedule`, `attempts`, `overlap`",
            "`f`:5:1: missing key `schedule` in `actors.b`",
            "`f`:9:11: key `actors.c.overlap`: unknown value `qeue`; did you mean `queue`?",
            "`f`:13:1: unknown key `colum`; did you mean `column`?",
            "`f`:14:2: unknown key `aktors`; did you mean `actors`?",
        ]
    );
    assert_eq!(reading.mistakes[3].key(), "actors.b.schedule");
    let rest = reading.rest.map(|rest| rest.to_string());
    assert_eq!(rest.as_deref(), Some("[actors.c]\nschedule = \"x\"\n"));
    let broken = mistakes::<Document>("f", "a = \n");
    assert_eq!((broken.mistakes.len(), broken.rest.is_none()), (1, true));
}

#[test]
fn the_rest_of_a_document_with_mistakes_keeps_its_places() {
    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Note {
        text: toml::Spanned<String>,
    }
    let reading = botticelli_toml_document::read_all::<Note>("f", "zebra = 1\ntext = 'here'\n");
    assert_eq!(reading.mistakes.len(), 1);
    let rest = reading.rest.map(|note| (note.text.span(), note.text.into_inner()));
    assert_eq!(rest, Some((17..23, "here".to_owned())));
}
