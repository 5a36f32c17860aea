//! What stands around a narrative that is tested: what the test says and nothing else.

use std::collections::BTreeMap;

use botticelli_narrative::{
    CommandCall, CommandRunner, PortError, PortFuture, Row, StateReader, TableQuery, TableReader,
};
use serde_json::Value;

use super::document::Test;

/// The tables, commands and state of a test.
pub(super) struct Stage<'t>(pub(super) &'t Test);

impl TableReader for Stage<'_> {
    /// The rows as they are given, so many as the query wants, in its columns. Filter and order are not applied.
    fn read<'a>(&'a self, query: &'a TableQuery, _: &'a str) -> PortFuture<'a, Option<Vec<Row>>> {
        let read = || {
            let Some(rows) = self.0.tables.get(&query.table) else {
                let reason = format!(
                    "the test has no rows for table `{0}`; write what the query finds in `tables.{0}`",
                    query.table
                );
                return Err(PortError::new(reason));
            };
            let rows = rows.iter().take(usize::try_from(query.limit).unwrap_or(usize::MAX));
            let rows = rows.map(|row| {
                if query.columns.is_empty() {
                    return Ok(row.clone());
                }
                let cells = query.columns.iter().map(|column| match row.get(column) {
                    Some(value) => Ok((column.clone(), value.clone())),
                    None => Err(PortError::new(format!(
                        "a row of table `{}` in the test has no column `{column}`",
                        query.table
                    ))),
                });
                cells.collect::<Result<Row, PortError>>()
            });
            Ok(Some(rows.collect::<Result<_, _>>()?))
        };
        let read = read();
        Box::pin(async { read })
    }
}

impl CommandRunner for Stage<'_> {
    fn run<'a>(&'a self, call: &'a CommandCall) -> PortFuture<'a, Result<Value, PortError>> {
        let answer = self.0.commands.get(&call.command).cloned();
        let answer = answer.ok_or_else(|| {
            PortError::new(format!(
                "the test has no answer of command `{0}`; write it in `commands.\"{0}\"`",
                call.command
            ))
        });
        Box::pin(async { answer.map(Ok) })
    }
}

impl StateReader for Stage<'_> {
    fn read<'a>(&'a self, keys: &'a [String]) -> PortFuture<'a, BTreeMap<String, Value>> {
        let known = keys
            .iter()
            .filter_map(|key| Some((key.clone(), self.0.state.get(key)?.clone())));
        let known = known.collect();
        Box::pin(async { Ok(known) })
    }
}
