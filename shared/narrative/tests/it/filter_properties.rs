//! Whatever a filter says, it says the same when it is printed and read again; and whatever is read, nothing breaks.

use botticelli_narrative::{
    Comparison, Condition, Filter, Interval, Literal, Moment, MomentBase, Nulls, Operand, Order, Shift, Test, Unit,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

/// Names with the words of the grammar among them.
fn column() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z_][a-z0-9_]{0,12}",
        1 => select(vec!["and", "not", "in", "is", "null", "true", "now", "current_date", "interval", "desc", "nulls"])
            .prop_map(str::to_owned),
    ]
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        "[^\0]{0,12}".prop_map(Literal::Text),
        any::<i64>().prop_map(Literal::Integer),
        any::<f64>()
            .prop_filter("SQL has no such number", |float| float.is_finite())
            .prop_map(Literal::Float),
        any::<bool>().prop_map(Literal::Boolean),
    ]
}

fn moment() -> impl Strategy<Value = Moment> {
    let interval = vec((0..1_000_000_u32, select(Unit::ALL.to_vec())), 1..=4)
        .prop_filter_map("longer than 1000 years", Interval::of);
    let shift = (any::<bool>(), interval).prop_map(|(earlier, by)| Shift { earlier, by });
    (select(vec![MomentBase::Now, MomentBase::Today]), vec(shift, 0..=4))
        .prop_map(|(base, shifts)| Moment { base, shifts })
}

fn operand() -> impl Strategy<Value = Operand> {
    prop_oneof![
        column().prop_map(Operand::Column),
        literal().prop_map(Operand::Literal),
        moment().prop_map(Operand::Moment),
    ]
}

fn test() -> impl Strategy<Value = Test> {
    let comparisons = vec![
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ];
    let compare =
        (column(), select(comparisons), operand(), any::<bool>()).prop_map(|(name, comparison, other, turned)| {
            let column = Operand::Column(name);
            let (left, right) = if turned { (other, column) } else { (column, other) };
            Test::Compare {
                left,
                comparison,
                right,
            }
        });
    prop_oneof![
        compare,
        (column(), vec(operand(), 1..4), any::<bool>()).prop_map(|(column, values, negated)| Test::In {
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
        (column(), "[^\0]{0,12}", any::<bool>(), any::<bool>()).prop_map(|(column, pattern, ignore_case, negated)| {
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

fn condition() -> impl Strategy<Value = Condition> {
    test().prop_map(Condition::Test).prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Condition::All),
            vec(inner.clone(), 2..4).prop_map(Condition::Any),
            inner.prop_map(|condition| Condition::Not(Box::new(condition))),
        ]
    })
}

/// Pieces that together are a filter now and then.
fn scraps() -> impl Strategy<Value = String> {
    let pieces = vec![
        "a",
        "b",
        "=",
        "<>",
        "<",
        "and",
        "or",
        "not",
        "(",
        ")",
        "in",
        ",",
        "'x'",
        "'",
        "''",
        "1",
        "-",
        "-2.5",
        "1e9",
        "is",
        "null",
        "true",
        "between",
        "like",
        "ilike",
        "now()",
        "now",
        "current_date",
        "interval",
        "'3 days'",
        "::",
        "\"in\"",
        "\"",
        "ü",
        "\u{0}",
        ".",
        "e",
        "--",
        ";",
    ];
    vec(select(pieces), 0..16).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #[test]
    fn a_printed_filter_is_read_as_the_same_filter(condition in condition()) {
        let filter = Filter { condition: Some(condition) };
        prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter.clone()), "{}", filter);
    }

    #[test]
    fn a_printed_order_is_read_as_the_same_order(
        orders in vec((column(), any::<bool>(), option::of(select(vec![Nulls::First, Nulls::Last]))), 1..5)
    ) {
        let orders: Vec<Order> = orders
            .into_iter()
            .map(|(column, descending, nulls)| Order { column, descending, nulls })
            .collect();
        let printed: Vec<String> = orders.iter().map(Order::to_string).collect();
        prop_assert_eq!(Order::parse(&printed.join(", ")), Ok(orders));
    }

    #[test]
    fn what_is_read_is_printed_and_read_as_the_same_and_the_rest_is_refused_within_it(text in scraps()) {
        match Filter::parse(&text) {
            Ok(filter) => prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter)),
            Err(error) => prop_assert!(text.is_char_boundary(error.offset), "{} in {}", error.offset, text),
        }
    }
}
