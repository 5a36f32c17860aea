//! Writing a filter so that reading it gives the same filter again.

use std::fmt;

use super::{Comparison, Condition, Filter, Literal, Moment, MomentBase, Operand, Test, parsing::RESERVED};

impl fmt::Display for Filter {
    /// The filter in its own grammar; nothing when it takes every row.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition
            .as_ref()
            .map_or(Ok(()), |condition| write!(formatter, "{condition}"))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(conditions) => joined(formatter, conditions, " and ", |inner| {
                matches!(inner, Self::All(_) | Self::Any(_))
            }),
            Self::Any(conditions) => joined(formatter, conditions, " or ", |inner| matches!(inner, Self::Any(_))),
            Self::Not(condition) => match **condition {
                Self::All(_) | Self::Any(_) => write!(formatter, "not ({condition})"),
                Self::Not(_) | Self::Test(_) => write!(formatter, "not {condition}"),
            },
            Self::Test(test) => write!(formatter, "{test}"),
        }
    }
}

fn joined(
    formatter: &mut fmt::Formatter<'_>,
    conditions: &[Condition],
    joint: &str,
    needs_parentheses: impl Fn(&Condition) -> bool,
) -> fmt::Result {
    for (place, condition) in conditions.iter().enumerate() {
        if place > 0 {
            formatter.write_str(joint)?;
        }
        if needs_parentheses(condition) {
            write!(formatter, "({condition})")?;
        } else {
            write!(formatter, "{condition}")?;
        }
    }
    Ok(())
}

impl fmt::Display for Test {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = |negated: &bool| if *negated { "not " } else { "" };
        match self {
            Self::Compare {
                left,
                comparison,
                right,
            } => write!(formatter, "{left} {comparison} {right}"),
            Self::In {
                column,
                values,
                negated,
            } => {
                write!(formatter, "{} {}in (", Column(column), not(negated))?;
                for (place, value) in values.iter().enumerate() {
                    let comma = if place == 0 { "" } else { ", " };
                    write!(formatter, "{comma}{value}")?;
                }
                formatter.write_str(")")
            }
            Self::Between {
                column,
                low,
                high,
                negated,
            } => write!(formatter, "{} {}between {low} and {high}", Column(column), not(negated)),
            Self::Like {
                column,
                pattern,
                ignore_case,
                negated,
            } => {
                let like = if *ignore_case { "ilike" } else { "like" };
                write!(formatter, "{} {}{like} {}", Column(column), not(negated), Text(pattern))
            }
            Self::IsNull { column, negated } => write!(formatter, "{} is {}null", Column(column), not(negated)),
            Self::IsTruth { column, truth, negated } => {
                write!(formatter, "{} is {}{truth}", Column(column), not(negated))
            }
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(column) => write!(formatter, "{}", Column(column)),
            Self::Literal(Literal::Text(text)) => write!(formatter, "{}", Text(text)),
            Self::Literal(Literal::Integer(number)) => write!(formatter, "{number}"),
            // Not without its point, which tells it from a whole number.
            Self::Literal(Literal::Float(number)) => write!(formatter, "{number:?}"),
            Self::Literal(Literal::Boolean(truth)) => write!(formatter, "{truth}"),
            Self::Moment(moment) => write!(formatter, "{moment}"),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.base {
            MomentBase::Now => "now()",
            MomentBase::Today => "current_date",
        })?;
        self.shifts.iter().try_for_each(|shift| {
            let sign = if shift.earlier { '-' } else { '+' };
            write!(formatter, " {sign} interval '{}'", shift.by)
        })
    }
}

impl Comparison {
    /// Its sign in SQL.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.sign())
    }
}

/// A column, in quotes where its name is a word of the grammar.
struct Column<'a>(&'a str);

impl fmt::Display for Column<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if RESERVED.contains(&self.0) {
            write!(formatter, "\"{}\"", self.0)
        } else {
            formatter.write_str(self.0)
        }
    }
}

/// A text in quotes.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "'{}'", self.0.replace('\'', "''"))
    }
}
