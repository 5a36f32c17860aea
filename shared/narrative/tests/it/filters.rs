//! The grammars of `where` and `order_by`: what is accepted, and where the rest is refused.

use botticelli_narrative::{
    Comparison, Condition, Filter, FragmentError, Literal, Moment, MomentBase, Nulls, Operand, Order, Test, parse,
};

fn filter(text: &str) -> Condition {
    Filter::parse(text).unwrap().condition.unwrap()
}

fn column(name: &str) -> Operand {
    Operand::Column(name.to_owned())
}

fn compare(left: Operand, comparison: Comparison, right: Operand) -> Condition {
    Condition::Test(Test::Compare {
        left,
        comparison,
        right,
    })
}

fn equal(name: &str, number: i64) -> Condition {
    compare(
        column(name),
        Comparison::Equal,
        Operand::Literal(Literal::Integer(number)),
    )
}

#[test]
fn every_kind_of_test_is_read_into_its_parts() {
    let text = |text: &str| Operand::Literal(Literal::Text(text.to_owned()));
    let name = || "a".to_owned();
    for (written, expected) in [
        (
            "a = 'x; drop'",
            compare(column("a"), Comparison::Equal, text("x; drop")),
        ),
        ("a<>'it''s'", compare(column("a"), Comparison::NotEqual, text("it's"))),
        (
            "stock_level < reorder_point",
            compare(column("stock_level"), Comparison::Less, column("reorder_point")),
        ),
        (
            "-1.5 >= a",
            compare(
                Operand::Literal(Literal::Float(-1.5)),
                Comparison::GreaterOrEqual,
                column("a"),
            ),
        ),
        (
            "a != TRUE",
            compare(
                column("a"),
                Comparison::NotEqual,
                Operand::Literal(Literal::Boolean(true)),
            ),
        ),
        (
            "a NOT IN ('x', 3)",
            Condition::Test(Test::In {
                column: name(),
                values: vec![text("x"), Operand::Literal(Literal::Integer(3))],
                negated: true,
            }),
        ),
        (
            "a between 1 and b",
            Condition::Test(Test::Between {
                column: name(),
                low: Operand::Literal(Literal::Integer(1)),
                high: column("b"),
                negated: false,
            }),
        ),
        (
            "a not ilike '%x'",
            Condition::Test(Test::Like {
                column: name(),
                pattern: "%x".to_owned(),
                ignore_case: true,
                negated: true,
            }),
        ),
        (
            "a is not null",
            Condition::Test(Test::IsNull {
                column: name(),
                negated: true,
            }),
        ),
        (
            "a is false",
            Condition::Test(Test::IsTruth {
                column: name(),
                truth: false,
                negated: false,
            }),
        ),
        ("\"not\" = 1", equal("not", 1)),
    ] {
        assert_eq!(filter(written), expected, "{written}");
    }
}

#[test]
fn and_binds_closer_than_or_and_not_closest() {
    assert_eq!(
        filter("a = 1 or b = 2 and not c = 3"),
        Condition::Any(vec![
            equal("a", 1),
            Condition::All(vec![equal("b", 2), Condition::Not(Box::new(equal("c", 3)))]),
        ])
    );
    assert_eq!(
        filter("(a = 1 or b = 2) AND NOT (c = 3 or d = 4)"),
        Condition::All(vec![
            Condition::Any(vec![equal("a", 1), equal("b", 2)]),
            Condition::Not(Box::new(Condition::Any(vec![equal("c", 3), equal("d", 4)]))),
        ])
    );
    assert_eq!(filter("((a = 1))"), equal("a", 1));
}

#[test]
fn times_are_counted_from_now_or_from_the_day() {
    for (written, base, printed) in [
        ("now()", MomentBase::Now, "now()"),
        ("CURRENT_TIMESTAMP", MomentBase::Now, "now()"),
        (
            "now( ) - interval '1 hours  90 minute'",
            MomentBase::Now,
            "now() - interval '1 hour 90 minutes'",
        ),
        (
            "current_date + Interval '2 WEEKS' - interval '1 year'",
            MomentBase::Today,
            "current_date + interval '2 weeks' - interval '1 year'",
        ),
    ] {
        let condition = filter(&format!("at > {written}"));
        let Condition::Test(Test::Compare {
            right: Operand::Moment(moment),
            ..
        }) = condition
        else {
            panic!("{condition:?}");
        };
        assert_eq!(moment.base, base);
        assert_eq!(moment.to_string(), printed);
    }
    assert_eq!(
        filter("now() < at"),
        compare(
            Operand::Moment(Moment {
                base: MomentBase::Now,
                shifts: Vec::new()
            }),
            Comparison::Less,
            column("at")
        )
    );
}

#[test]
fn anything_else_is_refused_where_it_stands_with_what_was_expected() {
    let interval = "an interval is whole numbers with units, such as `30 days` or `1 hour 30 minutes`; units are \
                    second, minute, hour, day, week, month and year";
    let calculated = "nothing is calculated but `now()` or `current_date` with an interval";
    let cast = "no `::type` is needed or accepted: a value is compared in the type of its column; leave it out";
    for (text, offset, wanted) in [
        ("", 0, "expected a column"),
        ("  ", 2, "expected a column"),
        ("A = 1", 0, "expected a column"),
        ("select = 1 union", 11, "expected `and`, `or` or the end"),
        ("a = 1; drop table t", 5, "expected `and`, `or` or the end"),
        (
            "a = 1 -- b",
            6,
            &format!("expected `and`, `or` or the end: {calculated}"),
        ),
        ("a = 1 and", 9, "expected a column"),
        ("a = 1 or and b = 2", 9, "expected a column"),
        ("a = 1 b = 2", 6, "expected `and`, `or` or the end"),
        ("a = 1)", 5, "expected `and`, `or` or the end"),
        ("(a = 1", 6, "expected `and`, `or` or `)`"),
        ("()", 1, "expected a column"),
        ("not", 3, "expected a column"),
        (
            "1 = 1",
            0,
            "expected a column on one side: without one a test holds of every row, or of none",
        ),
        ("true", 4, "expected one of = != <> < <= > >= behind a value"),
        ("1 in (a)", 2, "expected one of = != <> < <= > >= behind a value"),
        ("a", 1, "expected an operator"),
        ("a = ", 4, "expected a value or a column"),
        ("a == 1", 2, "two values are equal with a single `=`"),
        ("a ~ 'x'", 2, "expected an operator"),
        ("a not 1", 6, "expected `in`, `between`, `like` or `ilike`"),
        ("a in 1", 5, "expected `(` and values"),
        ("a in ()", 6, "expected a value or a column"),
        ("a in (1", 7, "expected `,` or `)`"),
        ("a in (select b)", 13, "expected `,` or `)`"),
        ("a between 1", 11, "expected `and` and the second value of `between`"),
        ("a like 3", 7, "`like` wants a 'text'"),
        ("a ilike b", 8, "`ilike` wants a 'text'"),
        ("a is 3", 5, "expected `null`, `true` or `false`"),
        (
            "a = null",
            4,
            "nothing compares with null: write `is null` or `is not null`",
        ),
        ("a = 'x", 4, "the quote is never closed"),
        ("\"a = 1", 0, "expected a column"),
        ("\"A\" = 1", 0, "expected a column"),
        ("a = 'x\0'", 4, "no text holds the character NUL"),
        ("a = 1e999", 4, "expected a number that fits into 64 bits"),
        ("a = 9223372036854775808", 4, "expected a number that fits into 64 bits"),
        ("a = 1.2.3", 4, "expected a number that fits into 64 bits"),
        ("a = 1x", 4, "expected a number that fits into 64 bits"),
        ("a = -", 4, "expected a number that fits into 64 bits"),
        ("a = '1'::bigint", 7, cast),
        ("a::text = 'x'", 1, cast),
        ("lower(a) = 'x'", 0, "no function is accepted but now()"),
        ("a = pg_sleep(1)", 4, "no function is accepted but now()"),
        (
            "a = date '2026-01-01'",
            4,
            "a value is written without its type, which is that of its column",
        ),
        ("a = now", 7, "expected `()` behind `now`"),
        ("a + 1 > 2", 2, &format!("expected an operator: {calculated}")),
        (
            "a > interval '1 day'",
            4,
            "an interval stands behind `now()` or `current_date` and a sign",
        ),
        ("a > now() - 7", 12, "expected `interval` and a text such as '30 days'"),
        ("a > now() - interval 7", 21, "expected a 'text'"),
        ("a > now() - interval '30'", 21, interval),
        ("a > now() - interval '-3 days'", 21, interval),
        ("a > now() - interval '1.5 days'", 21, interval),
        ("a > now() - interval '3 fortnights'", 21, interval),
        ("a > now() - interval ''", 21, interval),
        ("a > now() - interval '1001 years'", 21, interval),
        ("a > now() - interval '99999999999 seconds'", 21, interval),
        (
            "a > now() + interval '1 day' + interval '1 day' + interval '1 day' + interval '1 day' + interval '1 day'",
            86,
            "at most 4 intervals stand behind a time",
        ),
    ] {
        let error = Filter::parse(text).unwrap_err();
        assert_eq!(error.offset, offset, "{text}: {error}");
        assert!(
            error
                .detail
                .starts_with(&format!("{wanted}; `where` is tests joined by")),
            "{text}: {error}"
        );
    }
}

#[test]
fn a_refusal_points_into_the_document() {
    let document = "[narrative.n]\ntoc = ['a']\n[acts]\na = 'tables.t'\n[tables.t]\ntable_name = 'posts'\n\
                    where = \"a = 1 or b ~ 2\"\n";
    let error = parse("n.toml", document).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("`n.toml`:7:21: expected an operator; `where` is"),
        "{error}"
    );
}

#[test]
fn filters_of_hostile_depth_and_length_are_refused_not_followed() {
    let refusal = |text: &str| Filter::parse(text).unwrap_err();
    let deep = |error: &FragmentError| {
        error
            .detail
            .starts_with("`not` and parentheses stand in each other more than 32")
    };
    for depth in [33, 2_000] {
        assert!(deep(&refusal(&format!(
            "{}a = 1{}",
            "(".repeat(depth),
            ")".repeat(depth)
        ))));
        assert!(deep(&refusal(&format!("{}a = 1", "not ".repeat(depth)))));
    }
    let deepest = format!("{}a = 1{}", "(".repeat(32), ")".repeat(32));
    assert_eq!(filter(&deepest), equal("a", 1));
    let long = format!("a = '{}'", "ü".repeat(5_000));
    let error = refusal(&long);
    assert!(
        error.detail.starts_with("it has 10006 bytes, and may have 10000; "),
        "{error}"
    );
    assert!(long.is_char_boundary(error.offset));
    // Many conditions side by side are no depth.
    let wide = vec!["a = 1"; 1_000].join(" or ");
    assert!(matches!(filter(&wide), Condition::Any(conditions) if conditions.len() == 1_000));
}

#[test]
fn a_filter_tells_the_columns_that_it_tests() {
    let filter =
        Filter::parse("a = b and (not c in (d, 1) or a between e and 3) and f is null and g like 'x'").unwrap();
    assert_eq!(filter.columns(), ["a", "b", "c", "d", "e", "f", "g"]);
    assert_eq!(Filter::default().columns(), [""; 0]);
}

#[test]
fn an_order_is_read_into_its_columns() {
    let order = |column: &str, descending, nulls| Order {
        column: column.to_owned(),
        descending,
        nulls,
    };
    assert_eq!(Order::parse("a").unwrap(), [order("a", false, None)]);
    assert_eq!(
        Order::parse(" a DESC nulls LAST, \"desc\" asc ,c Nulls First").unwrap(),
        [
            order("a", true, Some(Nulls::Last)),
            order("desc", false, None),
            order("c", false, Some(Nulls::First)),
        ]
    );
    for (text, offset, wanted) in [
        ("", 0, "expected a column"),
        ("a down", 2, "expected a comma or the end"),
        ("a, 1", 3, "expected a column"),
        ("a,", 2, "expected a column"),
        ("a desc nulls", 12, "expected `first` or `last`"),
        ("random()", 6, "expected a comma or the end"),
        ("a desc; drop table b", 6, "expected a comma or the end"),
    ] {
        let error = Order::parse(text).unwrap_err();
        assert_eq!(
            (error.offset, error.detail.as_str()),
            (
                offset,
                format!("{wanted}; `order_by` is `COLUMN [asc|desc] [nulls first|last]`, joined by commas").as_str()
            ),
            "{text}"
        );
    }
    let many = vec!["a"; 33].join(",");
    assert!(
        Order::parse(&many)
            .unwrap_err()
            .detail
            .starts_with("rows are sorted by at most 32 columns")
    );
}
