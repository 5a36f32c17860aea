//! Filters and orders as SQL: columns that the catalogue has, in quotes, and values that are bound.

use botticelli_narrative::{Condition, Filter, Literal, Moment, MomentBase, Nulls, Operand, Order, Test};
use sqlx::{Postgres, QueryBuilder};

use crate::{ReadError, catalogue::Column, readable::Found};

/// A statement that is being written.
pub(crate) type Statement = QueryBuilder<Postgres>;

/// Writes the condition of a filter, in parentheses; `true` for one that has none.
pub(crate) fn push_filter(statement: &mut Statement, found: &Found, filter: &Filter) -> Result<(), ReadError> {
    match &filter.condition {
        None => drop(statement.push("true")),
        Some(condition) => push_condition(statement, found, condition)?,
    }
    Ok(())
}

fn push_condition(statement: &mut Statement, found: &Found, condition: &Condition) -> Result<(), ReadError> {
    match condition {
        Condition::All(conditions) => push_joined(statement, found, conditions, " and ", "true"),
        Condition::Any(conditions) => push_joined(statement, found, conditions, " or ", "false"),
        Condition::Not(condition) => {
            statement.push("not ");
            push_condition(statement, found, condition)
        }
        Condition::Test(test) => push_test(statement, found, test),
    }
}

fn push_joined(
    statement: &mut Statement,
    found: &Found,
    conditions: &[Condition],
    joint: &str,
    of_none: &str,
) -> Result<(), ReadError> {
    if conditions.is_empty() {
        statement.push(of_none);
        return Ok(());
    }
    statement.push("(");
    for (place, condition) in conditions.iter().enumerate() {
        if place > 0 {
            statement.push(joint);
        }
        push_condition(statement, found, condition)?;
    }
    statement.push(")");
    Ok(())
}

/// Writes a single test, in parentheses.
pub(crate) fn push_test(statement: &mut Statement, found: &Found, test: &Test) -> Result<(), ReadError> {
    statement.push("(");
    match test {
        Test::Compare {
            left,
            comparison,
            right,
        } => {
            let with = first_column(found, [left, right])?;
            push_operand(statement, found, left, with)?;
            statement.push(format_args!(" {comparison} "));
            push_operand(statement, found, right, with)?;
        }
        Test::In {
            column,
            values,
            negated,
        } => {
            let column = found.column(column)?;
            statement.push(format_args!("{} {}in (", column.quoted(), not(*negated)));
            for (place, value) in values.iter().enumerate() {
                if place > 0 {
                    statement.push(", ");
                }
                push_operand(statement, found, value, Some(column))?;
            }
            statement.push(")");
        }
        Test::Between {
            column,
            low,
            high,
            negated,
        } => {
            let column = found.column(column)?;
            statement.push(format_args!("{} {}between ", column.quoted(), not(*negated)));
            push_operand(statement, found, low, Some(column))?;
            statement.push(" and ");
            push_operand(statement, found, high, Some(column))?;
        }
        Test::Like {
            column,
            pattern,
            ignore_case,
            negated,
        } => {
            let like = if *ignore_case { "ilike" } else { "like" };
            let column = found.column(column)?.quoted();
            statement.push(format_args!("{column}::text {}{like} ", not(*negated)));
            statement.push_bind(pattern.clone());
        }
        Test::IsNull { column, negated } => {
            let column = found.column(column)?.quoted();
            statement.push(format_args!("{column} is {}null", not(*negated)));
        }
        Test::IsTruth { column, truth, negated } => {
            let column = found.column(column)?.quoted();
            statement.push(format_args!("{column} is {}{truth}", not(*negated)));
        }
    }
    statement.push(")");
    Ok(())
}

fn not(negated: bool) -> &'static str {
    if negated { "not " } else { "" }
}

/// The column whose type literals are compared in.
fn first_column<'a>(found: &'a Found, operands: [&Operand; 2]) -> Result<Option<&'a Column>, ReadError> {
    let mut columns = operands.into_iter().filter_map(|operand| match operand {
        Operand::Column(name) => Some(name),
        Operand::Literal(_) | Operand::Moment(_) => None,
    });
    columns.next().map(|name| found.column(name)).transpose()
}

/// Writes an operand; a literal in the type that it has beside `with`.
fn push_operand(
    statement: &mut Statement,
    found: &Found,
    operand: &Operand,
    with: Option<&Column>,
) -> Result<(), ReadError> {
    match operand {
        Operand::Column(name) => drop(statement.push(found.column(name)?.quoted())),
        Operand::Literal(literal) => push_literal(statement, literal, with),
        Operand::Moment(moment) => push_moment(statement, moment),
    }
    Ok(())
}

fn push_literal(statement: &mut Statement, literal: &Literal, with: Option<&Column>) {
    let compared = with.map_or("text", |column| column.compared.as_str());
    let is_whole = matches!(compared, "smallint" | "integer" | "bigint");
    let (text, kind) = match literal {
        Literal::Text(text) => (text.clone(), compared),
        // Neither a fraction nor a number of more bits is an error beside a whole number: it only never equals one.
        Literal::Integer(number) => (number.to_string(), if is_whole { "bigint" } else { compared }),
        Literal::Float(number) => (number.to_string(), if is_whole { "numeric" } else { compared }),
        Literal::Boolean(truth) => (truth.to_string(), compared),
    };
    statement.push_bind(text).push(format_args!("::text::{kind}"));
}

/// Writes a time, which is that of the transaction's beginning.
fn push_moment(statement: &mut Statement, moment: &Moment) {
    statement.push(match moment.base {
        MomentBase::Now => "(now()",
        MomentBase::Today => "(current_date",
    });
    for shift in &moment.shifts {
        statement
            .push(if shift.earlier { " - " } else { " + " })
            .push_bind(shift.by.to_string())
            .push("::text::interval");
    }
    statement.push(")");
}

/// Writes `order by` and what follows it; nothing where there is no order.
pub(crate) fn push_order(statement: &mut Statement, found: &Found, orders: &[Order]) -> Result<(), ReadError> {
    for (place, order) in orders.iter().enumerate() {
        statement.push(if place == 0 { " order by " } else { ", " });
        push_one_order(statement, found, order)?;
    }
    Ok(())
}

/// Writes one column to sort by.
pub(crate) fn push_one_order(statement: &mut Statement, found: &Found, order: &Order) -> Result<(), ReadError> {
    statement.push(found.column(&order.column)?.quoted());
    if order.descending {
        statement.push(" desc");
    }
    statement.push(match order.nulls {
        None => "",
        Some(Nulls::First) => " nulls first",
        Some(Nulls::Last) => " nulls last",
    });
    Ok(())
}
