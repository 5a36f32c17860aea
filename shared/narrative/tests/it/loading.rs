//! The format of upstream's narratives loads, in all of its forms.

use botticelli_narrative::{Budget, NarrativeFile, parse};

fn file(text: &str) -> NarrativeFile {
    parse("test.toml", text).unwrap()
}

fn acts(file: &NarrativeFile, name: Option<&str>) -> Vec<String> {
    file.narrative(name)
        .unwrap()
        .acts()
        .iter()
        .map(|act| act.name().to_owned())
        .collect()
}

#[test]
fn a_single_narrative_loads_with_its_toc_as_an_array_or_as_a_table() {
    let array = "toc = ['a', 'b']\n[narrative]\nname = 'one'\ndescription = 'd'\n[acts]\nb = 'B'\na = 'A'\n";
    let table = "[narrative]\nname = 'one'\ndescription = 'd'\n[toc]\norder = ['a', 'b']\n[acts]\nb = 'B'\na = 'A'\n";
    for text in [array, table] {
        let file = file(text);
        assert_eq!(file.names().collect::<Vec<_>>(), ["one"]);
        assert_eq!(acts(&file, None), ["a", "b"]);
        assert_eq!(acts(&file, Some("one")), ["a", "b"]);
        assert_eq!(file.narrative(None).unwrap().description(), "d");
    }
}

#[test]
fn a_file_of_several_narratives_shares_acts_and_lets_each_override_them() {
    let text = "
[narrative.first]
toc = ['ask']
[narrative.second]
name = 'second'
toc = ['ask', 'more']
[narrative.second.acts.ask]
model = 'own'
input = ['Own question']
[acts]
ask = 'Shared question'
more = 'More'
";
    let file = file(text);
    assert_eq!(file.names().collect::<Vec<_>>(), ["first", "second"]);
    assert_eq!(acts(&file, Some("second")), ["ask", "more"]);
    assert_eq!(file.narrative(Some("first")).unwrap().acts()[0].model(), None);
    assert_eq!(file.narrative(Some("second")).unwrap().acts()[0].model(), Some("own"));
}

#[test]
fn the_only_narrative_of_a_file_of_the_other_form_needs_no_name_either() {
    let file = file("[narrative.only]\ntoc = ['a']\n[acts]\na = 'A'\n");
    assert_eq!(file.narrative(None).unwrap().name(), "only");
}

#[test]
fn a_missing_or_wrong_name_is_answered_with_the_right_ones() {
    let several = file("[narrative.curate]\ntoc = ['a']\n[narrative.post]\ntoc = ['a']\n[acts]\na = 'A'\n");
    for (name, expected) in [
        (None, "`test.toml` has several narratives: name one of `curate`, `post`"),
        (
            Some("curat"),
            "`test.toml` has no narrative `curat`; did you mean `curate`?",
        ),
        (
            Some("zzz"),
            "`test.toml` has no narrative `zzz`; there are `curate`, `post`",
        ),
    ] {
        assert_eq!(several.narrative(name).unwrap_err().to_string(), expected);
    }
}

#[test]
fn acts_are_texts_lists_and_tables_and_inputs_are_texts_references_and_tables() {
    let text = r#"
[narrative.draft]
description = "All the forms of acts."
target = "out_table"
model = "m"
temperature = 0.5
max_tokens = 800
toc = ["plain", "listed", "fetched", "detailed"]
[narrative.draft.carousel]
iterations = 3
estimated_tokens_per_iteration = 500
continue_on_error = true
budget = { rpm_multiplier = 0.5 }
[narrative.draft.budget]
rpm_multiplier = 0.8
tpm_multiplier = 0.4
[acts]
plain = "Say something."
listed = ["tables.recent", "Summarise the rows above."]
fetched = "tables.recent"
[acts.detailed]
temperature = 0
model = "other"
[[acts.detailed.input]]
type = "text"
content = "Answer briefly."
history_retention = "drop"
[[acts.detailed.input]]
ref = "tables.recent"
history_retention = "full"
[[acts.detailed.input]]
type = "table"
table_name = "t2"
columns = ["a"]
format = "csv"
[tables.recent]
table_name = "t"
where = "review_status = 'pending'"
order_by = "id desc"
limit = 5
offset = 1
format = "markdown"
[bots.send]
platform = "discord"
command = "messages.send"
channel_id = "${make_channel.id}"
nested = { a = 1 }
[media.logo]
file = "logo.png"
mime = "image/png"
"#;
    let narrative = file(text).narrative(None).unwrap();
    assert_eq!(
        narrative.target().map(|target| target.table.as_str()),
        Some("out_table")
    );
    assert!(narrative.calls_model());
    let carousel = narrative.carousel().unwrap();
    assert_eq!((carousel.iterations, carousel.estimated_tokens_per_iteration), (3, 500));
    assert!(carousel.continue_on_error);
    let budget = Budget {
        requests_per_minute: 0.5,
        tokens_per_minute: 0.4,
        requests_per_day: 1.0,
    };
    assert_eq!(narrative.budget(), budget);

    let [plain, listed, fetched, detailed] = narrative.acts() else {
        panic!("{narrative:?}")
    };
    assert_eq!((plain.model(), detailed.model()), (Some("m"), Some("other")));
    assert_eq!(listed.tables()[0].limit, 5);
    assert!(listed.calls_model() && !fetched.calls_model());
    let tables: Vec<&str> = detailed.tables().iter().map(|query| query.table.as_str()).collect();
    assert_eq!(tables, ["t", "t2"]);
}

#[test]
fn a_narrative_is_composed_of_others_under_either_key() {
    let text = "
[narrative.all]
toc = ['one', 'two']
[narrative.leaf]
toc = ['ask']
[acts.one]
narrative = 'leaf'
[acts.two]
narrative_ref = 'leaf'
[acts.ask]
input = ['Ask']
";
    let all = file(text).narrative(Some("all")).unwrap();
    assert!(
        all.acts()
            .iter()
            .all(|act| act.composes().is_some_and(|child| child.name() == "leaf"))
    );
    assert!(all.calls_model());
}

#[test]
fn output_goes_to_the_target_else_to_the_template_and_nowhere_when_generation_is_skipped() {
    for (keys, expected) in [
        ("target = 'a'\ntemplate = 'b'", Some("a")),
        ("template = 'b'", Some("b")),
        ("", None),
        ("target = 'a'\nskip_content_generation = true", None),
    ] {
        let text = format!("[narrative.n]\ntoc = ['x']\n{keys}\n[acts]\nx = 'X'\n");
        let narrative = file(&text).narrative(None).unwrap();
        assert_eq!(
            narrative.target().map(|target| target.table.as_str()),
            expected,
            "{keys}"
        );
    }
}

#[test]
fn a_schema_is_kept_word_for_word_and_in_its_order() {
    let inline = "[acts.a]\ninput = ['A']\nschema = { type = 'object', properties = { z = { type = 'string', pattern = '^a$' }, a = { minimum = 1, maximum = 2.5 } }, additionalProperties = false }\n";
    let referred = "[acts.a]\ninput = ['A']\nschema = 'schemas.s'\n[schemas.s]\ntype = 'object'\n[schemas.s.properties]\nz = { type = 'string', pattern = '^a$' }\na = { minimum = 1, maximum = 2.5 }\n[schemas]\ns.additionalProperties = false\n";
    let expected = r#"{"type":"object","properties":{"z":{"type":"string","pattern":"^a$"},"a":{"minimum":1,"maximum":2.5}},"additionalProperties":false}"#;
    for acts in [
        inline,
        &referred
            .replace("[schemas]\ns.additionalProperties = false\n", "")
            .replace("type = 'object'\n[", "type = 'object'\nadditionalProperties = false\n["),
    ] {
        let narrative = file(&format!("[narrative.n]\ntoc = ['a']\n{acts}"))
            .narrative(None)
            .unwrap();
        let schema = narrative.acts()[0].schema().unwrap();
        assert_eq!(*schema, serde_json::from_str::<serde_json::Value>(expected).unwrap());
        let properties: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(properties, ["z", "a"]);
    }
}
