//! What an act is made of in words, which its version is the hash of.

use botticelli_narrative::{Act, Narrative, parse};

const NARRATIVE: &str = r#"
[narrative]
name = "tips"
description = "Advice"
model = "near/small"

[toc]
order = ["idea", "post"]

[acts.idea]
prompt = "Name a habit."
extract_output = true

[acts.post]
temperature = 0.5
system = "Be kind."
input = [
  { ref = "tables.recent" },
  "{{ idea.habit }} and {{ idea.json.why[0] }}",
]

[tables.recent]
table_name = "approved_posts"
where = "curation_score >= 8"
limit = 5
"#;

fn narrative(text: &str) -> std::sync::Arc<Narrative> {
    parse("n.toml", text).unwrap().narrative(None).unwrap()
}

fn act(text: &str, name: &str) -> Act {
    let narrative = narrative(text);
    narrative.acts().iter().find(|act| act.name() == name).unwrap().clone()
}

#[test]
fn an_act_is_described_by_what_a_model_sees_in_the_words_of_the_document() {
    let described = act(NARRATIVE, "post").described();
    let described: Vec<(&str, &str)> = described.iter().map(|(key, text)| (*key, text.as_str())).collect();
    assert_eq!(
        described,
        [
            ("model", "near/small"),
            ("temperature", "0.5"),
            ("system", "Be kind."),
            ("table", "approved_posts"),
            ("alias", "recent"),
            ("where", "curation_score >= 8"),
            ("limit", "5"),
            ("format", "json"),
            ("text", "{{ idea.habit }} and {{ idea.json.why[0] }}"),
        ]
    );
}

#[test]
fn a_version_changes_with_the_description_and_with_nothing_else() {
    let version = |text: &str| act(text, "post").version().to_owned();
    let before = version(NARRATIVE);
    for (old, new) in [
        ("Be kind.", "Be strict."),
        ("0.5", "0.6"),
        ("limit = 5", "limit = 6"),
        (">= 8", "> 8"),
        ("near/small", "near/large"),
    ] {
        assert_ne!(version(&NARRATIVE.replace(old, new)), before, "{new}");
    }
    for (old, new) in [
        ("temperature = 0.5", "temperature = 0.5\nrepairs = 2\ntimeout = \"9s\""),
        ("limit = 5", "limit = 5\nrequired = false"),
        ("Name a habit.", "Name two habits."),
        ("Advice", "Counsel"),
    ] {
        assert_eq!(version(&NARRATIVE.replace(old, new)), before, "{new}");
    }
}

#[test]
fn what_no_model_sees_is_described_apart() {
    let text = NARRATIVE.replace("temperature = 0.5", "temperature = 0.5\nrepairs = 2\ntimeout = \"9s\"");
    let rest = act(&text, "post").described_besides();
    assert_eq!(
        rest,
        [
            ("repairs", "2".to_owned()),
            ("timeout", "9s".to_owned()),
            ("required", "true".to_owned())
        ]
    );
    let text = NARRATIVE.replace("model =", "target = \"potential_posts\"\nmodel =");
    let rest = narrative(&text).described_besides();
    assert_eq!(
        rest,
        [
            ("description", "Advice".to_owned()),
            ("target", "potential_posts".to_owned())
        ]
    );
}

#[test]
fn the_description_of_a_narrative_that_is_played_counts_because_a_model_sees_it() {
    let text = |description: &str| {
        format!(
            "[narrative.outer]\ntoc = [\"inner\"]\n[narrative.outer.acts.inner]\nnarrative = \"inner\"\n\
             [narrative.inner]\ndescription = \"{description}\"\ntoc = [\"say\"]\n[acts]\nsay = \"Hello.\"\n"
        )
    };
    let version = |description: &str| {
        let file = parse("n.toml", &text(description)).unwrap();
        file.narrative(Some("outer")).unwrap().version().to_owned()
    };
    assert_ne!(version("Advice"), version("Counsel"));
    assert_eq!(version("Advice"), version("Advice"));
}

#[test]
fn an_act_knows_which_parts_of_its_reply_are_asked_for() {
    let idea = act(NARRATIVE, "idea");
    let parts: Vec<String> = idea.parts().map(|steps| steps.join("/")).collect();
    assert_eq!(parts, ["habit", "why/0"]);
    assert!(idea.wants_json());
    assert!(!act(NARRATIVE, "post").wants_json());
}
