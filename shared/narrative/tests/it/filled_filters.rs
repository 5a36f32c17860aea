//! Filters of commands with names in them: a reply is a text that is compared, and never a part of the filter.

use botticelli_narrative::{Condition, Filter, Literal, Operand, Surroundings, Test, check};
use serde_json::{Value, json};

use crate::{stage::Stage, surroundings::Rows};

/// Two acts: one that says something, and one that changes rows with these lines.
fn document(lines: &str) -> String {
    format!(
        "[narrative]\nname = \"n\"\ntoc = [\"pick\", \"change\"]\n[bots.change]\nplatform = \"database\"\ncommand = \"change\"\n\
         {lines}\n[acts]\npick = \"Pick.\"\nchange = \"bots.change\"\n"
    )
}

fn filtering(filter: &str) -> String {
    document(&format!("filter = {}", Value::from(filter)))
}

/// What is wrong with a document, as it is shown.
fn wrong(text: &str) -> Vec<String> {
    let surroundings = Surroundings {
        commands: Some(&Rows),
        ..Surroundings::default()
    };
    let report = check("n.toml", text, &surroundings);
    report.diagnostics.iter().map(ToString::to_string).collect()
}

/// The filter with which the command is called where the model answers `reply`.
async fn filled(filter: &str, reply: &'static str) -> String {
    let mut stage = Stage::saying([reply]);
    stage.world.answers.insert("change", json!({ "rows": 1 }));
    stage.play(&filtering(filter)).await.unwrap();
    let calls = stage.world.calls.lock().unwrap();
    calls[0].args["filter"].as_str().unwrap().to_owned()
}

fn equals(column: &str, text: &str) -> Filter {
    Filter {
        condition: Some(Condition::Test(Test::Compare {
            left: Operand::Column(column.to_owned()),
            comparison: botticelli_narrative::Comparison::Equal,
            right: Operand::Literal(Literal::Text(text.to_owned())),
        })),
    }
}

#[tokio::test]
async fn whatever_a_reply_is_it_is_the_text_that_is_compared() {
    for reply in [
        "O'Brien",
        "x' or id > 0 or title = 'x",
        "'",
        "''",
        "'''",
        "' or 'a' = title or title = '",
        "\\' or id > 0 --",
        "{{ pick }} ${pick} {% raw %}",
        "\"title\" \u{1a} ' x",
    ] {
        for filter in [
            "title = '{{ pick }}'",
            "title='${pick}'",
            "title = '{{ pick | safe }}'",
            "title = '{{ \"\" ~ pick }}'",
            "title = '{{- pick -}}'",
            "title = '{{ acts[\"pick\"] }}'",
        ] {
            let filled = Filter::parse(&filled(filter, reply).await).unwrap();
            assert_eq!(filled, equals("title", reply), "{filter} with {reply}");
        }
        let around = Filter::parse(&filled("title = 'it''s {{ pick }}${pick}''$${x}'", reply).await).unwrap();
        let expected = format!("it's {reply}{reply}'${{x}}");
        assert_eq!(around, equals("title", &expected), "{reply}");
    }
}

#[tokio::test]
async fn a_quote_of_a_constant_does_not_end_a_text_either() {
    let filled = filled("title = '{{ \"a' or id > 0 or title = 'b\" }}'", "x").await;
    assert_eq!(
        Filter::parse(&filled).unwrap(),
        equals("title", "a' or id > 0 or title = 'b")
    );
}

#[tokio::test]
async fn a_reply_may_stand_wherever_a_text_is_compared() {
    let filter = "id > 3 and (title in ('a', '{{ pick }}') or day not between '{{ pick }}' and '2026-01-01')";
    let filled = filled(filter, "it's").await;
    assert_eq!(filled, filter.replace("{{ pick }}", "it''s"));
}

#[test]
fn a_name_that_could_become_another_part_of_a_filter_is_refused() {
    for (filter, name) in [
        ("title = {{ pick }}", "{{ pick }}"),
        ("id = ${pick}", "${pick}"),
        ("{{ pick }}", "{{ pick }}"),
        ("{{ pick }} = 'a'", "{{ pick }}"),
        ("\\\"{{ pick }}\\\" = 'a'", "{{ pick }}"),
        ("ti{{ pick }} = 'a'", "{{ pick }}"),
        ("id = 7{{ pick }}", "{{ pick }}"),
        ("id = 7 {{ pick }}", "{{ pick }}"),
        ("id in ({{ pick }})", "{{ pick }}"),
        ("title = 'a'{{ pick }}", "{{ pick }}"),
        ("title = 'a'{{ pick }}'b'", "{{ pick }}"),
        ("title = ''{{ pick }}''", "{{ pick }}"),
        ("title = 'a''' {{ pick }} ''''", "{{ pick }}"),
        ("title = '{{ pick }}' or title = {{ pick }}", "{{ pick }}"),
    ] {
        let found = wrong(&document(&format!("filter = \"{filter}\"")));
        let [found] = found.as_slice() else {
            panic!("{filter}: {found:?}");
        };
        let column = 11 + filter.rfind(name).unwrap();
        // A text with escapes is known by its beginning.
        let column = if filter.contains('\\') { 10 } else { column };
        assert!(found.starts_with(&format!("`n.toml`:7:{column}: ")), "{found}");
        assert!(found.contains(&format!("write '{name}' in single quotes")), "{found}");
    }
}

#[test]
fn a_name_in_a_pattern_or_an_interval_and_a_filter_that_is_none_are_refused() {
    for (filter, column, expected) in [
        ("title like '%{{ pick }}%'", 24, "stands in a pattern, where a `%`"),
        (
            "title = '{{ pick }}' and not note ilike '${pick}'",
            52,
            "stands in a pattern",
        ),
        (
            "day > now() - interval '{{ pick }} days'",
            34,
            "an interval is whole numbers with units",
        ),
        ("title = '{{ pick }}", 19, "the quote is never closed"),
        ("title = 'it's {{ pick }}'", 23, "expected `and`, `or` or the end"),
        ("title = '$${ {{ pick }}' x", 36, "expected `and`, `or` or the end"),
        ("title == 'a'", 17, "a single `=`"),
        (
            "title = '{% if pick %}a{% endif %}'",
            20,
            "neither `{% … %}` nor `{# … #}`",
        ),
        (
            "title = '{% raw %}{{ pick }}{% endraw %}'",
            20,
            "neither `{% … %}` nor `{# … #}`",
        ),
        ("title = '{# ' #}{{ pick }}'", 20, "neither `{% … %}` nor `{# … #}`"),
        ("title = '{{ pikc }}'", 23, "unknown name `pikc`; did you mean `pick`?"),
        ("title = '{{ pick ' }}' or id > 0", 20, "`{{` is never closed"),
        ("title = '{{ pick }}\\u001A'", 10, "the character U+001A"),
    ] {
        let found = wrong(&document(&format!("filter = \"{filter}\"")));
        let [found] = found.as_slice() else {
            panic!("{filter}: {found:?}");
        };
        assert!(
            found.starts_with(&format!("`n.toml`:7:{column}: ")),
            "{filter}: {found}"
        );
        assert!(found.contains(expected), "{filter}: {found}");
    }
}

#[test]
fn in_the_filter_of_a_table_nothing_is_filled_in_and_the_check_says_so() {
    let text = "[narrative]\nname = \"n\"\ntoc = [\"a\"]\n[acts]\na = [\"tables.t\", \"Hm.\"]\n[tables.t]\ntable_name = \"t\"\n\
                where = \"title = '${env:X}'\"\n";
    let found = wrong(text);
    let [found] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert!(found.starts_with("`n.toml`:8:19: no names are filled in"), "{found}");
    assert!(wrong(&text.replace("'${env:X}'", "{{ x }}"))[0].contains("expected a value"));
}

#[test]
fn what_something_is_called_is_not_filled_in() {
    for (lines, place) in [
        ("table = \"{{ pick }}\"", "7:10"),
        ("table = \"posts_${pick}\"", "7:10"),
        ("table = \"{% if pick %}a{% endif %}\"", "7:10"),
        ("table = \"{{ pick\"", "7:10"),
        ("updates = { \"{{ pick }}\" = 1 }", "7:14"),
        ("args = { updates = { \"${pick}\" = 1 } }", "7:23"),
    ] {
        let found = wrong(&document(lines));
        let [found] = found.as_slice() else {
            panic!("{lines}: {found:?}");
        };
        assert!(found.starts_with(&format!("`n.toml`:{place}: ")), "{lines}: {found}");
        assert!(found.contains("write the name itself"), "{found}");
    }
    let fine = "table = \"posts\"\nfilter = \"id = 7\"\nupdates = { title = \"It's {{ pick }}\" }";
    assert_eq!(wrong(&document(fine)), [""; 0]);
}
