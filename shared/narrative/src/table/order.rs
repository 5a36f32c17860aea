//! The grammar of `order_by`.

use super::{FragmentError, is_identifier};

/// One column to sort by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The column.
    pub column: String,
    /// Whether the largest value comes first.
    pub descending: bool,
}

impl Order {
    /// Reads the text of an `order_by`.
    pub(crate) fn parse(text: &str) -> Result<Vec<Self>, FragmentError> {
        let mut offset = 0;
        text.split(',')
            .map(|part| {
                let place = offset + (part.len() - part.trim_start().len());
                offset += part.len() + 1;
                Self::parse_one(part).ok_or_else(|| FragmentError {
                    offset: place.min(text.len()),
                    detail: "`order_by` is `COLUMN`, `COLUMN asc` or `COLUMN desc`, joined by commas".to_owned(),
                })
            })
            .collect()
    }

    fn parse_one(part: &str) -> Option<Self> {
        let mut words = part.split_whitespace();
        let column = words.next().filter(|column| is_identifier(column))?;
        let descending = match words.next().map(str::to_ascii_lowercase).as_deref() {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(_) => return None,
        };
        words.next().is_none().then(|| Self {
            column: column.to_owned(),
            descending,
        })
    }
}
