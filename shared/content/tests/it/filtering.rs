//! What a filter says is what the database does, in the types of the columns, and never more.

use botticelli_content::{ReadError, ReadableTables, read_rows};
use botticelli_narrative::{
    Comparison, Condition, Filter, Interval, Literal, Moment, MomentBase, Operand, Shift, TableQuery, Test, Unit,
};
use botticelli_testkit::TestDatabase;
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::json;

use crate::shelf::{chain, columns, filter, read, read_refusal, with_tips};

async fn goods() -> TestDatabase {
    let database = with_tips(json!([
        {"name": "A", "stock": 10, "reorder": 5, "price": 9.5, "sold": true, "tags": ["x"]},
        {"name": "B%", "stock": 2, "reorder": 5, "price": 10.0, "sold": false, "tags": []},
        {"name": "it's c", "stock": 9, "reorder": null, "price": null, "sold": null, "tags": null},
    ]))
    .await;
    database
        .execute(
            "alter table botticelli_content.tips add seen timestamptz, add day date, add \"order\" int;
             update botticelli_content.tips set seen = now() - id * interval '10 days', day = current_date - id::int,
               \"order\" = id",
        )
        .await;
    database
}

#[tokio::test]
async fn every_kind_of_test_means_what_it_means_in_sql() {
    let database = goods().await;
    for (text, expected) in [
        ("name = 'A'", vec![1]),
        ("name <> 'A'", vec![2, 3]),
        ("name = 'it''s c'", vec![3]),
        // As texts, 10 would be less than 9.
        ("stock > 9", vec![1]),
        ("9 < stock", vec![1]),
        ("stock > 8.5", vec![1, 3]),
        ("stock = 99999999999", vec![]),
        ("price >= 9.5", vec![1, 2]),
        ("price = 10", vec![2]),
        ("stock < reorder", vec![2]),
        ("not stock < reorder", vec![1]),
        ("sold is true", vec![1]),
        ("sold is not true", vec![2, 3]),
        ("sold is false", vec![2]),
        ("sold is not false", vec![1, 3]),
        ("sold = false", vec![2]),
        ("price is null", vec![3]),
        ("price is not null", vec![1, 2]),
        ("stock in (2, 10, reorder)", vec![1, 2]),
        ("name not in ('A', 'C')", vec![2, 3]),
        ("stock between 3 and 10", vec![1, 3]),
        ("stock not between reorder and 10", vec![2]),
        ("name like 'b%'", vec![]),
        ("name ilike 'b%'", vec![2]),
        ("name like '%\\%'", vec![2]),
        ("name not like '%c'", vec![1, 2]),
        ("stock like '1_'", vec![1]),
        ("tags = '[\"x\"]'", vec![1]),
        ("seen > now() - interval '15 days'", vec![1]),
        ("seen between now() - interval '3 weeks' and now()", vec![1, 2]),
        ("seen < now() - interval '20 days' + interval '1 hour'", vec![2, 3]),
        ("day = current_date - interval '2 days'", vec![2]),
        ("day >= current_date - interval '1 day'", vec![1]),
        ("seen < '2020-01-01T00:00:00Z'", vec![]),
        ("\"order\" = 2", vec![2]),
        ("stock = 10 or stock = 2 and name = 'A'", vec![1]),
        ("(stock = 10 or stock = 2) and not name = 'A'", vec![2]),
        ("name = 'x'' or true; drop table botticelli.jobs; --'", vec![]),
    ] {
        let query = TableQuery {
            filter: filter(text),
            ..columns("tips", &["id"])
        };
        let rows = read_rows(&database.pool, &query, &ReadableTables::default())
            .await
            .unwrap();
        let ids: Vec<i64> = rows.iter().map(|row| row["id"].as_i64().unwrap()).collect();
        assert_eq!(ids, expected, "{text}");
    }
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_refused_by_the_database() {
    let database = goods().await;
    for (text, said) in [
        ("stock = 'many'", "invalid input syntax for type bigint: \"many\""),
        (
            "seen > 'some day'",
            "invalid input syntax for type timestamp with time zone: \"some day\"",
        ),
        ("stock < name", "operator does not exist: bigint < text"),
        (
            "name is true",
            "argument of IS TRUE must be type boolean, not type text",
        ),
        (
            "name > now()",
            "operator does not exist: text > timestamp with time zone",
        ),
    ] {
        let query = TableQuery {
            filter: filter(text),
            ..columns("tips", &["id"])
        };
        let error = read_refusal(&database, &query).await;
        assert!(matches!(error, ReadError::Database { .. }), "{error}");
        let refusal = chain(&error);
        assert!(
            refusal.starts_with("the rows of table `tips` could not be read: ") && refusal.contains(said),
            "{text}: {refusal}"
        );
    }
}

#[tokio::test]
async fn a_filter_of_a_thousand_tests_is_answered() {
    let database = goods().await;
    let wide = vec!["stock = 10"; 700].join(" or ");
    let query = TableQuery {
        filter: filter(&wide),
        ..columns("tips", &["id"])
    };
    assert_eq!(read(&database, &query).await, r#"[{"id":1}]"#);
}

fn operand() -> impl Strategy<Value = Operand> {
    prop_oneof![
        select(vec!["name", "stock", "price", "sold", "tags", "seen", "day", "order"])
            .prop_map(|name| Operand::Column(name.to_owned())),
        "[^\0]{0,6}".prop_map(|text| Operand::Literal(Literal::Text(text))),
        any::<i64>().prop_map(|number| Operand::Literal(Literal::Integer(number))),
        any::<f64>()
            .prop_filter("SQL has no such number", |float| float.is_finite())
            .prop_map(|float| Operand::Literal(Literal::Float(float))),
        any::<bool>().prop_map(|truth| Operand::Literal(Literal::Boolean(truth))),
        (any::<bool>(), 0..2_000_u32).prop_map(|(earlier, days)| Operand::Moment(Moment {
            base: if earlier { MomentBase::Now } else { MomentBase::Today },
            shifts: vec![Shift {
                earlier,
                by: Interval::of(vec![(days, Unit::Day)]).unwrap(),
            }],
        })),
    ]
}

fn test() -> impl Strategy<Value = Test> {
    let column =
        || select(vec!["name", "stock", "price", "sold", "tags", "seen", "day", "order"]).prop_map(str::to_owned);
    let comparison = select(vec![Comparison::Equal, Comparison::Less, Comparison::GreaterOrEqual]);
    prop_oneof![
        (operand(), comparison, column()).prop_map(|(left, comparison, right)| Test::Compare {
            left,
            comparison,
            right: Operand::Column(right),
        }),
        (column(), vec(operand(), 1..3), any::<bool>()).prop_map(|(column, values, negated)| Test::In {
            column,
            values,
            negated
        }),
        (column(), operand(), operand(), any::<bool>()).prop_map(|(column, low, high, negated)| Test::Between {
            column,
            low,
            high,
            negated
        }),
        (column(), "[^\0]{0,6}", any::<bool>(), any::<bool>()).prop_map(|(column, pattern, ignore_case, negated)| {
            Test::Like {
                column,
                pattern,
                ignore_case,
                negated,
            }
        }),
        (column(), any::<bool>()).prop_map(|(column, negated)| Test::IsNull { column, negated }),
        (column(), any::<bool>(), any::<bool>()).prop_map(|(column, truth, negated)| Test::IsTruth {
            column,
            truth,
            negated
        }),
    ]
}

/// Whatever a filter says, the statement that is made of it is one: the database may refuse its values, never its form.
#[tokio::test]
async fn no_filter_is_a_statement_that_cannot_be_read() {
    let database = goods().await;
    let condition = test().prop_map(Condition::Test).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Condition::All),
            vec(inner.clone(), 0..3).prop_map(Condition::Any),
            inner.prop_map(|condition| Condition::Not(Box::new(condition))),
        ]
    });
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let mut answered = 0;
    for _ in 0..400 {
        let filter = Filter {
            condition: Some(condition.new_tree(&mut runner).unwrap().current()),
        };
        let query = TableQuery {
            filter,
            ..columns("tips", &["id"])
        };
        match read_rows(&database.pool, &query, &ReadableTables::default()).await {
            Ok(_) => answered += 1,
            Err(ReadError::Database { source, .. }) => {
                let code = source.as_database_error().unwrap().code().unwrap().into_owned();
                // A value that is none of its type, and types that do not compare.
                assert!(
                    code.starts_with("22") || ["42883", "42804"].contains(&code.as_str()),
                    "{code}: {source} of {}",
                    query.filter
                );
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(answered > 50, "{answered}");
    assert_eq!(database.row("select count(*) from botticelli_content.tips").await, "3");
}
