//! The grammar of `order_by`.

use std::fmt;

use super::{FragmentError, fragment::Reader};

const GRAMMAR: &str = "`order_by` is `COLUMN [asc|desc] [nulls first|last]`, joined by commas";

/// The most columns to sort by.
const MOST: usize = 32;

/// One column to sort by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The column.
    pub column: String,
    /// Whether the largest value comes first.
    pub descending: bool,
    /// Where rows without a value stand; `None` as PostgreSQL does: last, and first where it is descending.
    pub nulls: Option<Nulls>,
}

/// Where rows without a value stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// Before the others.
    First,
    /// Behind the others.
    Last,
}

impl Order {
    /// Reads the text of an `order_by`: at most 32 columns.
    ///
    /// # Errors
    ///
    /// [`FragmentError`] with the place where the text leaves the grammar, and what was expected there.
    pub fn parse(text: &str) -> Result<Vec<Self>, FragmentError> {
        let mut reader = Reader::new(text, GRAMMAR)?;
        let mut orders = vec![Self::parse_one(&mut reader)?];
        while reader.sign(",") {
            if orders.len() == MOST {
                return Err(reader.refuse(&format!("rows are sorted by at most {MOST} columns")));
            }
            orders.push(Self::parse_one(&mut reader)?);
        }
        if reader.at_end() {
            Ok(orders)
        } else {
            Err(reader.refuse("expected a comma or the end"))
        }
    }

    fn parse_one(reader: &mut Reader<'_>) -> Result<Self, FragmentError> {
        let column = reader.column(&[], "expected a column")?.to_owned();
        let descending = reader.keyword("desc");
        if !descending {
            reader.keyword("asc");
        }
        let nulls = if !reader.keyword("nulls") {
            None
        } else if reader.keyword("first") {
            Some(Nulls::First)
        } else if reader.keyword("last") {
            Some(Nulls::Last)
        } else {
            return Err(reader.refuse("expected `first` or `last`"));
        };
        Ok(Self {
            column,
            descending,
            nulls,
        })
    }
}

impl fmt::Display for Order {
    /// The column in the grammar of `order_by`; several of them are joined by commas.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.column)?;
        if self.descending {
            formatter.write_str(" desc")?;
        }
        match self.nulls {
            None => Ok(()),
            Some(Nulls::First) => formatter.write_str(" nulls first"),
            Some(Nulls::Last) => formatter.write_str(" nulls last"),
        }
    }
}
