//! What a `where` says.

mod parsing;
mod printing;

use super::Interval;

/// Which rows to read: those for which the condition is true. As in SQL, a comparison with no value is not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// The condition; `None` means every row.
    pub condition: Option<Condition>,
}

/// A condition on a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Every one of them holds; [`Filter::parse`] makes it of two or more.
    All(Vec<Condition>),
    /// At least one of them holds; [`Filter::parse`] makes it of two or more.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// A single test.
    Test(Test),
}

/// A test of one row.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Two operands compare so; [`Filter::parse`] wants a column among them.
    Compare {
        /// What stands left.
        left: Operand,
        /// How they compare.
        comparison: Comparison,
        /// What stands right.
        right: Operand,
    },
    /// The column is one of these.
    In {
        /// The column.
        column: String,
        /// What it may be; at least one.
        values: Vec<Operand>,
        /// Whether the opposite must hold.
        negated: bool,
    },
    /// The column lies between two values, or is one of them.
    Between {
        /// The column.
        column: String,
        /// The least it may be.
        low: Operand,
        /// The most it may be.
        high: Operand,
        /// Whether the opposite must hold.
        negated: bool,
    },
    /// The column, as a text, has the form of a pattern with SQL's `%` and `_`.
    Like {
        /// The column.
        column: String,
        /// The pattern.
        pattern: String,
        /// Whether upper and lower case are the same.
        ignore_case: bool,
        /// Whether the opposite must hold.
        negated: bool,
    },
    /// The column has no value.
    IsNull {
        /// The column.
        column: String,
        /// Whether the opposite must hold.
        negated: bool,
    },
    /// The column has this truth value, and not none.
    IsTruth {
        /// The column.
        column: String,
        /// Which.
        truth: bool,
        /// Whether the opposite must hold.
        negated: bool,
    },
}

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// The value of a column.
    Column(String),
    /// A value that is written in the filter.
    Literal(Literal),
    /// A time that depends on when the rows are read.
    Moment(Moment),
}

/// How two operands compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=` or `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// A value written in a filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A text in single quotes.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
}

/// A time that depends on when the rows are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Where it begins to count.
    pub base: MomentBase,
    /// How it is moved from there, in this order; at most four steps.
    pub shifts: Vec<Shift>,
}

/// Where a [`Moment`] begins to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MomentBase {
    /// `now()` or `current_timestamp`: the time of reading, by the reader's clock.
    Now,
    /// `current_date`: its day.
    Today,
}

/// One step of a [`Moment`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Whether it leads to an earlier time.
    pub earlier: bool,
    /// How far.
    pub by: Interval,
}

impl Filter {
    /// The columns that it tests, each once, in the order of their first place.
    pub fn columns(&self) -> Vec<&str> {
        let mut columns = Vec::new();
        if let Some(condition) = &self.condition {
            condition.collect_columns(&mut columns);
        }
        columns
    }
}

impl Condition {
    fn collect_columns<'a>(&'a self, columns: &mut Vec<&'a str>) {
        match self {
            Self::All(conditions) | Self::Any(conditions) => {
                for condition in conditions {
                    condition.collect_columns(columns);
                }
            }
            Self::Not(condition) => condition.collect_columns(columns),
            Self::Test(test) => {
                for column in test.columns() {
                    if !columns.contains(&column) {
                        columns.push(column);
                    }
                }
            }
        }
    }
}

impl Test {
    fn columns(&self) -> Vec<&str> {
        let (column, operands): (Option<&String>, Vec<&Operand>) = match self {
            Self::Compare { left, right, .. } => (None, vec![left, right]),
            Self::In { column, values, .. } => (Some(column), values.iter().collect()),
            Self::Between { column, low, high, .. } => (Some(column), vec![low, high]),
            Self::Like { column, .. } | Self::IsNull { column, .. } | Self::IsTruth { column, .. } => {
                (Some(column), Vec::new())
            }
        };
        let of_operands = operands.into_iter().filter_map(|operand| match operand {
            Operand::Column(column) => Some(column),
            Operand::Literal(_) | Operand::Moment(_) => None,
        });
        column.into_iter().chain(of_operands).map(String::as_str).collect()
    }
}
