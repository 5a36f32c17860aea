//! Table reads, checked.

use std::sync::Arc;

use botticelli_toml_document::suggestion;
use toml::Spanned;

use super::page::Page;
use crate::{
    document::TableEntry,
    narrative::{AskedTable, TableInput},
    table::{Filter, Format, FragmentError, Order, TableQuery, is_identifier},
};

/// How many rows a read brings that does not say so: a prompt must not grow with its table.
const DEFAULT_LIMIT: u32 = 100;

/// The read that `entry` writes; `name` is what a reference calls it.
pub(super) fn table(page: &Page<'_>, name: Option<&str>, entry: &TableEntry) -> Option<TableInput> {
    let columns = entry.columns.as_ref().map(|columns| columns.get_ref().as_slice());
    let filter = match &entry.filter {
        None => Some(Filter::default()),
        Some(text) => Filter::parse(text.get_ref())
            .map_err(|error| fragment(page, text, "where", error))
            .ok(),
    };
    if let Some(text) = &entry.filter
        && let Some(at) = ["{{", "${"].iter().filter_map(|mark| text.get_ref().find(mark)).min()
    {
        page.warn(
            &page.inside(text, &(at..at + 2)),
            "where",
            "no names are filled in in the `where` of a table; it is compared as it is written",
            "write the value itself, or let the model choose among the rows",
        );
    }
    let order_by = match &entry.order_by {
        None => Some(Vec::new()),
        Some(text) => Order::parse(text.get_ref())
            .map_err(|error| fragment(page, text, "order-by", error))
            .ok(),
    };
    let columns: Vec<Option<String>> = columns
        .unwrap_or_default()
        .iter()
        .map(|column| identifier(page, "column", column))
        .collect();
    let format = match &entry.format {
        None => Some(Format::Json),
        Some(name) => format(page, name),
    };
    let alias = match &entry.alias {
        Some(alias) if !is_identifier(alias.get_ref()) => {
            identifier(page, "alias", alias);
            None
        }
        Some(alias) => Some(alias.get_ref().as_str()),
        None => name,
    };
    let query = TableQuery {
        table: table_name(page, &entry.table_name)?,
        columns: columns.into_iter().collect::<Option<_>>()?,
        filter: filter?,
        order_by: order_by?,
        limit: page
            .whole("limit", entry.limit.as_ref(), 1..=1000)
            .unwrap_or(DEFAULT_LIMIT),
        offset: page.whole("offset", entry.offset.as_ref(), 0..=u32::MAX).unwrap_or(0),
        sample: page.whole("sample", entry.sample.as_ref(), 1..=1000),
        pull: entry.pull_and_delete.as_ref().is_some_and(|pull| *pull.get_ref()),
    };
    let alias = alias.unwrap_or(&query.table).to_owned();
    let place = |value: &Spanned<String>| page.place(&value.span());
    let written = entry.columns.iter().flat_map(Spanned::get_ref);
    let asked = Arc::new(AskedTable {
        query,
        place: place(&entry.table_name),
        columns: written.map(place).collect(),
        filter: entry.filter.as_ref().map(place),
        order_by: entry.order_by.as_ref().map(place),
        limit: entry.limit.as_ref().map(|limit| page.place(&limit.span())),
        pull: entry.pull_and_delete.as_ref().map(|pull| page.place(&pull.span())),
    });
    page.needs.borrow_mut().add_table(&asked);
    Some(TableInput {
        format: format?,
        is_required: entry.required.as_ref().is_none_or(|required| *required.get_ref()),
        alias,
        asked,
    })
}

/// Says what is wrong with a part of a query.
fn fragment(page: &Page<'_>, text: &Spanned<String>, code: &'static str, error: FragmentError) {
    page.error(&page.inside(text, &(error.offset..error.offset)), code, error.detail);
}

fn table_name(page: &Page<'_>, name: &Spanned<String>) -> Option<String> {
    let parts = name.get_ref().split('.');
    if parts.clone().count() <= 2 && parts.clone().all(is_identifier) {
        return Some(name.get_ref().clone());
    }
    identifier(page, "table", name)
}

pub(super) fn identifier(page: &Page<'_>, noun: &str, name: &Spanned<String>) -> Option<String> {
    if is_identifier(name.get_ref()) {
        return Some(name.get_ref().clone());
    }
    let message = format!(
        "{noun} `{}` is not a name; use lower-case letters, digits and `_`, at most 63, and no digit first",
        name.get_ref()
    );
    page.error(&name.span(), "not-a-name", message);
    None
}

fn format(page: &Page<'_>, name: &Spanned<String>) -> Option<Format> {
    let format = Format::named(name.get_ref());
    if format.is_none() {
        let help = suggestion(name.get_ref(), Format::NAMES.into_iter());
        let message = format!("unknown `format` `{}`", name.get_ref());
        page.refuse(&name.span(), "unknown-format", message, help);
    }
    format
}
