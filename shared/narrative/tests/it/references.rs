//! What a file refers to outside of itself is checked, and what is merely odd is remarked on.

use std::collections::BTreeMap;

use botticelli_narrative::{Severity, Surroundings, check};

use crate::surroundings::{OneCommand, Shelf};

/// Everything that is said about a file, with how much it matters.
fn remarks(text: &str) -> Vec<String> {
    let files = Shelf(BTreeMap::from([
        ("here.md", "text"),
        (
            "one.toml",
            "toc = ['a']\n[narrative]\nname = 'one'\n[acts]\na = 'narrative:two'\n",
        ),
        (
            "two.toml",
            "toc = ['a']\n[narrative]\nname = 'two'\n[acts]\na = 'narrative:one'\n",
        ),
        (
            "bad.toml",
            "toc = ['a']\n[narrative]\nname = 'bad'\n[acts]\na = '{{nobody}}'\n",
        ),
        (
            "several.toml",
            "[narrative.x]\ntoc = ['a']\n[narrative.y]\ntoc = ['a']\n[acts]\na = 'A'\n",
        ),
    ]));
    let environment = BTreeMap::from([("GUILD".to_owned(), Some("1".to_owned())), ("UNSET".to_owned(), None)]);
    let surroundings = Surroundings {
        files: Some(&files),
        commands: Some(&OneCommand),
        environment: Some(&environment),
    };
    let report = check("n.toml", text, &surroundings);
    let has_errors = report
        .diagnostics
        .iter()
        .any(|remark| remark.severity == Severity::Error);
    assert_eq!(report.file.is_none(), has_errors, "{text}");
    let shown = report.diagnostics.iter();
    shown
        .map(|remark| format!("{} {remark} [{}]", remark.severity.as_str(), remark.code))
        .collect()
}

fn check_remarks(cases: &[(&str, &[&str])]) {
    for (rest, expected) in cases {
        let text = format!("[narrative.n]\ntoc = ['a']\n{rest}");
        assert_eq!(remarks(&text), *expected, "{text}");
    }
}

#[test]
fn commands_are_checked_with_the_arguments_that_are_known() {
    check_remarks(&[
        (
            "[acts]\na = 'bots.b'\n[bots.b]\nplatform = 'discord'\ncommand = 'messages.send'\nchannel_id = '7'\ncontent = '{{args.x}}'\n",
            &[],
        ),
        (
            "[acts]\na = 'bots.b'\n[bots.b]\nplatform = 'discord'\ncommand = 'messages.sned'\n",
            &["error `n.toml`:7:11: discord has no command `messages.sned` [command]"],
        ),
        (
            "[acts]\na = 'bots.b'\n[bots.b]\nplatform = 'discord'\ncommand = 'messages.send'\nchannel_id = 7\n",
            &[
                "error `n.toml`:7:11: `messages.send` wants `content` [command]",
                "error `n.toml`:8:14: `channel_id` is not a number in quotes [command]",
            ],
        ),
        (
            "[acts]\na = 'bots.b'\n[bots.b]\nplatform = 'discord'\n",
            &["error `n.toml`:5:7: missing key `command` in `bots.b` [missing-key]"],
        ),
    ]);
}

#[test]
fn files_and_narratives_in_them_must_be_there_and_be_right() {
    check_remarks(&[
        ("[acts.a]\ninput = [{ file = 'here.md' }]\n", &[]),
        (
            "[acts.a]\ninput = [{ file = 'gone.md' }]\n",
            &["error `n.toml`:4:19: there is no file `gone.md` [file]"],
        ),
        (
            "[acts]\na = 'narrative:gone'\n",
            &["error `n.toml`:4:5: there is no file `gone.toml` [file]"],
        ),
        (
            "[acts]\na = 'narrative:bad'\n",
            &[
                "error `n.toml`:4:5: file `bad.toml` has no narrative that can be played [file]",
                "error `bad.toml`:5:8: unknown name `nobody`; there are `previous`, `iteration`, `iterations`, `args.KEY`, `env:VAR`, `state:KEY` [template]",
            ],
        ),
        (
            "[acts]\na = 'narrative:several'\n",
            &[
                "error `n.toml`:4:5: file `several.toml` has several narratives and none is called `several`; there are `x`, `y` [unknown-narrative]",
            ],
        ),
        (
            "[acts]\na = 'narrative:one'\n",
            &[
                "error `n.toml`:4:5: file `one.toml` has no narrative that can be played [file]",
                "error `two.toml`:5:5: narrative files refer to each other in a circle: `one.toml` -> `two.toml` -> `one.toml` [circle]",
                "error `one.toml`:5:5: file `two.toml` has no narrative that can be played [file]",
            ],
        ),
    ]);
}

#[test]
fn variables_of_the_environment_must_be_allowed() {
    check_remarks(&[
        ("[acts]\na = '${env:GUILD} {{ GUILD }} ${GUILD} {{ env.GUILD }}'\n", &[]),
        (
            "[acts]\na = 'In ${HOME}'\n",
            &[
                "error `n.toml`:4:11: narratives may not use the variable `HOME` of the environment; name it in `[narratives] env` of the settings [template]",
            ],
        ),
        (
            "[acts]\na = 'In ${env:UNSET}'\n",
            &["note `n.toml`:4:11: the variable `UNSET` is not set in this environment [name]"],
        ),
    ]);
}

#[test]
fn what_nothing_uses_and_what_has_no_effect_is_warned_of() {
    check_remarks(&[
        (
            "[acts]\na = 'A'\nb = 'B'\n[tables.t]\ntable_name = 't'\n[schemas.s]\ntype = 'object'\n[media.m]\nfile = 'gone'\n",
            &[
                "warning `n.toml`:5:1: no narrative plays act `b`; name it in a `toc` or leave it out [unused]",
                "warning `n.toml`:6:9: nothing uses `tables.t`; use it or leave it out [unused]",
                "warning `n.toml`:8:10: nothing uses `schemas.s`; use it or leave it out [unused]",
                "warning `n.toml`:10:8: nothing uses `media.m`; use it or leave it out [unused]",
            ],
        ),
        (
            "[acts.a]\ninput = ['tables.t']\nmodel = 'm'\n[tables.t]\ntable_name = 't'\n",
            &[
                "warning `n.toml`:5:9: act `a` has no text, so no model is asked: `model` means nothing; leave it out [no-effect]",
            ],
        ),
    ]);
}

#[test]
fn an_act_that_several_narratives_share_may_name_each_one_s_first_by_its_ending() {
    let text = "
[narrative.one]
toc = ['tip_generate', 'critique']
[narrative.two]
toc = ['faq_generate', 'critique']
[acts]
tip_generate = 'Tip'
faq_generate = 'FAQ'
critique = 'Critique {{generate}}'
";
    assert_eq!(
        remarks(text),
        [
            "note `n.toml`:9:24: there is no act `generate` here; it is taken to mean `tip_generate` [name]",
            "note `n.toml`:9:24: there is no act `generate` here; it is taken to mean `faq_generate` [name]",
        ]
    );
    let ambiguous = text.replace("['tip_generate', ", "['tip_generate', 'faq_generate', ");
    assert!(
        remarks(&ambiguous)
            .iter()
            .any(|remark| remark.contains("unknown name `generate`"))
    );
}

#[test]
fn the_file_s_defaults_hold_where_nothing_else_is_written() {
    let text = "
[narrative.n]
toc = ['a', 'b', 'c']
[config.gemini]
model = 'of-file'
temperature = 0.5
[acts]
a = 'A'
[acts.b]
prompt = 'B'
model = 'own'
[acts.c]
prompt = 'C'
provider = 'elsewhere'
";
    let report = check("n.toml", text, &Surroundings::default());
    let narrative = report.file.unwrap().narrative(None).unwrap();
    let models: Vec<_> = narrative.acts().iter().map(|act| act.model()).collect();
    // A provider that an act names is not asked for another one's model.
    assert_eq!(models, [Some("of-file"), Some("own"), None]);
}

#[test]
fn versions_change_with_what_is_asked_and_with_nothing_else() {
    let version = |text: &str| {
        let report = check("n.toml", text, &Surroundings::default());
        report.file.unwrap().narrative(Some("n")).unwrap().version().to_owned()
    };
    let text = "[narrative.n]\ndescription = 'D'\ntoc = ['a']\n[narrative.m]\ntoc = ['b']\n[acts]\na = { narrative = 'm' }\nb = 'B'\n";
    let same = [text.replace("'D'", "'Other'"), format!("# a remark\n{text}")];
    let other = [
        text.replace("b = 'B'", "b = 'B?'"),
        text.replace("b = 'B'", "b = { prompt = 'B', temperature = 0.1 }"),
        text.replace("{ narrative = 'm' }", "'Not composed'"),
    ];
    let first = version(text);
    for text in &same {
        assert_eq!(version(text), first);
    }
    for changed in &other {
        assert_ne!(version(changed), version(text), "{changed}");
    }
}
