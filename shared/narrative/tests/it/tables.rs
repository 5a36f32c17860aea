//! Table reads are structured, and rows are written as the author asked.

use botticelli_narrative::{TableQuery, parse};
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

#[test]
fn names_are_plain_identifiers_and_reads_are_bounded() {
    let plain = query("");
    assert_eq!((plain.table.as_str(), plain.limit, plain.offset), ("posts", 100, 0));
    assert!(plain.columns.is_empty() && plain.filter.condition.is_none() && plain.order_by.is_empty());
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

#[test]
fn a_sample_and_a_pull_are_asked_for_by_their_keys() {
    let plain = query("");
    assert_eq!((plain.sample, plain.pull), (None, false));
    let asked = query("sample = 5\npull_and_delete = true");
    assert_eq!((asked.sample, asked.pull), (Some(5), true));
    assert!(parse("n.toml", &document("sample = 0")).is_err());
}

/// Upstream's shipped poster writes its filter under this key, which upstream does not read: it posts whatever is oldest.
#[test]
fn a_filter_under_its_other_name_is_not_dropped() {
    let filtered = query("where_clause = \"review_status = 'pending'\"");
    assert_eq!(filtered.filter.to_string(), "review_status = 'pending'");
}

#[test]
fn a_table_of_another_schema_is_named_with_it() {
    let table = |name: &str| {
        let text = document("").replace("'posts'", &format!("'{name}'"));
        parse("n.toml", &text)
            .and_then(|file| file.narrative(None))
            .map(|narrative| narrative.acts()[0].tables()[0].table.clone())
            .map_err(|error| error.to_string())
    };
    assert_eq!(table("crm.people").as_deref(), Ok("crm.people"));
    for name in ["a.b.c", ".a", "a.", "A.b", "a.b; drop table c"] {
        let refusal = table(name).unwrap_err();
        assert!(
            refusal.starts_with(&format!("`n.toml`:6:14: table `{name}` is not a name")),
            "{refusal}"
        );
    }
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
