//! Table reads, checked.

use toml::Spanned;

use super::{NarrativeError, Source, numbers::whole, suggestion};
use crate::{
    document::TableEntry,
    narrative::TableInput,
    table::{Filter, Format, Order, TableQuery, is_identifier},
};

/// How many rows a read brings that does not say so: a prompt must not grow with its table.
const DEFAULT_LIMIT: u32 = 100;

pub(super) fn table(source: Source<'_>, entry: &TableEntry) -> Result<TableInput, NarrativeError> {
    let columns = entry.columns.as_deref().unwrap_or_default();
    let filter = entry.filter.as_ref().map_or(Ok(Filter::default()), |text| {
        Filter::parse(text.get_ref()).map_err(|error| source.refuse_inside(text, error.offset, error.detail))
    })?;
    let order_by = entry.order_by.as_ref().map_or(Ok(Vec::new()), |text| {
        Order::parse(text.get_ref()).map_err(|error| source.refuse_inside(text, error.offset, error.detail))
    })?;
    let query = TableQuery {
        table: identifier(source, "table", &entry.table_name)?,
        columns: columns
            .iter()
            .map(|column| identifier(source, "column", column))
            .collect::<Result<_, _>>()?,
        filter,
        order_by,
        limit: entry
            .limit
            .as_ref()
            .map_or(Ok(DEFAULT_LIMIT), |limit| whole(source, "limit", limit, 1..=1000))?,
        offset: entry
            .offset
            .as_ref()
            .map_or(Ok(0), |offset| whole(source, "offset", offset, 0..=u32::MAX))?,
    };
    let format = entry
        .format
        .as_ref()
        .map_or(Ok(Format::Json), |name| format(source, name))?;
    Ok(TableInput {
        query,
        format,
        required: entry.required.unwrap_or(true),
    })
}

fn identifier(source: Source<'_>, noun: &str, name: &Spanned<String>) -> Result<String, NarrativeError> {
    if is_identifier(name.get_ref()) {
        return Ok(name.get_ref().clone());
    }
    let detail = format!(
        "{noun} `{}` is not a name; use lower-case letters, digits and `_`, at most 63, and no digit first",
        name.get_ref()
    );
    Err(source.refuse(&name.span(), detail))
}

fn format(source: Source<'_>, name: &Spanned<String>) -> Result<Format, NarrativeError> {
    Format::named(name.get_ref()).ok_or_else(|| {
        let way_out = suggestion(name.get_ref(), Format::NAMES.into_iter());
        source.refuse(&name.span(), format!("unknown `format` `{}`{way_out}", name.get_ref()))
    })
}
