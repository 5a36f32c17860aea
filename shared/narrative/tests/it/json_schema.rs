//! The JSON schema that editors are given says what the reader says.

use std::{collections::BTreeSet, sync::LazyLock};

use botticelli_narrative::{Surroundings, check, json_schema};
use jsonschema::Validator;
use serde_json::Value;

use crate::shipped_narratives::{CURATION, GENERATION, POSTING};

static SCHEMA: LazyLock<Value> = LazyLock::new(json_schema);

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| jsonschema::validator_for(&SCHEMA).unwrap());

/// What the schema has against a document, place by place.
pub(crate) fn objections(text: &str) -> Vec<String> {
    let document: Value = toml::from_str(text).unwrap();
    let errors = VALIDATOR.iter_errors(&document);
    errors
        .map(|error| format!("{}: {error}", error.instance_path().as_str()))
        .collect()
}

/// Fails for a document that the reader accepts and the schema does not.
pub(crate) fn must_accept(text: &str) {
    let objections = objections(text);
    assert!(objections.is_empty(), "{text}\n{}", objections.join("\n"));
}

#[test]
fn it_is_a_schema_of_its_draft() {
    assert_eq!(SCHEMA["$schema"], "https://json-schema.org/draft/2020-12/schema");
    jsonschema::meta::validate(&SCHEMA).unwrap();
}

#[test]
fn the_shipped_file_is_the_generated_one() {
    let shipped = include_str!("../../../../config/narratives/narrative.schema.json");
    let generated = format!("{:#}\n", *SCHEMA);
    assert!(
        shipped == generated,
        "run `botticelli narrative schema > config/narratives/narrative.schema.json`"
    );
}

#[test]
fn the_shipped_narratives_name_it_and_satisfy_it() {
    for text in [GENERATION, CURATION, POSTING] {
        assert_eq!(text.lines().next(), Some("#:schema ../narrative.schema.json"));
        must_accept(text);
    }
}

/// Every table of the format: a document with the key `zzzzzzzzzzzz` in it, and where the schema describes it.
const TABLES: [(&str, &str); 18] = [
    ("zzzzzzzzzzzz = 1\n", "/properties"),
    (
        "[narrative]\nname = 'n'\nzzzzzzzzzzzz = 1\n",
        "/$defs/narrative/properties",
    ),
    ("[narrative.n]\nzzzzzzzzzzzz = 1\n", "/$defs/narrative/properties"),
    ("[narratives.n]\nzzzzzzzzzzzz = 1\n", "/$defs/narrative/properties"),
    ("[toc]\nzzzzzzzzzzzz = 1\n", "/$defs/toc/anyOf/1/properties"),
    ("[narrative.n.toc]\nzzzzzzzzzzzz = 1\n", "/$defs/toc/anyOf/1/properties"),
    (
        "[narrative.n.carousel]\nzzzzzzzzzzzz = 1\n",
        "/$defs/carousel/properties",
    ),
    ("[acts.a.carousel]\nzzzzzzzzzzzz = 1\n", "/$defs/carousel/properties"),
    ("[narrative.n.budget]\nzzzzzzzzzzzz = 1\n", "/$defs/budget/properties"),
    (
        "[acts.a.carousel.budget]\nzzzzzzzzzzzz = 1\n",
        "/$defs/budget/properties",
    ),
    ("[narrative.n.spend]\nzzzzzzzzzzzz = 1\n", "/$defs/spend/properties"),
    ("[acts.a.spend]\nzzzzzzzzzzzz = 1\n", "/$defs/spend/properties"),
    ("[acts.a]\nzzzzzzzzzzzz = 1\n", "/$defs/act_table/properties"),
    (
        "[narrative.n.acts.a]\nzzzzzzzzzzzz = 1\n",
        "/$defs/act_table/properties",
    ),
    (
        "[[acts.a.examples]]\nzzzzzzzzzzzz = 1\n",
        "/$defs/act_table/properties/examples/items/properties",
    ),
    ("[[acts.a.input]]\nzzzzzzzzzzzz = 1\n", "/$defs/input_table/properties"),
    ("[tables.t]\nzzzzzzzzzzzz = 1\n", "/$defs/table/properties"),
    (
        "[config.c]\nzzzzzzzzzzzz = 1\n",
        "/properties/config/additionalProperties/properties",
    ),
];

/// The keys that the reader offers in place of one that it does not know.
fn accepted(text: &str) -> BTreeSet<String> {
    let report = check("n.toml", text, &Surroundings::default());
    let unknown = report.diagnostics.iter().find(|remark| {
        remark
            .message
            .starts_with("unknown key `zzzzzzzzzzzz`; the keys here are ")
    });
    let message = &unknown
        .unwrap_or_else(|| panic!("{text}{:?}", report.diagnostics))
        .message;
    message.split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_table_has_exactly_the_keys_that_the_reader_accepts() {
    for (text, place) in TABLES
        .into_iter()
        .chain([("[media.m]\nzzzzzzzzzzzz = 1\n", "/$defs/media/properties")])
    {
        let described = SCHEMA.pointer(place).and_then(Value::as_object);
        let described: BTreeSet<String> = described.unwrap_or_else(|| panic!("{place}")).keys().cloned().collect();
        assert_eq!(described, accepted(text), "{text}");
        assert!(!objections(text).is_empty(), "{text}");
    }
}

#[test]
fn every_key_is_described() {
    fn visit(place: &str, schema: &Value, bare: &mut Vec<String>) {
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            for (key, property) in properties {
                let target = property.get("$ref").and_then(Value::as_str);
                let target = target.and_then(|target| SCHEMA.pointer(target.trim_start_matches('#')));
                let described = [Some(property), target].into_iter().flatten();
                if described
                    .filter_map(|schema| schema.get("description"))
                    .next()
                    .is_none()
                {
                    bare.push(format!("{place}.{key}"));
                }
            }
        }
        match schema {
            Value::Object(fields) => fields
                .iter()
                .for_each(|(key, inner)| visit(&format!("{place}/{key}"), inner, bare)),
            Value::Array(items) => items.iter().for_each(|inner| visit(place, inner, bare)),
            _ => {}
        }
    }
    let mut bare = Vec::new();
    visit("", &SCHEMA, &mut bare);
    assert!(bare.is_empty(), "{bare:?}");
}

#[test]
fn misspelt_keys_wrong_kinds_and_numbers_out_of_range_are_refused() {
    let fine = "[narrative.n]\ntoc = ['a', ['b', 'c']]\n[acts]\na = 'A'\nb = ['B', { content = 'b' }]\n[acts.c]\nprompt = 'C'\n";
    must_accept(fine);
    for (right, wrong) in [
        ("toc =", "tok ="),
        ("[acts]", "[act]"),
        ("prompt", "promt"),
        ("content", "contnt"),
        ("['a', ['b', 'c']]", "[]"),
        ("['a', ['b', 'c']]", "{ ordre = ['a'] }"),
        ("['a', ['b', 'c']]", "['a', ['b', ['c']]]"),
        ("a = 'A'", "a = 1"),
        ("a = 'A'", "a = ' '"),
        ("a = 'A'", "previous = 'A'"),
        ("a = 'A'", "'not a name' = 'A'"),
        ("prompt = 'C'", "prompt = 'C'\ntemperature = 2.1"),
        ("prompt = 'C'", "prompt = 'C'\nmax_tokens = 0"),
        ("prompt = 'C'", "prompt = 'C'\nrepairs = 4"),
        ("prompt = 'C'", "prompt = 'C'\nhistory = 'most'"),
        ("prompt = 'C'", "prompt = 'C'\nschema = 'post'"),
        ("prompt = 'C'", "prompt = 'C'\ncarousel = {}"),
        ("prompt = 'C'", "prompt = 'C'\ncarousel = { iterations = 1001 }"),
        ("prompt = 'C'", "prompt = 'C'\nspend = { usd = 0.0 }"),
        ("content = 'b'", "type = 'tabel', content = 'b'"),
        ("content = 'b'", "ref = 'somewhere'"),
        ("content = 'b'", "content = 'b', history_retention = 'ful'"),
        ("toc =", "budget = { rpm_multiplier = 0 }\ntoc ="),
        ("[acts.c]", "[tables.t]\nlimit = 1\n[acts.c]"),
        ("[acts.c]", "[bots.b]\nplatform = 'p'\n[acts.c]"),
        ("[acts.c]", "[config]\none = {}\ntwo = {}\n[acts.c]"),
        ("[narrative.n]", "[other.n]"),
    ] {
        let text = fine.replacen(right, wrong, 1);
        assert_ne!(text, fine, "{right}");
        assert!(!objections(&text).is_empty(), "{text}");
    }
}
