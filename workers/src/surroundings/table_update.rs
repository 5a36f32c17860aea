//! The one command of the platform `database`: changing rows of a table.

use botticelli_narrative::{ArgumentKind, CommandProblem, Filter, Row};
use botticelli_toml_document::nearest;
use serde_json::{Map, Value};

use super::{problem, way_out_of_argument};

/// What narratives call the platform.
pub(crate) const PLATFORM: &str = "database";

const COMMAND: &str = "update_table";

/// Its arguments. The two ways to say which rows mean the same; the first is upstream's.
const ARGUMENTS: &[&str] = &["table_name", "where_clause", "where", "updates", "limit"];

/// The most rows that one command changes.
const MOST_ROWS: i64 = 1000;

/// What is wrong with a command of the platform, as far as its arguments are known.
pub(super) fn check(command: &str, args: &[(String, Option<Value>)]) -> Vec<CommandProblem> {
    if command != COMMAND {
        let help = match nearest(command, [COMMAND]) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has one, `{COMMAND}`"),
        };
        let message = format!("platform `{PLATFORM}` has no command `{command}`");
        return vec![problem(None, message, Some(help))];
    }
    let mut problems: Vec<CommandProblem> = args
        .iter()
        .filter_map(|(name, value)| wrong(name, value.as_ref()))
        .collect();
    let is_given = |name: &str| args.iter().any(|(given, _)| given == name);
    let wanted = [
        (
            "table_name",
            "write `table_name = \"…\"`, the table whose rows are changed",
        ),
        (
            "updates",
            "write `[bots.NAME.updates]` with a value for each column that is changed",
        ),
    ];
    for (name, help) in wanted {
        if !is_given(name) {
            problems.push(missing(name, help));
        }
    }
    match (is_given("where_clause"), is_given("where")) {
        (false, false) => problems.push(missing(
            "where_clause",
            "write which rows are meant, such as `where_clause = \"id = 7\"`; a command that changes every row is not run",
        )),
        (true, true) => problems.push(problem(
            Some("where"),
            format!("`where` and `where_clause` of `{COMMAND}` mean the same"),
            Some("leave one of them out".to_owned()),
        )),
        (true, false) | (false, true) => {}
    }
    problems
}

/// What the text of an argument is.
pub(super) fn kind(argument: &str) -> ArgumentKind {
    match argument {
        "table_name" => ArgumentKind::Name,
        "where_clause" | "where" => ArgumentKind::Filter,
        _ => ArgumentKind::Value,
    }
}

fn missing(name: &str, help: &str) -> CommandProblem {
    let message = format!("`{COMMAND}` cannot do without the argument `{name}`");
    problem(None, message, Some(help.to_owned()))
}

/// What is wrong with one argument.
fn wrong(name: &str, value: Option<&Value>) -> Option<CommandProblem> {
    if !ARGUMENTS.contains(&name) {
        let message = format!("`{COMMAND}` takes no argument `{name}`");
        return Some(problem(Some(name), message, Some(way_out_of_argument(name, ARGUMENTS))));
    }
    let value = value?;
    let expected = match name {
        "updates" => match value.as_object() {
            Some(updates) if !updates.is_empty() => return updates.iter().find_map(|(column, new)| unfit(column, new)),
            _ => "a table with a value for each column that is changed, and at least one",
        },
        "limit" => {
            // A template always leaves a text.
            let number = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
            if number.is_some_and(|number| (1..=MOST_ROWS).contains(&number)) {
                return None;
            }
            "a whole number from 1 to 1000"
        }
        _ if value.as_str().is_some_and(|text| !text.trim().is_empty()) => return None,
        _ => "a text that is not blank",
    };
    let message = format!("argument `{name}` must be {expected}");
    Some(problem(Some(name), message, None))
}

/// A new value that no column takes.
fn unfit(column: &str, value: &Value) -> Option<CommandProblem> {
    let is_nul = value.as_str().is_some_and(|text| text.contains('\0'));
    is_nul.then(|| {
        let message =
            format!("the new value of column `{column}` holds the character U+0000, which no table can store");
        problem(Some("updates"), message, None)
    })
}

/// A change of rows, read.
pub(crate) struct TableUpdate {
    pub(crate) table: String,
    pub(crate) filter: Filter,
    pub(crate) values: Row,
    pub(crate) limit: u32,
}

/// Why a change cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WrongUpdate {
    #[error("{0}")]
    Argument(String),
    #[error("argument `{argument}`, at its character {place}: {detail}")]
    Filter {
        argument: &'static str,
        place: usize,
        detail: String,
    },
}

/// Reads the arguments once they are known.
pub(crate) fn read(args: &Map<String, Value>) -> Result<TableUpdate, WrongUpdate> {
    let given: Vec<(String, Option<Value>)> = args
        .iter()
        .map(|(name, value)| (name.clone(), Some(value.clone())))
        .collect();
    if let Some(problem) = check(COMMAND, &given).into_iter().next() {
        return Err(WrongUpdate::Argument(problem.message));
    }
    let text = |name: &str| args.get(name).and_then(Value::as_str).unwrap_or_default();
    let argument = if args.contains_key("where") {
        "where"
    } else {
        "where_clause"
    };
    let filter = Filter::parse(text(argument)).map_err(|error| WrongUpdate::Filter {
        argument,
        place: text(argument)[..error.offset].chars().count() + 1,
        detail: error.detail,
    })?;
    let limit = args.get("limit").and_then(|limit| match limit {
        Value::String(text) => text.trim().parse().ok(),
        number => number.as_u64().and_then(|number| u32::try_from(number).ok()),
    });
    Ok(TableUpdate {
        table: text("table_name").to_owned(),
        filter,
        values: args
            .get("updates")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default(),
        limit: limit.unwrap_or(1000),
    })
}
