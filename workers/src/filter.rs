//! A narrative's table conditions in the words of the posts room.

use botticelli_narrative::{Comparison, Condition, Literal, TableQuery, Test as NarrativeTest};
use botticelli_posts::{TableRequest, Test, TestOp};

/// What a narrative asks for, as a request to the posts room.
pub(crate) fn request_of(query: &TableQuery) -> TableRequest {
    TableRequest {
        table: query.table.clone(),
        columns: query.columns.clone(),
        tests: query.filter.conditions.iter().map(test_of).collect(),
        order_by: query
            .order_by
            .iter()
            .map(|order| (order.column.clone(), order.descending))
            .collect(),
        limit: Some(query.limit),
        offset: Some(query.offset),
    }
}

fn test_of(condition: &Condition) -> Test {
    let (op, value) = match &condition.test {
        NarrativeTest::IsNull => (TestOp::IsNull, String::new()),
        NarrativeTest::IsNotNull => (TestOp::IsNotNull, String::new()),
        NarrativeTest::Compare(comparison, literal) => (op_of(*comparison), text_of(literal)),
    };
    Test {
        column: condition.column.clone(),
        op,
        value,
    }
}

fn op_of(comparison: Comparison) -> TestOp {
    match comparison {
        Comparison::Equal => TestOp::Equal,
        Comparison::NotEqual => TestOp::NotEqual,
        Comparison::Less => TestOp::Less,
        Comparison::LessOrEqual => TestOp::AtMost,
        Comparison::Greater => TestOp::Greater,
        Comparison::GreaterOrEqual => TestOp::AtLeast,
        Comparison::Like => TestOp::Like,
    }
}

fn text_of(literal: &Literal) -> String {
    match literal {
        Literal::Text(text) => text.clone(),
        Literal::Integer(number) => number.to_string(),
        Literal::Float(number) => number.to_string(),
        Literal::Boolean(truth) => truth.to_string(),
    }
}
