//! Which column a property of a row is stored in.

use botticelli_narrative::Row;
use serde_json::{Number, Value};

use crate::{
    Misfit, Origin, StoreError,
    catalogue::{Column, Table},
    column_name::{OURS, column_of, snake_case},
};

/// The column of a property: the one of its name, or else of its name in lower snake case, or else of its name in another
/// case. In a table that was made here, the table's own columns are none of a property.
pub(crate) fn column_for<'a>(table: &'a Table, property: &str) -> Option<&'a Column> {
    let is_open = |column: &&Column| !(table.is_ours && OURS.contains(&column.name.as_str()));
    let rule = if table.is_ours { column_of } else { snake_case };
    let columns = || table.columns.iter().filter(is_open);
    columns()
        .find(|column| column.name == property)
        .or_else(|| rule(property).and_then(|name| columns().find(|column| column.name == name)))
        .or_else(|| columns().find(|column| column.name.eq_ignore_ascii_case(property)))
}

/// A row by columns.
#[derive(Debug)]
pub(crate) struct Fitted<'a> {
    /// Which of the rows it is, from 1.
    pub(crate) number: usize,
    cells: Vec<Cell<'a>>,
}

#[derive(Debug)]
struct Cell<'a> {
    column: &'a Column,
    property: &'a str,
    value: Value,
}

impl<'a> Fitted<'a> {
    /// What it says of a column.
    pub(crate) fn value(&self, column: &Column) -> Option<&Value> {
        let cell = self.cells.iter().find(|cell| cell.column.name == column.name);
        cell.map(|cell| &cell.value)
    }

    /// Its columns and values, as one object.
    pub(crate) fn object(&self) -> Value {
        let fields = self
            .cells
            .iter()
            .map(|cell| (cell.column.name.clone(), cell.value.clone()));
        Value::Object(fields.collect())
    }

    /// Each column with the property that is stored there.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&'a Column, &'a str)> {
        self.cells.iter().map(|cell| (cell.column, cell.property))
    }
}

/// A row with its properties in their columns, and everything there that a row of the table must have.
pub(crate) fn fit<'a>(
    table: &'a Table,
    number: usize,
    row: &'a Row,
    origin: &Origin<'_>,
) -> Result<Fitted<'a>, StoreError> {
    let called = table.name.table();
    let mut cells: Vec<Cell<'_>> = Vec::with_capacity(row.len() + OURS.len());
    if table.is_ours {
        cells.extend(cells_of(table, origin));
    }
    for (property, value) in row {
        // There is one for each by now.
        let Some(column) = column_for(table, property) else {
            continue;
        };
        if let Some(other) = cells.iter().find(|cell| cell.column.name == column.name) {
            return Err(StoreError::SameColumn {
                table: called.to_owned(),
                one: other.property.to_owned(),
                other: property.clone(),
                column: column.name.clone(),
            });
        }
        if column.is_generated {
            return Err(StoreError::Generated {
                table: called.to_owned(),
                property: property.clone(),
                column: column.name.clone(),
            });
        }
        if holds_nul(value) {
            let detail = "it holds the character NUL, which PostgreSQL has no text with";
            return Err(misfit(table, number, column, property, detail));
        }
        if !(value.is_null() && column.has_default) {
            let value = whole(column, value);
            cells.push(Cell {
                column,
                property,
                value,
            });
        }
    }
    let fitted = Fitted { number, cells };
    let missing = table
        .columns
        .iter()
        .filter(|column| column.not_null && !column.has_default && !column.is_generated)
        .find(|column| fitted.value(column).is_none_or(Value::is_null));
    match missing {
        None => Ok(fitted),
        Some(column) => Err(StoreError::Missing {
            table: called.to_owned(),
            row: number,
            column: column.name.clone(),
        }),
    }
}

/// Where a row comes from, as far as the table has columns for it.
fn cells_of<'a>(table: &'a Table, origin: &Origin<'_>) -> Vec<Cell<'a>> {
    let of_origin = [
        ("run_id", Value::from(origin.run_id)),
        ("narrative", Value::from(origin.narrative)),
        ("act", Value::from(origin.act)),
        ("iteration", Value::from(origin.iteration)),
        ("model", Value::from(origin.model)),
        ("prompt_hash", Value::from(origin.prompt_hash)),
    ];
    let cells = of_origin.into_iter().filter_map(|(name, value)| {
        let column = table.column(name)?;
        Some(Cell {
            column,
            property: &column.name,
            value,
        })
    });
    cells.collect()
}

/// A value that is none of its column's type.
pub(crate) fn misfit(table: &Table, row: usize, column: &Column, property: &str, detail: &str) -> StoreError {
    StoreError::Misfit(Box::new(Misfit {
        table: table.name.table().to_owned(),
        row,
        property: property.to_owned(),
        column: column.name.clone(),
        kind: column.declared.clone(),
        detail: detail.to_owned(),
    }))
}

/// A whole number without its point, for a column of whole numbers: models write `8.0` as well as `8`.
fn whole(column: &Column, value: &Value) -> Value {
    /// Up to here every whole number is a floating-point number too.
    const EXACT: f64 = 9_007_199_254_740_992.0;

    let is_whole = matches!(column.compared.as_str(), "smallint" | "integer" | "bigint");
    let float = value
        .as_f64()
        .filter(|float| is_whole && value.is_f64() && float.fract() == 0.0);
    match float.filter(|float| float.abs() <= EXACT) {
        Some(float) => format!("{float:.0}")
            .parse::<i64>()
            .map_or_else(|_| value.clone(), |number| Value::Number(Number::from(number))),
        None => value.clone(),
    }
}

pub(crate) fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(holds_nul),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| name.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
