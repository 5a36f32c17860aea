//! A narrative's table conditions in the words of the posts room.

use botticelli_narrative::{Comparison, Condition, TableQuery};
use botticelli_posts::{Test, TestOp};

/// The conditions of a query; all of them must hold.
pub fn tests_of(query: &TableQuery) -> Vec<Test> {
    query.filter.iter().flat_map(|filter| &filter.conditions).map(test_of).collect()
}

fn test_of(condition: &Condition) -> Test {
    let op = match condition.comparison {
        Comparison::Equal => TestOp::Equal,
        Comparison::NotEqual => TestOp::NotEqual,
        Comparison::Less => TestOp::Less,
        Comparison::LessOrEqual => TestOp::AtMost,
        Comparison::Greater => TestOp::Greater,
        Comparison::GreaterOrEqual => TestOp::AtLeast,
        Comparison::Like => TestOp::Like,
        Comparison::IsNull => TestOp::IsNull,
        Comparison::IsNotNull => TestOp::IsNotNull,
    };
    Test { column: condition.column.clone(), op, value: condition.value.clone().unwrap_or_default() }
}
