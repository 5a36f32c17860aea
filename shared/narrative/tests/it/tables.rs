//! Table reads are structured, and rows are written as the author asked.

use botticelli_narrative::{Comparison, Condition, Filter, Literal, Order, TableQuery, Test, parse};
use serde_json::json;

use crate::stage::Stage;

fn document(keys: &str) -> String {
    format!("[narrative.n]\ntoc = ['a']\n[acts]\na = 'tables.t'\n[tables.t]\ntable_name = 'posts'\n{keys}\n")
}

fn query(keys: &str) -> TableQuery {
    let narrative = parse("n.toml", &document(keys))
        .and_then(|file| file.narrative(None))
        .unwrap();
    narrative.acts()[0].tables()[0].clone()
}

fn condition(column: &str, comparison: Comparison, literal: Literal) -> Condition {
    Condition {
        column: column.to_owned(),
        test: Test::Compare(comparison, literal),
    }
}

#[test]
fn a_filter_is_read_into_its_conditions() {
    let text = |value: &str| Literal::Text(value.to_owned());
    for (filter, expected) in [
        (
            "state = 'approved'",
            vec![condition("state", Comparison::Equal, text("approved"))],
        ),
        (
            "score>=7 AND score <= 9.5 and title LIKE '%it''s%'",
            vec![
                condition("score", Comparison::GreaterOrEqual, Literal::Integer(7)),
                condition("score", Comparison::LessOrEqual, Literal::Float(9.5)),
                condition("title", Comparison::Like, text("%it's%")),
            ],
        ),
        (
            "a != -1 and b < 2 and c > 3 and d = true and e = FALSE",
            vec![
                condition("a", Comparison::NotEqual, Literal::Integer(-1)),
                condition("b", Comparison::Less, Literal::Integer(2)),
                condition("c", Comparison::Greater, Literal::Integer(3)),
                condition("d", Comparison::Equal, Literal::Boolean(true)),
                condition("e", Comparison::Equal, Literal::Boolean(false)),
            ],
        ),
        (
            " a is null and b is  not null ",
            vec![
                Condition {
                    column: "a".to_owned(),
                    test: Test::IsNull,
                },
                Condition {
                    column: "b".to_owned(),
                    test: Test::IsNotNull,
                },
            ],
        ),
        (
            "a = 'x and y = 1; drop table posts'",
            vec![condition("a", Comparison::Equal, text("x and y = 1; drop table posts"))],
        ),
    ] {
        assert_eq!(
            query(&format!("where = \"{filter}\"")).filter,
            Filter { conditions: expected },
            "{filter}"
        );
    }
}

#[test]
fn anything_else_in_a_filter_is_refused_where_it_stands_with_the_grammar() {
    const GRAMMAR: &str = "`where` is `COLUMN OPERATOR VALUE` joined by `and`, where the operator is one of = != < <= > >= like, or `COLUMN is [not] null`, and a value is 'text', a number, true or false";
    for (filter, column, wanted) in [
        ("", 9, "expected a column"),
        ("a = 1 or b = 2", 16, "expected `and` or the end"),
        ("a = 1; drop table t", 15, "expected `and` or the end"),
        ("a = 1 and", 19, "expected a column"),
        ("A = 1", 10, "expected a column"),
        ("1 = 1", 10, "expected a column"),
        ("a", 11, "expected an operator"),
        ("a <> 1", 13, "expected a value"),
        ("a in (1)", 12, "expected an operator"),
        ("a = now()", 14, "expected a value"),
        ("a = b", 14, "expected a value"),
        ("a = 'x", 14, "the quote is never closed"),
        ("a = 1e999", 14, "expected a value"),
        ("a like 3", 17, "`like` wants a 'text'"),
        ("a is 3", 15, "expected `null`"),
        (
            "a = null",
            14,
            "nothing compares with null: write `is null` or `is not null`",
        ),
        ("lower(a) = 'x'", 15, "expected an operator"),
    ] {
        let error = parse("n.toml", &document(&format!("where = \"{filter}\""))).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("`n.toml`:7:{column}: {wanted}; {GRAMMAR}"),
            "{filter}"
        );
    }
}

#[test]
fn an_order_is_read_into_its_columns() {
    let order = |column: &str, descending| Order {
        column: column.to_owned(),
        descending,
    };
    assert_eq!(query("order_by = 'a'").order_by, [order("a", false)]);
    assert_eq!(
        query("order_by = 'a DESC, b asc ,c'").order_by,
        [order("a", true), order("b", false), order("c", false)]
    );
    for (text, column) in [
        ("", 12),
        ("a down", 13),
        ("a, 1", 16),
        ("a,", 15),
        ("a desc nulls last", 13),
    ] {
        let error = parse("n.toml", &document(&format!("order_by = '{text}'"))).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("`n.toml`:7:{column}: `order_by` is `COLUMN`, `COLUMN asc` or `COLUMN desc`, joined by commas"),
            "{text}"
        );
    }
}

#[test]
fn names_are_plain_identifiers_and_reads_are_bounded() {
    let plain = query("");
    assert_eq!((plain.table.as_str(), plain.limit, plain.offset), ("posts", 100, 0));
    assert!(plain.columns.is_empty() && plain.filter.conditions.is_empty() && plain.order_by.is_empty());
    for (keys, place) in [
        ("columns = ['a', 'b c']", "`n.toml`:7:17: column `b c`"),
        ("columns = ['A']", "`n.toml`:7:12: column `A`"),
        ("columns = ['']", "`n.toml`:7:12: column ``"),
    ] {
        let error = parse("n.toml", &document(keys)).unwrap_err();
        let rule = "is not a name; use lower-case letters, digits and `_`, at most 63, and no digit first";
        assert_eq!(error.to_string(), format!("{place} {rule}"));
    }
    let error = parse("n.toml", &document("format = 'jsn'")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`n.toml`:7:10: unknown `format` `jsn`; did you mean `json`?"
    );
}

#[tokio::test]
async fn rows_are_written_in_the_format_that_was_asked_for() {
    let rows = json!([
        {"id": 1, "title": "Tea, \"hot\"", "tags": ["a"]},
        {"id": 2, "title": "two\nlines | bar", "tags": null},
    ]);
    for (keys, expected) in [
        (
            "",
            r#"[{"id":1,"title":"Tea, \"hot\"","tags":["a"]},{"id":2,"title":"two\nlines | bar","tags":null}]"#,
        ),
        (
            "columns = ['title', 'missing']\nlimit = 1",
            r#"[{"title":"Tea, \"hot\"","missing":null},{"title":"two\nlines | bar","missing":null}]"#,
        ),
        (
            "format = 'markdown'",
            "| id | title | tags |\n| --- | --- | --- |\n| 1 | Tea, \"hot\" | [\"a\"] |\n| 2 | two<br>lines \\| bar |  |",
        ),
        (
            "format = 'csv'",
            "id,title,tags\n1,\"Tea, \"\"hot\"\"\",\"[\"\"a\"\"]\"\n2,\"two\nlines | bar\",",
        ),
        ("format = 'text'", "1\nTea, \"hot\"\n[\"a\"]\n\n2\ntwo\nlines | bar"),
        (
            "format = 'text'\ncolumns = ['title']",
            "Tea, \"hot\"\n\ntwo\nlines | bar",
        ),
    ] {
        let stage = Stage::default().rows("posts", rows.clone());
        let run = stage.play(&document(keys)).await.unwrap();
        assert_eq!(run.outputs[0].text, expected, "{keys}");
        assert_eq!(run.outputs[0].model, None);
    }
}
