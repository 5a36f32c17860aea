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
const TABLES: [(&str, &str); 19] = [
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
    ("[media.m]\nzzzzzzzzzzzz = 1\n", "/$defs/media/properties"),
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
    for (text, place) in TABLES {
        let described = SCHEMA.pointer(place).and_then(Value::as_object);
        let described: BTreeSet<String> = described.unwrap_or_else(|| panic!("{place}")).keys().cloned().collect();
        assert_eq!(described, accepted(text), "{text}");
        assert!(!objections(text).is_empty(), "{text}");
    }
}

/// Every number of the format: a document with `zzz` in its place, and where the schema describes it.
const NUMBERS: [(&str, &str); 17] = [
    ("temperature = zzz\n", "/$defs/narrative/properties/temperature"),
    ("top_p = zzz\n", "/$defs/narrative/properties/top_p"),
    ("max_tokens = zzz\n", "/$defs/narrative/properties/max_tokens"),
    ("seed = zzz\n", "/$defs/narrative/properties/seed"),
    ("history = zzz\n", "/$defs/history/anyOf/1"),
    ("history_tokens = zzz\n", "/$defs/narrative/properties/history_tokens"),
    ("repairs = zzz\n", "/$defs/narrative/properties/repairs"),
    (
        "carousel = { iterations = zzz }\n",
        "/$defs/carousel/properties/iterations",
    ),
    (
        "carousel = { iterations = 1, estimated_tokens_per_iteration = zzz }\n",
        "/$defs/carousel/properties/estimated_tokens_per_iteration",
    ),
    (
        "budget = { rpm_multiplier = zzz }\n",
        "/$defs/budget/properties/rpm_multiplier",
    ),
    ("spend = { tokens = zzz }\n", "/$defs/spend/properties/tokens"),
    ("spend = { calls = zzz }\n", "/$defs/spend/properties/calls"),
    ("spend = { usd = zzz }\n", "/$defs/spend/properties/usd"),
    (
        "[tables.t]\ntable_name = 't'\nlimit = zzz\n",
        "/$defs/table/properties/limit",
    ),
    (
        "[tables.t]\ntable_name = 't'\noffset = zzz\n",
        "/$defs/table/properties/offset",
    ),
    (
        "[tables.t]\ntable_name = 't'\nsample = zzz\n",
        "/$defs/table/properties/sample",
    ),
    (
        "[bots.b]\nplatform = 'p'\ncommand = 'c'\ncache_duration = zzz\n",
        "/$defs/bot/properties/cache_duration",
    ),
];

/// A number with its sign, and no fraction where it has none.
fn written(number: f64) -> String {
    let text = number.to_string();
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

#[test]
fn every_number_has_the_range_that_the_reader_accepts() {
    for (rest, place) in NUMBERS {
        let schema = SCHEMA.pointer(place).unwrap_or_else(|| panic!("{place}"));
        let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
        let most = bound("maximum").unwrap();
        let mut cases = vec![(most, true), (most + 1.0, false)];
        match (bound("minimum"), bound("exclusiveMinimum")) {
            (Some(least), _) => cases.extend([(least, true), (least - 1.0, false)]),
            (None, above) => cases.extend([(above.unwrap(), false)]),
        }
        for (number, is_fine) in cases {
            let text = format!("[narrative.n]\ntoc = ['a']\n{rest}[acts]\na = 'A'\n").replace("zzz", &written(number));
            let report = check("n.toml", &text, &Surroundings::default());
            let accepted = report.diagnostics.iter().all(|remark| remark.code != "out-of-range");
            assert_eq!(accepted, is_fine, "{text}{:?}", report.diagnostics);
            assert_eq!(objections(&text).is_empty(), is_fine, "{text}");
        }
    }
}

#[test]
fn every_word_of_a_choice_is_one_that_the_reader_accepts() {
    for (key, codes) in [
        ("type", "unknown-type"),
        ("history_retention", "wrong-value"),
        ("format", "unknown-format"),
    ] {
        let choices = &SCHEMA["$defs"]["input_table"]["properties"][key]["enum"];
        for choice in choices.as_array().unwrap() {
            let other = if key == "type" { "" } else { "table_name = 't', " };
            let text = format!("[narrative.n]\ntoc = ['a']\n[acts.a]\ninput = [{{ {other}{key} = {choice} }}]\n");
            let report = check("n.toml", &text, &Surroundings::default());
            assert!(report.diagnostics.iter().all(|remark| remark.code != codes), "{text}");
        }
    }
}

#[test]
fn every_key_is_described() {
    fn visit(place: &str, schema: &Value, bare: &mut Vec<String>) {
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            for (key, property) in properties {
                let target = property.get("$ref").and_then(Value::as_str);
                let target = target.and_then(|target| SCHEMA.pointer(target.trim_start_matches('#')));
                let mut described = [Some(property), target].into_iter().flatten();
                if !described.any(|schema| schema.get("description").is_some()) {
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
