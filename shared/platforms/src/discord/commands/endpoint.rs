//! From arguments to a request, as the description of the command says.

use std::fmt::Write;

use chrono::{SecondsFormat, TimeDelta};
use serde_json::{Map, Value, json};

use super::Checked;
use crate::command::{Answer, ArgSpec, Fixed, Method, Place};

/// A request below the base URL.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: reqwest::Method,
    pub(super) segments: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Option<Value>,
    /// In the encoding of the header.
    pub(super) reason: Option<String>,
    /// Whether the body of a success is of no interest.
    pub(super) is_status_enough: bool,
}

impl Request {
    pub(super) fn new(method: Method, segments: &[&str]) -> Self {
        Self {
            method: wire_method(method),
            segments: segments.iter().map(|segment| (*segment).to_owned()).collect(),
            query: Vec::new(),
            body: None,
            reason: None,
            is_status_enough: false,
        }
    }

    pub(super) fn get(segments: &[&str]) -> Self {
        Self::new(Method::Get, segments)
    }

    pub(super) fn with_query(mut self, name: &str, value: i64) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }
}

/// The request of a command.
pub(super) fn request(checked: &Checked<'_>) -> Request {
    let command = checked.command;
    let (path, query) = command.path.split_once('?').unwrap_or((command.path, ""));
    let segments = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| filled(checked, segment));
    let mut request = Request {
        method: wire_method(command.method),
        segments: segments.collect(),
        query: query
            .split_once('=')
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect(),
        body: None,
        reason: None,
        is_status_enough: matches!(command.answer, Answer::Done(..)),
    };
    let mut body = Map::new();
    for (name, fixed) in command.fixed {
        put(&mut body, name, fixed_value(*fixed));
    }
    for arg in command.args {
        place(checked, arg, &mut request, &mut body);
    }
    let has_body = !command.fixed.is_empty() || command.args.iter().any(|arg| arg.place.is_in_body());
    // Some endpoints want an object even where nothing is in it.
    request.body = has_body.then(|| Value::Object(body));
    request
}

fn place(checked: &Checked<'_>, arg: &ArgSpec, request: &mut Request, body: &mut Map<String, Value>) {
    let value = checked.args.get(arg.name);
    match (arg.place, value) {
        (Place::QueryOr(name, _), Some(value)) => request.query.push((name.to_owned(), in_url(value))),
        (Place::QueryOr(name, default), None) => request.query.push((name.to_owned(), default.to_string())),
        (Place::Body(name), Some(value)) => put(body, name, value.clone()),
        (Place::TextInBody(name), Some(value)) => put(body, name, in_url(value).into()),
        (Place::CodeOr(name, codes, default), value) => {
            let word = value.and_then(Value::as_str).unwrap_or_default();
            let code = codes
                .iter()
                .find(|(known, _)| *known == word)
                .map_or(default, |(_, code)| *code);
            put(body, name, code.into());
        }
        (Place::DaysAsSeconds(name), Some(value)) => {
            put(body, name, (value.as_i64().unwrap_or_default() * 86_400).into());
        }
        (Place::SecondsAsEnd(name), Some(value)) => {
            let end = checked.call.now + TimeDelta::seconds(value.as_i64().unwrap_or_default());
            put(body, name, end.to_rfc3339_opts(SecondsFormat::Secs, true).into());
        }
        (Place::Reason, Some(value)) => request.reason = value.as_str().map(encoded),
        (Place::Path | Place::PathOr(_) | Place::Selects(_) | Place::Unsent, _) | (_, None) => {}
    }
}

/// A segment of a path with its argument. It is encoded where the URL is put together.
fn filled(checked: &Checked<'_>, segment: &str) -> String {
    let Some(name) = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}')) else {
        return segment.to_owned();
    };
    let default = checked
        .command
        .args
        .iter()
        .find(|arg| arg.name == name)
        .map(|arg| arg.place);
    match (checked.args.get(name), default) {
        (Some(value), _) => in_url(value),
        (None, Some(Place::PathOr(default))) => default.to_owned(),
        (None, _) => String::new(),
    }
}

fn in_url(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Puts a value under a name of which each dot leads into an object.
fn put(body: &mut Map<String, Value>, name: &str, value: Value) {
    match name.split_once('.') {
        None => {
            body.insert(name.to_owned(), value);
        }
        Some((outer, inner)) => {
            let object = body.entry(outer).or_insert_with(|| json!({}));
            if let Value::Object(object) = object {
                put(object, inner, value);
            }
        }
    }
}

fn fixed_value(fixed: Fixed) -> Value {
    match fixed {
        Fixed::Number(number) => number.into(),
        Fixed::Null => Value::Null,
        Fixed::NoMentions => json!({ "parse": [] }),
    }
}

/// The header takes UTF-8 as URLs write it. Source: <https://docs.discord.com/developers/resources/audit-log>.
fn encoded(reason: &str) -> String {
    let mut header = String::with_capacity(reason.len());
    for byte in reason.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            header.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(header, "%{byte:02X}");
        }
    }
    header
}

fn wire_method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}
