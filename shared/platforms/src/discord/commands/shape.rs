//! From the body of an answer to the result of a command.

use serde_json::{Map, Value, json};

use super::Checked;
use crate::SendError;
use crate::command::{Answer, Field, Place, Shown};

/// Where Discord keeps pictures. Source: <https://docs.discord.com/developers/reference#image-formatting>.
const PICTURES: &str = "https://cdn.discordapp.com";

pub(super) fn result(checked: &Checked<'_>, body: Value) -> Result<Value, SendError> {
    match checked.command.answer {
        Answer::Object(fields) => object(&body, fields),
        Answer::List(fields) => list(&body, fields).map(Value::Array),
        Answer::Counted(from, name, fields) => {
            let mut listed = body.pointer(from).cloned().unwrap_or_default();
            select(checked, &mut listed);
            counted(&listed, name, fields)
        }
        Answer::Done(word, is, echo) => Ok(done(checked, word, is, echo)),
        Answer::Composed => Ok(body),
    }
}

/// Keeps of a list what arguments select.
fn select(checked: &Checked<'_>, listed: &mut Value) {
    let Some(elements) = listed.as_array_mut() else { return };
    for spec in checked.command.args {
        if let (Place::Selects(pointer), Some(wanted)) = (spec.place, checked.args.get(spec.name)) {
            elements.retain(|element| element.pointer(pointer) == Some(wanted));
        }
    }
}

/// The fields of an object; the answer must be one.
pub(super) fn object(body: &Value, fields: &[Field]) -> Result<Value, SendError> {
    if body.is_object() {
        Ok(picked(body, fields))
    } else {
        Err(unexpected("an object"))
    }
}

/// The fields of each object of an array; the answer must be one.
pub(super) fn list(body: &Value, fields: &[Field]) -> Result<Vec<Value>, SendError> {
    let elements = body.as_array().ok_or_else(|| unexpected("an array"))?;
    Ok(elements.iter().map(|element| picked(element, fields)).collect())
}

pub(super) fn counted(body: &Value, name: &str, fields: &[Field]) -> Result<Value, SendError> {
    let elements = list(body, fields)?;
    let count = elements.len();
    Ok(json!({ name: elements, "count": count }))
}

fn unexpected(wanted: &str) -> SendError {
    SendError::Ambiguous {
        detail: format!("the answer is not {wanted}"),
    }
}

fn picked(body: &Value, fields: &[Field]) -> Value {
    let named = fields.iter().map(|field| (field.name.to_owned(), shown(body, field)));
    Value::Object(named.collect())
}

fn shown(object: &Value, field: &Field) -> Value {
    let value = object.pointer(field.from).unwrap_or(&Value::Null);
    match field.shown {
        Shown::AsIs => value.clone(),
        Shown::Flag => value.as_bool().unwrap_or_default().into(),
        Shown::Number => number(value).into(),
        Shown::Count => value.as_array().map_or(0, Vec::len).into(),
        Shown::Named(names) => named(value, names),
        Shown::Ids => value.as_array().map_or_else(Vec::new, |elements| ids(elements)).into(),
        Shown::Object(fields) if value.is_object() => picked(value, fields),
        Shown::Object(_) => Value::Null,
        Shown::List(fields) => list(value, fields).unwrap_or_default().into(),
        Shown::Picture(folder) => picture(object, value, folder),
        Shown::Behind(text) => value.as_str().map(|value| format!("{text}{value}")).into(),
    }
}

fn number(value: &Value) -> i64 {
    value
        .as_i64()
        .or_else(|| value.as_str()?.parse().ok())
        .unwrap_or_default()
}

fn named(value: &Value, names: &[(i64, &str)]) -> Value {
    let Some(number) = value.as_i64() else {
        return Value::Null;
    };
    let known = names.iter().find(|(known, _)| *known == number);
    known
        .map_or_else(|| format!("Unknown({number})"), |(_, name)| (*name).to_owned())
        .into()
}

fn ids(elements: &[Value]) -> Vec<Value> {
    elements.iter().map(|element| element["id"].clone()).collect()
}

fn picture(object: &Value, hash: &Value, folder: &str) -> Value {
    let (Some(id), Some(hash)) = (object["id"].as_str(), hash.as_str()) else {
        return Value::Null;
    };
    // Hashes of moving pictures begin so.
    let ending = if hash.starts_with("a_") { "gif" } else { "webp" };
    format!("{PICTURES}/{folder}/{id}/{hash}.{ending}").into()
}

fn done(checked: &Checked<'_>, word: &str, is: bool, echo: &[&str]) -> Value {
    let mut result = Map::new();
    result.insert(word.to_owned(), is.into());
    for name in echo {
        let value = match *name {
            "id" => checked.args.get("channel_id").cloned(),
            "timeout_until" => {
                let seconds = checked.args.get("duration_seconds").and_then(Value::as_i64);
                seconds.map(|seconds| (checked.call.now.timestamp() + seconds).into())
            }
            "changes" => Some(changes(checked)),
            name => checked.args.get(name).cloned(),
        };
        result.insert((*name).to_owned(), value.unwrap_or_default());
    }
    result.into()
}

/// What an edit named, as `name=value`.
fn changes(checked: &Checked<'_>) -> Value {
    let in_body = checked.command.args.iter().filter(|arg| arg.place.is_in_body());
    let given = in_body.filter_map(|arg| checked.args.get(arg.name).map(|value| (arg.name, value)));
    let named = given.map(|(name, value)| match value {
        Value::String(text) => format!("{name}={text}"),
        value => format!("{name}={value}"),
    });
    named.collect::<Vec<_>>().into()
}
